"""Jobs on two hosts under Slurm, and what becomes of them when they are stopped.

The program starts itself again on host ctl of a test bed of its own (slurm/testbed/run), which ends
with it. Lasting has the cases that take longer than a minute.
"""

import filecmp
import glob
import os
import pathlib
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
SCRIPT = os.path.join(SLURM, "rankine.sbatch")
ARRAY = os.path.join(SLURM, "array.sbatch")
BY_MPIRUN = os.path.join(SLURM, "mpirun.sbatch")
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
INSIDE = os.uname().nodename == "ctl" and "RANKINE_TESTBED" in os.environ
SLOW_JOB = os.environ["SLOW_JOB"]
DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
SMALL = ["--ntasks-per-node=2", "--cpus-per-task=1"]
FOREVER = 120  # seconds after which a job counts as one that hangs


def run(*words, **options):
    options = {"capture_output": True, "text": True, "timeout": PATIENCE} | options
    return subprocess.run(words, env=options.pop("env", environment(**DATED)), **options)


def kill_where(what, is_it):
    """Kills processes by their command line or environment; ctl sees those of all hosts."""
    for name in glob.glob(f"/proc/[0-9]*/{what}"):
        try:
            with open(name) as file:
                if is_it(file.read().split("\0")):
                    os.kill(int(name.split("/")[2]), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass  # ended meanwhile


class Jobs(unittest.TestCase):
    def setUp(self):
        # In the current folder, which the hosts share.
        folder = tempfile.TemporaryDirectory(prefix="jobs-", dir=os.getcwd())
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.wait_for_hosts()
        self.addCleanup(self.wait_for_hosts)
        self.addCleanup(run, "scancel", "--user=root", "--signal=KILL", "--full")

    def path(self, name):
        return os.path.join(self.folder, name)

    def told(self):
        """What the job wrote, over all its starts."""
        try:
            with open(self.path("job.out")) as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def hosts(self):
        return run("sinfo", "--noheader", "--Node", "--format=%t").stdout.split()

    def job(self, number):
        text = run("scontrol", "--oneliner", "show", "job", number).stdout
        return dict(re.findall(r"(\w+)=(\S*)", text))

    def wait_until(self, what, happens):
        end = time.monotonic() + FOREVER
        while not happens():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not in {FOREVER} s; the job told:\n{self.told()}")
            time.sleep(0.1)

    def wait_for_end(self, number):
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
        self.wait_until("the end", lambda: self.job(number).get("JobState") in ended)
        return self.job(number)

    def wait_for_hosts(self):
        self.wait_until("two idle hosts", lambda: self.hosts() == ["idle", "idle"])

    def sbatch(self, *words, **variables):
        return run("sbatch", "--output=job.out", *SMALL, *words, cwd=self.folder,
                   env=environment(**DATED, **variables))

    def submit(self, *words, **variables):
        result = self.sbatch("--parsable", *words, **variables)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.strip()

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

    def assert_four_ranks_made_it(self, told):
        self.assertIn("\nrank 3: ", told)
        self.assert_same()

    def test_ranks_on_two_hosts_make_the_bytes_of_one_process(self):
        result = run("srun", "--mpi=pmix", "-N2", "-n4", RANKINE, *self.MEAN, cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_four_ranks_made_it(result.stderr)

    def test_the_job_script_does_too(self):
        result = self.sbatch("--wait", SCRIPT, *self.MEAN, RANKINE=RANKINE)
        self.assertEqual(result.returncode, 0, self.told())
        self.assert_four_ranks_made_it(self.told())

    def test_ranks_started_by_mpirun_do_too(self):
        job = self.wait_for_end(self.submit(BY_MPIRUN, *self.MEAN, RANKINE=RANKINE, **AS_ROOT))
        self.assertEqual(job["ExitCode"], "0:0", self.told())
        self.assert_four_ranks_made_it(self.told())

    def test_an_array_of_shards_and_a_merge_do_too(self):
        array = self.submit("--array=1-3", "--output=%a.out", ARRAY, *self.MEAN, RANKINE=RANKINE,
                            SHARDS="3")
        merge = self.submit(f"--dependency=afterok:{array}", SCRIPT, "merge", "o.nc",
                            RANKINE=RANKINE)
        job = self.wait_for_end(merge)
        self.assertEqual(job["ExitCode"], "0:0", self.told())
        self.assertIn("took over 3 shards", self.told())
        self.assert_four_ranks_made_it(self.told())
        with open(self.path("2.out")) as file:
            self.assertIn("shard 2 of 3 is finished; ", file.read())

    def test_a_launch_that_does_not_fit_is_one_block(self):
        result = run("srun", "--mpi=none", "-N2", "-n4", RANKINE, *self.MEAN, cwd=self.folder)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stderr.count("rankine: error: "), 1, result.stderr)
        self.assertIn("4 processes that do not know of each other", result.stderr)
        self.assertIn("try: srun --mpi=pmix", result.stderr)
        self.assertNotIn("MPI_INIT", result.stderr)

    def test_doctor_sees_both_hosts(self):
        result = run("srun", "--mpi=pmix", "-N2", "-n4", RANKINE, "doctor", self.folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for words in ("by srun (Slurm job ", "), 4 processes", "n1         ranks 0-1: ",
                      "n2         ranks 2-3: ", "no trouble found"):
            self.assertIn(words, result.stdout)
        result = run("srun", "--mpi=pmix", "-N2", "-n4", RANKINE, "doctor", "/tmp")
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertIn("trouble: /tmp is another folder on n2 than on n1", result.stdout)

    def test_the_job_script_returns_what_is_wrong(self):
        job = self.wait_for_end(self.submit(SCRIPT, "eval", "m = mean(none)", *self.MEAN[2:],
                                            RANKINE=RANKINE))
        self.assertEqual(job["ExitCode"], "3:0", self.told())
        self.assertEqual(self.told().count("rankine: error: "), 1, self.told())


class Interrupted(Jobs):
    """Jobs of 120 chunks that take some time each, on four ranks of one thread."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.path("alone"))
        result = run(SLOW_JOB, "o.nc", "--quiet", cwd=self.path("alone"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.reference = self.path("alone/o.nc")

    def submit_slow(self, milliseconds, *options, script=SCRIPT):
        return self.submit(*options, script, "o.nc", RANKINE=SLOW_JOB, SLOW_MS=str(milliseconds),
                           **AS_ROOT)

    def wait_for_logs(self, size, folder=".o.nc.rankine"):
        """A chunk needs more than 500 bytes."""
        def long_enough():
            logs = glob.glob(self.path(f"{folder}/log.*"))
            return sum(os.path.getsize(log) for log in logs) >= size
        self.wait_until("long logs", long_enough)

    def assert_completed(self, number):
        job = self.wait_for_end(number)
        self.assertEqual((job["JobState"], job["ExitCode"]), ("COMPLETED", "0:0"), self.told())
        self.assert_same()

    def kept(self):
        """How many chunks each start after the first found finished."""
        return [int(n) for n in re.findall(r"resuming: (\d+) of 120 chunks are there", self.told())]

    def assert_went_on(self, number, times):
        self.assert_completed(number)
        self.assertEqual(int(self.job(number)["Restarts"]), times, self.told())
        kept = self.kept()
        self.assertEqual(len(kept), times, self.told())
        self.assertEqual(self.told().count(f"rankine: job {number} was requeued"), times)
        self.assertEqual(kept, sorted(kept))
        self.assertGreater(kept[0], 0)


class Stopped(Interrupted):
    def test_signals_put_a_job_back_and_it_goes_on(self):
        number = self.submit_slow(150)
        self.wait_for_logs(20_000)
        run("scancel", "--signal=TERM", number)
        self.wait_until("the second start", self.kept)
        self.wait_for_logs(45_000)
        run("scancel", "--signal=USR1", number)
        self.assert_went_on(number, times=2)

    def test_a_signal_puts_one_of_an_array_back_and_it_goes_on(self):
        array = self.submit("--array=1-2", "--output=%a.out", ARRAY, "o.nc", RANKINE=SLOW_JOB,
                            SLOW_MS="50", SHARDS="2")
        merge = self.submit(f"--dependency=afterok:{array}", SCRIPT, "o.nc", "--merge",
                            RANKINE=SLOW_JOB)
        self.wait_for_logs(5000, ".o.nc.shard-2-of-2.rankine")
        run("scancel", "--signal=TERM", f"{array}_2")
        self.assert_completed(merge)
        told = {}
        for number in (1, 2):
            with open(self.path(f"{number}.out")) as file:
                told[number] = file.read()
        self.assertIn("resuming: ", told[2])
        self.assertNotIn("resuming: ", told[1])

    def test_a_job_by_mpirun_is_put_back_too(self):
        number = self.submit_slow(150, script=BY_MPIRUN)
        self.wait_for_logs(20_000)
        run("scancel", "--batch", "--signal=USR1", number)
        self.assert_went_on(number, times=1)

    def test_a_cancelled_job_stays_so_and_another_goes_on(self):
        number = self.submit_slow(150)
        self.wait_for_logs(20_000)
        run("scancel", number)
        self.assertEqual(self.wait_for_end(number)["JobState"], "CANCELLED")
        self.wait_for_hosts()
        self.assertEqual(self.job(number)["JobState"], "CANCELLED")
        self.assertFalse(os.path.exists(self.path("o.nc")))
        self.assert_completed(self.submit_slow(0))
        self.assertEqual(len(self.kept()), 1)

    def test_a_job_outlives_the_daemon_of_its_host(self):
        number = self.submit_slow(150)
        self.wait_for_logs(20_000)
        kill_where("cmdline", lambda words: words == ["slurmd", "-D", "-N", "n2", ""])
        self.assert_completed(number)


class Lasting(Interrupted):
    def test_a_job_goes_on_after_a_rank_was_killed(self):
        number = self.submit_slow(150)
        self.wait_for_logs(20_000)
        rank = {"SLURM_PROCID=3", f"SLURM_JOB_ID={number}"}
        kill_where("environ", lambda variables: rank <= set(variables))
        self.assert_went_on(number, times=1)

    def test_a_job_goes_on_after_its_time_limit(self):
        number = self.submit_slow(2100, "--time=1", "--signal=TERM@25")  # 63 s
        self.assert_completed(number)
        # By srun's TERM, or by itself (USR1), whichever was sooner.
        self.assertRegex(self.told(), "stopped by signal (15|10)")
        self.assertGreater(len(self.kept()), 0)

    def test_a_job_stops_before_its_time_limit_without_a_signal(self):
        number = self.submit_slow(2100, "--time=1", "--signal=CONT@1")  # CONT stops nothing
        self.assert_completed(number)
        self.assertIn("rankine: the job's time ends in 25 s: stopping", self.told())
        self.assertGreater(len(self.kept()), 0)

    def test_a_job_goes_on_after_a_host_died(self):
        number = self.submit_slow(150)
        self.wait_for_logs(20_000)
        bed = pathlib.Path(os.environ["RANKINE_TESTBED"])  # the folder of its state
        off = bed / "n2.off"
        off.touch()
        self.addCleanup(off.unlink, missing_ok=True)
        os.kill(int((bed / "n2.pid").read_text()), signal.SIGKILL)
        self.wait_until("a host that is down", lambda: "down*" in self.hosts())
        off.unlink()
        self.assert_went_on(number, times=1)


def main():
    if INSIDE:
        unittest.main(verbosity=2)
    check = run(os.path.join(SLURM, "testbed", "up"), "--check")
    if check.returncode == 77:
        # In the form in which tests/run.sh looks for skipped tests.
        print(f"{os.path.basename(sys.argv[0])}: Skipped\n{check.stderr.strip()}")
        return 0
    arguments = [os.path.join(SLURM, "testbed", "run"), sys.executable, os.path.abspath(__file__)]
    return subprocess.run(arguments + sys.argv[1:],
                          cwd=os.path.dirname(os.path.dirname(RANKINE))).returncode


if __name__ == "__main__":
    sys.exit(main())
