"""Chunks without filters go straight to their places in the part file. The way by the log, which
`--straight off` takes, is the oracle; whatever becomes of the part file, the output is the same."""

import filecmp
import glob
import json
import os
import random
import re
import resource
import signal
import subprocess
import time

import h5py
import numpy as np

from support import LAUNCH, PATIENCE, RANKINE, Case, environment, launcher, main, rankine

DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
LATER = {"SOURCE_DATE_EPOCH": "1800000000"}
CHUNK = 4 * 40 * 50
SLOW = ["eval", "a = " + "sin(" * 40 + "t2m" + ")" * 40, "s.nc", "--codec", "none"]


class Straight(Case):
    """Every case has an input of 300 chunks, in the order of time."""

    def setUp(self):
        super().setUp()
        values = np.random.default_rng(2).normal(0, 1, (300, 40, 50)).astype("f4")
        with h5py.File(self.path("s.nc"), "w") as file:
            file["time"] = np.arange(300, dtype="f8")
            file["time"].make_scale("time")
            # In the order of their names: one with filters between two without.
            for name, how in (("t2m", {}), ("u", {"compression": 1}), ("v", {})):
                data = file.create_dataset(name, data=values, chunks=(1, 40, 50), **how)
                data.dims[0].attach_scale(file["time"])
        self.part, self.journal = self.path("o.nc.part"), self.path(".o.nc.rankine")

    def logged(self):
        return sum(os.path.getsize(log) for log in glob.glob(self.journal + "/log.*"))

    def reference(self, words):
        result = self.run_here(*words, "-o", "r.nc", "--straight", "off", "--quiet",
                               env=environment(**DATED))
        self.assertEqual(result.returncode, 0, result.stderr)

    def stop(self, how, ranks=0, records=60, words=SLOW):
        """Ends a run once its logs have so many records; its exit code and what it told."""
        launch = [*LAUNCH, "-n", str(ranks)] if ranks else []
        env = self.mpi_environment(**DATED) if ranks else environment(**DATED)
        process = subprocess.Popen([*launch, RANKINE, *words, "-o", "o.nc", "--threads", "1"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=env)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        end = time.monotonic() + PATIENCE
        while self.logged() < 48 * records:
            self.assertIsNone(process.poll(), "it ended too early")
            self.assertLess(time.monotonic(), end, "it does not get on")
            time.sleep(0.001)
        how(process)
        told = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertFalse(os.path.exists(self.path("o.nc")))
        self.wait_for_ranks()
        return process.returncode, told

    def wait_for_ranks(self):
        end = time.monotonic() + PATIENCE
        while self.status()["state"] == "running":
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def status(self):
        return json.loads(rankine("status", self.path("o.nc"), "--json").stdout or
                          '{"state": "", "variables": []}')

    def finished(self):
        return self.status()["variables"][0]["finished_chunks"]

    def resume(self, *more, ranks=0, words=SLOW):
        """Goes on to the bytes of the reference; how many chunks were there."""
        words = [*words, "-o", "o.nc", "--resume", *more]
        result = (self.run_ranks(*words, ranks=ranks, variables=LATER) if ranks else
                  self.run_here(*words, env=environment(**LATER)))
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertTrue(filecmp.cmp(self.path("o.nc"), self.path("r.nc"), shallow=False))
        self.assertFalse(os.path.exists(self.journal) or os.path.exists(self.part))
        os.unlink(self.path("o.nc"))
        found = re.search(rb"resuming: (\d+) of (\d+) chunks are there", result.stderr)
        return int(found[1]) if found else None

    def kill(self, process):
        """mpirun ends the other ranks of one that was killed."""
        ranks = launcher.ranks_of(process)
        if not ranks:
            return process.kill()
        os.kill(ranks[-1], signal.SIGKILL)

    def test_the_log_has_no_payload(self):
        self.reference(SLOW)
        self.stop(self.kill)
        finished = self.finished()
        self.assertGreaterEqual(finished, 60)
        self.assertLess(self.logged(), 48 * (finished + 2))
        self.assertGreaterEqual(os.path.getsize(self.part), CHUNK * finished)
        self.assertEqual(self.resume(), finished)

    def test_any_ranks_and_threads_give_the_file_of_the_log(self):
        mixed = ["subset", "s.nc", "-d", "time,0,58,2"]
        for words, ways in ((mixed, ((0, 2), (2, 1))),
                            (["rechunk", "s.nc", "-c", "7,16,11", "--codec", "none"],
                             ((0, 2), (3, 1))),
                            (["eval", "a = t2m * 2; m = mean(t2m, 0)", "s.nc", "--codec", "none"],
                             ((0, 1), (0, 2), (1, 1), (2, 2), (3, 1)))):
            self.reference(words)
            for ranks, threads in ways:
                run = [*words, "-o", "o.nc", "--overwrite", "--quiet", "--threads", str(threads)]
                result = (self.run_ranks(*run, ranks=ranks, variables=DATED) if ranks else
                          self.run_here(*run, env=environment(**DATED)))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue(filecmp.cmp(self.path("o.nc"), self.path("r.nc"), shallow=False),
                                (words, ranks))
            os.unlink(self.path("r.nc"))

    def test_killed_runs_go_on_whatever_became_of_the_part_file(self):
        self.reference(SLOW)

        def cut():
            os.truncate(self.part, 4096 + 20 * CHUNK - 1)

        def flip():
            with open(self.part, "r+b") as file:
                file.seek(4096 + 3 * CHUNK + 5)
                byte = file.read(1)[0]
                file.seek(-1, 1)
                file.write(bytes([byte ^ 1]))

        def of_another_run():
            with open(self.part, "r+b") as file:
                file.write(b"x" * os.path.getsize(self.part))
                file.write(b"y" * 1_000_000)

        for change, ranks, then, left in ((lambda: None, 2, 0, None), (cut, 0, 2, 19),
                                          (lambda: os.unlink(self.part), 2, 3, 0),
                                          (flip, 0, 0, -1), (of_another_run, 0, 0, 0)):
            self.stop(self.kill, ranks)
            before = self.finished()
            change()
            after = self.finished()
            self.assertEqual(after, before if left is None else before - 1 if left < 0 else left)
            self.assertEqual(self.resume(ranks=then), after)

    def test_a_run_may_change_its_way(self):
        self.reference(SLOW)
        self.stop(self.kill)
        first = self.finished()
        self.stop(self.kill, words=[*SLOW, "--resume", "--straight", "off"],
                  records=first + 10 + 20 * CHUNK // 48)
        then = self.finished()
        self.assertGreater(then, first)
        self.assertEqual(self.resume(ranks=2), then)

    def test_a_signal_and_a_full_disk_leave_what_is_finished(self):
        self.reference(SLOW)
        code, told = self.stop(lambda process: process.send_signal(signal.SIGTERM))
        self.assertEqual(code, 75, told)
        kept = int(re.search(r"; (\d+) of 300 chunks are kept", told)[1])
        self.assertEqual(self.finished(), kept)
        for other in (["--libver", "v110"], ["--chunks", "2,40,50"], ["--codec", "lz4"]):
            result = self.run_here(*SLOW, *other, "-o", "o.nc", "--resume", "--quiet")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(self.finished(), kept)
        self.assertEqual(self.resume(), kept)
        room = 4096 + 100 * CHUNK
        result = self.run_here(*SLOW, "-o", "o.nc", "--quiet", env=environment(**DATED),
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                                     (room, room)))
        self.assert_block(result, 75, "File too large", "of 300 chunks are kept", "--resume")
        kept = int(re.search(r"; (\d+) of 300 chunks are kept", result.stderr.decode())[1])
        self.assertGreater(kept, 50)
        self.assertEqual(self.resume(), kept)

    def test_kills_at_any_moment(self):
        """Also while the metadata are written and while the file gets its name."""
        words = ["eval", "a = t2m + 1; b = t2m * 2", "s.nc", "--codec", "none"]
        self.reference(words)
        seed = random.randrange(1 << 32)
        print("seed", seed)
        chance = random.Random(seed)
        begun = time.monotonic()
        self.assertEqual(self.run_here(*words, "-o", "o.nc", env=environment(**DATED)).returncode,
                         0)
        seconds = time.monotonic() - begun
        for _ in range(int(os.environ.get("RANKINE_KILLS", "12"))):
            if os.path.exists(self.path("o.nc")):
                os.unlink(self.path("o.nc"))
            process = subprocess.Popen([RANKINE, *words, "-o", "o.nc", "--resume", "--quiet"],
                                       cwd=self.folder, env=environment(**DATED))
            try:
                process.wait(chance.uniform(0, 1.2 * seconds))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if os.path.exists(self.path("o.nc")):
                self.assertTrue(filecmp.cmp(self.path("o.nc"), self.path("r.nc"), shallow=False))
        result = self.run_here(*words, "-o", "o.nc", "--resume", env=environment(**DATED))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(filecmp.cmp(self.path("o.nc"), self.path("r.nc"), shallow=False))


if __name__ == "__main__":
    main()
