"""Jobs cut into shards, as an array job makes them, and what merge makes of these: the bytes of one
run."""

import filecmp
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time

import h5py
import numpy as np

from support import PATIENCE, RANKINE, Case, environment, main, rankine

DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
LATER = {"SOURCE_DATE_EPOCH": "1800000000"}


class Shard(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.input = os.path.join("/tmp", f"rankine-shard-{os.getpid()}.nc")
        values = np.random.default_rng(1).normal(280, 10, (200, 60, 100)).astype("f4").round(1)
        with h5py.File(cls.input, "w") as file:
            data = file.create_dataset("t2m", data=values, chunks=(2, 30, 50), compression=1)
            for axis, name in enumerate(("time", "lat", "lon")):
                file[name] = np.arange(values.shape[axis], dtype="f8")
                file[name].make_scale(name)
                data.dims[axis].attach_scale(file[name])

    @classmethod
    def tearDownClass(cls):
        os.unlink(cls.input)
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        os.symlink(self.input, self.path("s.nc"))

    def run_dated(self, *words, ranks=0, dated=LATER, **options):
        if ranks:
            return self.run_ranks(*words, ranks=ranks, variables=dated, **options)
        return self.run_here(*words, env=environment(**dated), **options)

    def shard(self, words, number, count, ranks=0, **options):
        result = self.run_dated(*words, "-o", "o.nc", "--shard", f"{number}/{count}",
                                ranks=ranks, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(os.path.exists(self.path("o.nc")))
        return result.stderr.decode()

    def all_shards(self, words, count, ranks=(0, 2, 1)):
        """In any order, each on other ranks."""
        told = ""
        for i in reversed(range(count)):
            dated = DATED if i == 0 else LATER
            told += self.shard(words, i + 1, count, ranks[i % len(ranks)], dated=dated)
        return told

    def whole(self, words):
        result = self.run_dated(*words, "-o", "whole.nc", dated=DATED)
        self.assertEqual(result.returncode, 0, result.stderr)

    def merge(self, *words, ranks=0):
        result = self.run_dated("merge", "o.nc", *words, ranks=ranks)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_same()
        return result.stderr.decode()

    def assert_same(self):
        self.assertTrue(filecmp.cmp(self.path("whole.nc"), self.path("o.nc"), shallow=False))
        self.assertEqual([name for name in self.entries() if "rankine" in name or "part" in name],
                         [])

    def bytes_read(self, name):
        with open(self.path(name)) as file:
            return sum(rank["bytes_read"] for rank in json.load(file)["ranks_detail"])

    def test_together_they_make_the_bytes_of_one_run(self):
        cases = {
            "chunks": ["eval", "a = t2m * 2 + 1", "s.nc"],
            "without_filters": ["eval", "a = t2m * 2 + 1", "s.nc", "--codec", "none"],
            "columns": ["eval", "m = mean(t2m, time)", "s.nc"],
            "one_number": ["eval", "m = mean(t2m); h = max(t2m) - min(t2m)", "s.nc"],
            "mixed": ["eval", "m = mean(t2m); z = mean(t2m, lon); a = t2m - mean(t2m, time)",
                      "s.nc"],
            "rechunk": ["rechunk", "s.nc", "-c", "time=50,lat=10"],
            "subset": ["subset", "s.nc", "-d", "time,3,170"],
            "copied": ["concat", "s.nc"],
        }
        for case, words in cases.items():
            for count, ranks in ((3, 2), (7, 0)):
                with self.subTest(case=case, count=count):
                    self.whole([*words, "--overwrite"])
                    told = self.all_shards(words, count)
                    self.assertIn(f"shard 2 of {count} is finished; ", told)
                    self.assertIn("when all are: rankine merge ", told)
                    self.assertIn(f"took over {count} shards", self.merge(ranks=ranks))
                    os.unlink(self.path("o.nc"))

    def test_they_share_the_work_and_leave_little(self):
        """Of results in one chunk as well: the trees are cut."""
        for program in ("a = t2m * 2", "m = mean(t2m, time)", "m = mean(t2m)"):
            with self.subTest(program=program):
                words = ["eval", program, "s.nc", "--stages"]
                self.whole([*words, "whole.json", "--overwrite"])
                everything = self.bytes_read("whole.json")
                for i in (1, 2, 3, 4):
                    self.shard([*words, f"{i}.json"], i, 4, dated=DATED)
                    self.assertLess(self.bytes_read(f"{i}.json"), 0.4 * everything)
                self.merge("--stages", "merge.json")
                self.assertLess(self.bytes_read("merge.json"), 0.01 * everything)
                os.unlink(self.path("o.nc"))

    def test_merge_waits_for_all_and_says_for_whom(self):
        words = ["eval", "a = t2m * 2 + 1", "s.nc"]
        result = self.run_here("merge", "o.nc")
        self.assert_block(result, 3, "no shards", "--shard 1/N")
        self.shard(words, 2, 4)
        result = self.run_here("merge", "o.nc")
        self.assert_block(result, 3, "shards 1, 3 and 4 of 4 are not finished", "--shard 1/4")
        self.shard(words, 1, 5)
        self.assert_block(self.run_here("merge", "o.nc"), 3, "of 4 and of 5")
        result = self.run_here(*words, "-o", "o.nc", "--merge")
        self.assert_block(result, 3, "of 4 and of 5")

    def test_a_stopped_shard_goes_on(self):
        words = ["eval", "a = sin(cos(sin(cos(t2m)))) + 1", "s.nc", "--codec", "deflate-9",
                 "--threads", "1"]
        self.whole(words)
        journal = self.path(".o.nc.shard-2-of-2.rankine")
        command = [RANKINE, *words, "-o", "o.nc", "--shard", "2/2"]
        process = subprocess.Popen(command, cwd=self.folder, env=environment(**LATER),
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        end = time.monotonic() + PATIENCE
        log = os.path.join(journal, "log.0")
        while not os.path.exists(log) or os.path.getsize(log) < 200_000:
            self.assertLess(time.monotonic(), end)
            self.assertIsNone(process.poll())
            time.sleep(0.002)
        process.send_signal(signal.SIGSTOP)
        shards = self.json("status", self.path("o.nc"), "--json")["shards"]
        self.assertEqual([(s["number"], s["count"], s["state"]) for s in shards],
                         [(2, 2, "running")])
        self.assert_block(self.run_here("merge", "o.nc"), 3, "shards 1 and 2 of 2")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        told = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertEqual(process.returncode, 75, told)
        self.shard(words, 1, 2, dated=DATED)
        self.assert_block(self.run_here("merge", "o.nc"), 3, "shard 2 of 2 is not finished",
                          "--shard 2/2 --resume")
        text = rankine("status", self.path("o.nc")).stdout.decode()
        self.assertIn("shard 1 of 2: finished", text)
        self.assertIn("shard 2 of 2: stopped", text)
        self.assertNotIn("rankine merge", text)
        told = self.shard([*words, "--resume"], 2, 2)
        found = int(re.search(r"resuming: (\d+) of", told).group(1))
        self.assertGreater(found, 0)
        self.assertIn("nothing is left to do", self.shard([*words, "--resume"], 2, 2))
        status = self.json("status", self.path("o.nc"), "--json")
        self.assertEqual(status["state"], "shards finished")
        self.merge("--threads", "2", "--memory", "1GiB", "--resume")

    def test_a_merge_that_was_killed_is_done_again(self):
        words = ["eval", "m = mean(t2m); a = t2m * 2 + 1", "s.nc"]
        self.whole(words)
        self.all_shards(words, 5)
        process = subprocess.Popen([RANKINE, "merge", "o.nc"], cwd=self.folder,
                                   env=environment(**LATER), stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while os.path.exists(self.path(".o.nc.shard-1-of-5.rankine")) and process.poll() is None:
            self.assertLess(time.monotonic(), end)
        process.kill()
        process.wait()
        # It may have been quick; then there is nothing left to do.
        self.assertEqual(self.run_dated("merge", "o.nc", ranks=2).returncode, 0)
        self.assert_same()

    def run_out_of_room(self, *words):
        """What it finished stays in the journal of its output."""
        def little_room():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        result = self.run_dated(*words, preexec_fn=little_room)
        self.assertEqual(result.returncode, 75, result.stderr)
        self.assertIn(".o.nc.rankine", self.entries())

    def test_a_merge_that_ran_out_of_room_goes_on_by_resume_as_well(self):
        words = ["eval", "m = mean(t2m); a = t2m * 2 + 1", "s.nc"]
        self.whole(words)
        self.all_shards(words, 7)
        self.run_out_of_room("merge", "o.nc")
        self.assertEqual([name for name in self.entries() if "shard" in name], [])
        told = self.shard([*words, "--resume"], 2, 7)
        self.assertIn("shard 2 of 7 was taken over", told)
        result = self.run_dated(*words, "-o", "o.nc", "--resume")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"resuming: 400 of 400 chunks", result.stderr)
        self.assert_same()

    def test_the_journal_of_a_run_that_was_no_merge_counts_for_nothing(self):
        words = ["eval", "a = t2m * 2 + 1", "s.nc"]
        self.whole(words)
        self.all_shards(words, 3)
        self.run_out_of_room("eval", "a = t2m * 2 + 2", "s.nc", "-o", "o.nc")
        self.assertIn("discarded what an earlier run left", self.merge())

    def test_only_shards_of_one_job_are_merged(self):
        words = ["eval", "a = t2m * 2 + 1", "s.nc"]
        self.shard(words, 1, 2)
        self.shard(["eval", "a = t2m * 2 + 2", "s.nc"], 2, 2)
        self.assert_block(self.run_here("merge", "o.nc", "--quiet"), 2, "another expression")
        self.assertFalse(os.path.exists(self.path("o.nc")))
        self.assertIn(".o.nc.shard-2-of-2.rankine", self.entries())
        # The right one in its place.
        self.shard(words, 2, 2)
        self.whole(words)
        self.run_dated(*words, "-o", "o.nc", "--merge")
        with h5py.File(self.path("o.nc")) as mine, h5py.File(self.path("whole.nc")) as whole:
            np.testing.assert_array_equal(mine["a"][()], whole["a"][()])
        result = self.run_dated(*words, "-o", "o.nc", "--merge")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"nothing is left to do", result.stderr)

    def test_a_merge_that_cannot_be_discards_nothing(self):
        words = ["eval", "a = t2m * 2 + 1", "s.nc"]
        self.whole(words)
        self.run_out_of_room(*words, "-o", "o.nc")
        self.shard(words, 1, 2)
        for command in (["merge", "o.nc"], [*words, "-o", "o.nc", "--merge"]):
            self.assert_block(self.run_here(*command), 3, "shard 2 of 2 is not finished")
        result = self.run_dated(*words, "-o", "o.nc", "--resume")
        self.assertRegex(result.stderr.decode(), r"resuming: [1-9]\d* of 400")
        # The shard is of no use any more.
        self.shard_entries = [name for name in self.entries() if "shard" in name]
        self.assertEqual(self.shard_entries, [".o.nc.shard-1-of-2.rankine"])
        self.assertEqual(self.json("status", self.path("o.nc"), "--json")["state"], "whole")
        self.run_dated(*words, "-o", "o.nc", "--merge")
        self.assertEqual(self.run_dated(*words, "-o", "o.nc", "--merge").returncode, 3)

    def test_a_copied_folder_is_not_merged_where_it_came_from(self):
        words = ["rechunk", "s.nc", "-c", "time=50,lat=10"]
        self.all_shards(words, 2)
        job = self.run_here("submit", "--print", "--", "merge", "o.nc")
        self.assertIn(b" merge o.nc\n", job.stdout, job.stderr)
        other = self.path("other")
        shutil.copytree(self.folder, other, symlinks=True)
        result = rankine("merge", "o.nc", cwd=other)
        self.assert_block(result, 2, "another place", self.path("o.nc"))
        # From another folder, by another name of it.
        os.symlink(self.folder, os.path.join(other, "link"))
        result = rankine("merge", "link/o.nc", "--stages", "s.json", cwd=other)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(os.path.exists(self.path("o.nc")))
        self.assertTrue(os.path.exists(os.path.join(other, "s.json")))
        for command in (["merge", "o.nc"], [*words, "-o", "o.nc", "--merge"]):
            result = self.run_here(*command)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(b"nothing is left to do", result.stderr)

    def test_what_makes_no_sense_is_refused(self):
        words = ["eval", "a = t2m * 2", "s.nc", "-o", "o.nc"]
        for text in ("0/4", "5/4", "1", "1/", "/4", "1/0", "-1/4", "01/4", "1/99999", "1/4/4"):
            self.assert_block(self.run_here(*words, f"--shard={text}"), 2, "--shard", "3/8")
        self.assert_block(self.run_here(*words, "--shard", "1/2", "--merge"), 2, "exclude")
        self.assert_block(self.run_here(*words[:3], "--shard", "1/2"), 2, "needs an output")
        self.assert_block(self.run_here("merge", "nowhere/o.nc"), 3, "folder")
        long = "n" * 240
        self.assert_block(self.run_here(*words[:4], long, "--shard", "1/2"), 2, "too long")
        self.run_here("sample", "-o", "s2.nc", "--shape", "400,180,360", "--chunks", "8,90,180",
                      "--deflate", "1")
        self.assert_block(
            self.run_here("rechunk", "s2.nc", "-o", "o.nc", "-c", "time=400,lat=9,lon=9",
                          "--memory", "190MiB", "--shard", "1/2", "--quiet"), 4, "scratch",
            "shard 1 of 2")
        self.assertEqual([name for name in self.entries() if name.startswith(".")], [])


if __name__ == "__main__":
    main()
