"""Runs that end before their output is whole, in every way, and those that go on with --resume."""

import filecmp
import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import h5py
import numpy as np

from support import (LAUNCH, PATIENCE, RANKINE, Case, environment, launcher, main, rankine,
                     sanitized, without_quarantine)


def kill(number):
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_all(process):
    """A run and, of an mpirun, its ranks: they would go on for a moment."""
    started = launcher.below(process.pid)
    process.kill()
    for number in started:
        kill(number)


def kill_one_rank(process, chance):
    """Of an mpirun, which ends the others; of one that has not started its ranks, itself."""
    ranks = launcher.ranks_of(process)
    kill(chance.choice(ranks) if ranks else process.pid)


DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
LATER = {"SOURCE_DATE_EPOCH": "1800000000"}
ANOMALY = ["eval", "a = t2m * 2 + 1", "s.nc", "--codec", "deflate-9"]
MEAN = ["eval", "m = mean(t2m, time)", "s.nc"]


class Resume(Case):
    """Every case has an input of 400 chunks, in the order of time."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.input = os.path.join("/tmp", f"rankine-resume-{os.getpid()}.nc")
        values = np.random.default_rng(1).normal(280, 10, (400, 60, 100)).astype("f4").round(1)
        with h5py.File(cls.input, "w") as file:
            data = file.create_dataset("t2m", data=values, chunks=(1, 60, 100), compression=1)
            for axis, name in enumerate(("time", "lat", "lon")):
                file[name] = np.arange(data.shape[axis], dtype="f8")
                file[name].make_scale(name)
                data.dims[axis].attach_scale(file[name])
        cls.addClassCleanup(os.unlink, cls.input)

    def setUp(self):
        super().setUp()
        shutil.copy2(self.input, self.path("s.nc"))
        self.journal = self.path(".o.nc.rankine")

    def logged(self, journal=None):
        return sum(os.path.getsize(log) for log in glob.glob((journal or self.journal) + "/log.*"))

    def start(self, words, ranks=0, **options):
        launch = [*LAUNCH, "-n", str(ranks)] if ranks else []
        env = self.mpi_environment(**DATED) if ranks else environment(**DATED)
        process = subprocess.Popen([*launch, RANKINE, *words, "-o", "o.nc"], cwd=self.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, env=env, **options)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def stop(self, words, size, how, ranks=0, journal=None):
        """Starts a run and ends it once its logs are so long; its exit code and what it told."""
        process = self.start([*words, "--threads", "1"], ranks)
        end = time.monotonic() + PATIENCE
        while self.logged(journal) < size:
            self.assertIsNone(process.poll(), "it ended too early")
            self.assertLess(time.monotonic(), end, "it does not get on")
            time.sleep(0.001)
        how(process)
        told = process.communicate(timeout=PATIENCE)[1].decode()
        return process.returncode, told

    def resume(self, words, ranks=0, date=LATER):
        run = self.run_ranks if ranks else self.run_here
        more = {"ranks": ranks, "variables": date} if ranks else {"env": environment(**date)}
        result = run(*words, "-o", "o.nc", "--resume", "--stages", "stages.json", **more)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.told = result.stderr
        found = re.search(rb"resuming: (\d+) of (\d+) chunks are there", result.stderr)
        with open(self.path("stages.json")) as file:
            read = sum(rank["bytes_read"] for rank in json.load(file)["ranks_detail"])
        return (int(found[1]) if found else None), read

    def reference(self, words):
        result = rankine(*words, "-o", self.path("r.nc"), "--stages", self.path("r.json"),
                         cwd=self.folder, env=environment(**DATED))
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        with open(self.path("r.json")) as file:
            return json.load(file)["ranks_detail"][0]["bytes_read"]

    def assert_same(self):
        self.assertTrue(filecmp.cmp(self.path("o.nc"), self.path("r.nc"), shallow=False))
        self.assertFalse(os.path.exists(self.journal))
        self.assertFalse(os.path.exists(self.path("o.nc.part")))

    def test_a_killed_run_goes_on_with_what_it_finished(self):
        whole = self.reference(ANOMALY)
        self.stop(ANOMALY, 2_000_000, lambda process: process.kill())
        self.assertFalse(os.path.exists(self.path("o.nc")))
        status = json.loads(rankine("status", self.path("o.nc"), "--json").stdout)
        self.assertEqual(status["state"], "stopped")
        finished = status["variables"][0]["finished_chunks"]
        self.assertGreater(finished, 50)
        found, read = self.resume(ANOMALY)
        self.assertEqual(found, finished)
        self.assertLess(read, whole * (1 - finished / 400) * 1.02 + 1000)
        self.assert_same()

    def test_any_ranks_and_threads_go_on(self):
        self.reference(ANOMALY)
        for ranks, then in ((0, 3), (2, 0), (3, 2)):
            with self.subTest(ranks=ranks, then=then):
                # mpirun ends the other ranks of one that was killed.
                def kill(process):
                    if not ranks:
                        return process.kill()
                    os.kill(launcher.ranks_of(process)[-1], signal.SIGKILL)
                code, told = self.stop(ANOMALY, 1_000_000, kill, ranks)
                self.assertNotEqual(code, 0)
                self.assertFalse(os.path.exists(self.path("o.nc")), told)
                self.wait_for_ranks()
                found, _ = self.resume(ANOMALY, then)
                self.assertGreater(found, 20)
                self.assert_same()
                os.unlink(self.path("o.nc"))

    @without_quarantine()
    def test_a_copy_by_way_of_scratch_goes_on(self):
        """Stopped while it fills the scratch file, and while it writes the output from there."""
        result = self.run_here("sample", "-o", "s.nc", "--shape", "400,180,360", "--chunks",
                               "8,90,180", "--deflate", "1", "--overwrite")
        self.assertEqual(result.returncode, 0, result.stderr)
        little = "205MiB" if sanitized() else "190MiB"
        words = ["rechunk", "s.nc", "-c", "time=400,lat=9,lon=9", "--memory", little]
        self.reference(words)
        in_scratch = self.path("..rankine-*.scratch.rankine")
        for part, journal in enumerate((in_scratch, self.journal, self.journal, self.journal)):
            with self.subTest(part=part):
                how = kill_all if part % 2 else lambda process: process.send_signal(signal.SIGTERM)
                code, told = self.stop(words, 300_000, how, journal=journal)
                self.assertEqual(code, -9 if part % 2 else 75, told)
                status = json.loads(rankine("status", self.path("o.nc"), "--json").stdout)
                self.assertEqual((status["state"], status["scratch"]), ("stopped", part == 0))
                # Another number of ranks cuts scratch in another way; the output is no other.
                found, _ = self.resume(words, ranks=2 if part == 3 else 0)
                # What a sanitized program takes varies, and with it how scratch is cut.
                if part > 0 or not sanitized():
                    self.assertGreater(found, 0)
                if part in (1, 2):
                    self.assertIn(b".scratch is whole: nothing is left to do", self.told)
                self.assert_same()
                self.assertEqual([e for e in self.entries() if "scratch" in e], [])
                self.assertIn(b"nothing is left to do",
                              self.run_here(*words, "-o", "o.nc", "--resume").stderr)
                os.unlink(self.path("o.nc"))

    def test_states_of_a_mean_are_kept(self):
        whole = self.reference(MEAN)
        # Slow tasks log more, of each part of the work.
        self.stop(MEAN, 400_000 if sanitized() else 100_000, lambda process: process.kill())
        found, read = self.resume(MEAN)
        self.assertEqual(found, 0)
        self.assertLess(read, 0.9 * whole)
        self.assert_same()

    def test_a_reduction_to_one_number_goes_on(self):
        words = ["eval", "m = mean(" + "sin(" * 30 + "t2m" + ")" * 31, "s.nc"]
        whole = self.reference(words)
        code, told = self.stop(words, 600, lambda process: process.send_signal(signal.SIGTERM))
        self.assertEqual(code, 75, told)
        self.assertIn("partial results are kept", told)
        self.assertLess(self.resume(words, 2)[1], 0.99 * whole)
        self.assert_same()

    def test_states_count_for_the_same_layers_only(self):
        self.reference(MEAN)
        self.stop([*MEAN, "--no-fuse"], 100_000, lambda process: process.kill())
        self.resume(MEAN, 2)
        self.assert_same()

    def test_a_signal_leaves_a_journal_and_says_so(self):
        self.reference(ANOMALY)
        code, told = self.stop(ANOMALY, 500_000,
                               lambda process: process.send_signal(signal.SIGTERM))
        self.assertEqual(code, 75, told)
        kept = re.search(r"stopped by signal 15; (\d+) of 400 chunks are kept", told)
        self.assertTrue(kept, told)
        self.assertIn("try: the same command with --resume", told)
        text = rankine("status", self.path("o.nc")).stdout.decode()
        self.assertIn(f"stopped, {kept[1]} of 400 chunks are finished", text)
        found, _ = self.resume(ANOMALY)
        self.assertEqual(found, int(kept[1]))
        self.assert_same()

    def test_ranks_that_are_told_to_stop_leave_a_journal(self):
        self.reference(ANOMALY)
        code, told = self.stop(ANOMALY, 500_000,
                               lambda process: process.send_signal(signal.SIGUSR1), ranks=2)
        if launcher.keeps_code_after(signal.SIGUSR1):
            self.assertEqual(code, 75, told)
        self.assertIn("chunks are kept", told)
        self.resume(ANOMALY, 2)
        self.assert_same()

    def test_a_run_out_of_room_goes_on_when_there_is_some(self):
        self.reference(ANOMALY)
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        result = self.run_here(*ANOMALY, "-o", "o.nc", "--quiet", env=environment(**DATED),
                               preexec_fn=limit)
        self.assert_block(result, 75, "File too large", "of 400 chunks are kept", "--resume")
        found, _ = self.resume(ANOMALY)
        self.assertGreater(found, 50)
        self.assert_same()

    def test_a_run_that_was_stopped_again_and_again_ends(self):
        self.reference(ANOMALY)
        words = ANOMALY
        for part in range(1, 4):
            self.stop(words, self.logged() + 400_000, kill_all, ranks=part % 3)
            self.wait_for_ranks()
            words = [*ANOMALY, "--resume"]
        self.resume(ANOMALY)
        self.assert_same()

    def test_kills_at_any_moment(self):
        seed = random.randrange(1 << 32)
        print("seed", seed)
        chance = random.Random(seed)
        words = ["eval", "a = t2m - mean(t2m, time); m = max(t2m, time)", "s.nc"]
        self.reference(words)
        seconds = {}
        for ranks in (0, 2):
            begun = time.monotonic()
            self.resume(words, ranks, DATED)
            seconds[ranks] = time.monotonic() - begun
            os.unlink(self.path("o.nc"))
        for kill in range(int(os.environ.get("RANKINE_KILLS", "8"))):
            if os.path.exists(self.path("o.nc")):
                os.unlink(self.path("o.nc"))
            one_rank = kill % 2 == 1
            ranks = 2 if one_rank else chance.choice((0, 0, 2))
            process = self.start([*words, "--resume"], ranks)
            try:
                process.wait(chance.uniform(0, 1.2 * seconds[ranks]))
            except subprocess.TimeoutExpired:
                if one_rank:
                    kill_one_rank(process, chance)
                else:
                    kill_all(process)
                process.wait(PATIENCE)
            if process.returncode != 0:
                self.assertFalse(os.path.exists(self.path("o.nc")) and
                                 not filecmp.cmp(self.path("o.nc"), self.path("r.nc"), False))
                self.wait_for_ranks()
                self.resume(words, date=DATED)
            self.assert_same()

    def wait_for_ranks(self):
        """Until those of a dead mpirun are gone."""
        end = time.monotonic() + PATIENCE
        while json.loads(rankine("status", self.path("o.nc"), "--json").stdout or
                         '{"state": ""}')["state"] == "running":
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def refused(self, *words, says):
        before = {name: os.path.getsize(name) for name in glob.glob(self.journal + "/*")}
        result = self.run_here(*words, "-o", "o.nc", "--resume", "--quiet")
        self.assert_block(result, 2, says, "without --resume")
        self.assertEqual({name: os.path.getsize(name) for name in before}, before)

    def test_a_journal_of_another_job_is_refused_and_stays(self):
        self.stop(ANOMALY, 300_000, lambda process: process.kill())
        self.refused("eval", "a = t2m * 2 + 2", "s.nc", "--codec", "deflate-9",
                     says="another expression")
        self.refused("eval", "a = t2m * 2 + 1", "s.nc", says="another expression")
        self.refused(*ANOMALY, "--chunks", "2,60,100", says="another expression")
        self.refused(*ANOMALY, "--default-fill", says="another expression")
        times = os.stat(self.path("s.nc"))
        os.utime(self.path("s.nc"), ns=(times.st_atime_ns, times.st_mtime_ns + 1))
        self.refused(*ANOMALY, says="s.nc changed")
        os.utime(self.path("s.nc"), ns=(times.st_atime_ns, times.st_mtime_ns))
        result = self.run_here(*ANOMALY, "-o", "o.nc", "--resume", "--memory", "1MiB", "--quiet")
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertGreater(self.logged(), 0)
        result = self.run_here(*ANOMALY, "-o", "o.nc")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"discarded what an earlier run left", result.stderr)

    def test_the_same_files_by_a_pattern_from_another_folder_are_the_same_job(self):
        shutil.copy2(self.input, self.path("s2.nc"))
        with h5py.File(self.path("s2.nc"), "r+") as file:
            file["time"][...] += 400
        def words(pattern):
            return ["eval", "a = t2m * 2 + 1", pattern, "--codec", "deflate-9"]
        self.stop(words("s*.nc"), 300_000, lambda process: process.kill())
        os.mkdir(self.path("there"))
        result = rankine(*words("../s*.nc"), "-o", "../o.nc", "--resume", cwd=self.path("there"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"resuming: ", result.stderr)

    def test_raw_files_of_external_storage_are_inputs(self):
        values = np.random.default_rng(2).normal(280, 10, (4000, 1000)).astype("f4").round(1)
        values.tofile(self.path("raw.bin"))
        with h5py.File(self.path("s.nc"), "w") as file:
            file.create_dataset("t2m", values.shape, "f4", external=[("raw.bin", 0, values.nbytes)])
        words = [*ANOMALY, "--allow-external", "--chunks", "100,1000"]  # 400 kB at the most
        self.stop(words, 1_000_000, lambda process: process.kill())
        times = os.stat(self.path("raw.bin"))
        os.utime(self.path("raw.bin"), ns=(times.st_atime_ns, times.st_mtime_ns + 1))
        self.refused(*words, says="raw.bin changed")
        os.utime(self.path("raw.bin"), ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assertGreater(self.resume(words)[0], 0)

    def test_a_damaged_record_is_made_again(self):
        self.reference(ANOMALY)
        self.stop(ANOMALY, 600_000, lambda process: process.kill())
        log = self.journal + "/log.0"
        with open(log, "r+b") as file:
            file.seek(self.logged() // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 64]))
        result = self.run_here(*ANOMALY, "-o", "o.nc", "--resume", env=environment(**LATER))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"damaged records are made again: 1", result.stderr)
        self.assert_same()

    def test_status_looks_whether_an_output_opens(self):
        with open(self.path("o.nc"), "wb") as file:
            file.write(b"\x89HDF\r\n\x1a\n" + bytes(100))
        self.assert_block(self.run_here("status", "o.nc"), 3, "cannot open the file")

    def test_a_whole_output_is_nothing_to_do(self):
        self.resume(ANOMALY)
        made = os.stat(self.path("o.nc"))
        result = self.run_here(*ANOMALY, "-o", "o.nc", "--resume")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"o.nc is whole: nothing is left to do", result.stderr)
        self.assertEqual(os.stat(self.path("o.nc")).st_ino, made.st_ino)
        status = json.loads(rankine("status", self.path("o.nc"), "--json").stdout)
        self.assertEqual(status["state"], "whole")
        other = ["eval", "a = t2m * 3", "s.nc", "-o", "o.nc", "--resume", "--quiet"]
        self.assert_block(self.run_here(*other), 2, "the output exists, made by another job")
        result = self.run_here(*other, "--overwrite")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.run_here(*other).returncode, 0)
        # An older file in the place of the input.
        shutil.copy2(self.path("s.nc"), self.path("older.nc"))
        os.utime(self.path("older.nc"), ns=(10**18, 10**18))
        os.rename(self.path("older.nc"), self.path("s.nc"))
        self.assert_block(self.run_here(*other), 2, "the output exists")

    def test_nothing_to_tell_of(self):
        self.assert_block(self.run_here("status", "o.nc"), 3, "neither an output nor a run")


if __name__ == "__main__":
    main()
