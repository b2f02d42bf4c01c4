"""Jobs on two hosts under Slurm (slurm/testbed), and what becomes of them when they are stopped.

The program starts itself again on host ctl of a test bed of its own, which ends with it.
"""

import filecmp
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "apps"))

from support import PATIENCE, RANKINE, environment, rankine  # noqa: E402

SLURM = os.path.normpath(os.path.join(HERE, "..", "..", "slurm"))
SLOW_JOB = os.environ["SLOW_JOB"]
DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
SMALL = ["--ntasks-per-node=2", "--cpus-per-task=1"]
FOREVER = 120  # seconds after which a job counts as one that hangs


def run(*words, **options):
    options = {"capture_output": True, "text": True, "timeout": PATIENCE} | options
    return subprocess.run(words, env=options.pop("env", environment(**DATED)), **options)


class Jobs(unittest.TestCase):
    def setUp(self):
        # In the current folder, which the hosts share.
        folder = tempfile.TemporaryDirectory(prefix="testbed-", dir=os.getcwd())
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.addCleanup(run, "scancel", "--user=root", "--signal=KILL", "--full")

    def path(self, name):
        return os.path.join(self.folder, name)

    def told(self):
        """What the job wrote, over all its starts."""
        with open(self.path("job.out")) as file:
            return file.read()

    def submit(self, *words, options=(), variables=None):
        result = run("sbatch", "--parsable", "--output=job.out", *SMALL, *options,
                     os.path.join(SLURM, "rankine.sbatch"), *words, cwd=self.folder,
                     env=environment(**DATED, **(variables or {})))
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.strip()

    def submit_slow(self, milliseconds, options=()):
        """A job of 120 chunks that take so long each, on four ranks of one thread."""
        self.reference = self.path("alone/o.nc")
        os.mkdir(self.path("alone"))
        result = run(SLOW_JOB, "o.nc", "--quiet", cwd=self.path("alone"))
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.submit("o.nc", options=options,
                           variables={"RANKINE": SLOW_JOB, "SLOW_MS": str(milliseconds)})

    def job(self, number):
        text = run("scontrol", "--oneliner", "show", "job", number).stdout
        return dict(re.findall(r"(\w+)=(\S*)", text))

    def wait_until(self, what, happens):
        end = time.monotonic() + FOREVER
        while not happens():
            if time.monotonic() > end:
                raise AssertionError(f"{what} does not happen; the job told:\n{self.told()}")
            time.sleep(0.1)

    def wait_for_journal(self, size=20_000):
        def long_enough():
            return sum(os.path.getsize(log)
                       for log in glob.glob(self.path(".o.nc.rankine/log.*"))) >= size
        self.wait_until("a journal", long_enough)

    def wait_for_end(self, number):
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
        self.wait_until("its end", lambda: self.job(number).get("JobState") in ended)
        return self.job(number)

    def assert_went_on(self, number):
        """It was put back, went on with what was there and made the bytes of a run alone."""
        job = self.wait_for_end(number)
        self.assertEqual((job["JobState"], job["ExitCode"]), ("COMPLETED", "0:0"), self.told())
        self.assertGreaterEqual(int(job["Restarts"]), 1)
        found = re.search(r"resuming: (\d+) of 120 chunks are there", self.told())
        self.assertTrue(found, self.told())
        self.assertGreater(int(found[1]), 0)
        self.assert_same()

    def assert_same(self):
        self.assertTrue(filecmp.cmp(self.path("o.nc"), self.reference, shallow=False))
        self.assertEqual(glob.glob(self.path(".o.nc*")) + glob.glob(self.path("o.nc.*")), [])


class TwoHosts(Jobs):
    MEAN = ["eval", "m = mean(t2m, time)", "s.nc", "-o", "o.nc"]

    def setUp(self):
        super().setUp()
        rankine("sample", "-o", self.path("s.nc"), "--shape", "60,91,180", "--chunks", "6,91,180")
        rankine(*self.MEAN[:-1], "r.nc", cwd=self.folder, env=environment(**DATED))
        self.reference = self.path("r.nc")

    def test_ranks_on_two_hosts_make_the_bytes_of_one_process(self):
        result = run("srun", "--mpi=pmix", "-N2", "-n4", RANKINE, *self.MEAN, cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("\nrank 3: ", result.stderr)
        self.assert_same()

    def test_the_job_script_does_too(self):
        result = run("sbatch", "--wait", "--output=job.out", *SMALL,
                     os.path.join(SLURM, "rankine.sbatch"), *self.MEAN, cwd=self.folder,
                     env=environment(**DATED, RANKINE=RANKINE))
        self.assertEqual(result.returncode, 0, self.told())
        self.assertIn("\nrank 3: ", self.told())
        self.assert_same()

    def test_the_job_script_returns_what_is_wrong(self):
        result = run("sbatch", "--wait", "--output=job.out", *SMALL,
                     os.path.join(SLURM, "rankine.sbatch"), "eval", "m = mean(none)", "s.nc",
                     "-o", "o.nc", cwd=self.folder, env=environment(RANKINE=RANKINE))
        self.assertEqual(result.returncode, 3, self.told())
        self.assertEqual(self.told().count("rankine: error: "), 1, self.told())


class Stopped(Jobs):
    def test_a_signal_puts_a_job_back_and_it_goes_on(self):
        number = self.submit_slow(150)
        self.wait_for_journal()
        run("scancel", "--signal=TERM", number)
        self.assert_went_on(number)


def main():
    if "RANKINE_TESTBED" in os.environ:
        unittest.main(verbosity=2)
    check = run(os.path.join(SLURM, "testbed", "up"), "--check")
    if check.returncode == 77:
        # In the form in which tests/run.sh looks for skipped tests.
        print(f"{os.path.basename(sys.argv[0])}: Skipped\n{check.stderr.strip()}")
        return 0
    return subprocess.run([os.path.join(SLURM, "testbed", "run"), sys.executable, *sys.argv],
                          timeout=None).returncode


if __name__ == "__main__":
    sys.exit(main())
