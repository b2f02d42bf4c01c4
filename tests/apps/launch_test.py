"""Launches that go wrong become a sentence; doctor tells of those that do not, too."""

import glob
import json
import os
import signal
import subprocess
import time

import h5py
import numpy as np

from support import LAUNCH, PATIENCE, RANKINE, Case, environment, launcher, main


HOST = os.uname().nodename


class Launch(Case):
    def setUp(self):
        super().setUp()
        with h5py.File(self.path("x.h5"), "w") as file:
            file["x"] = np.arange(6.0)

    def one_core(self):
        return lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    def test_more_threads_than_cores_are_said_once_and_change_nothing(self):
        result = self.run_here("eval", "sum(x)", "x.h5", "--threads", "2", preexec_fn=self.one_core())
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr.count(b"2 threads have 1 core to run on: rank 0 on "), 1)
        result = self.run_here("eval", "sum(x)", "x.h5", "--threads", "2", "--quiet",
                               preexec_fn=self.one_core())
        self.assert_done(result)

    def test_cores_that_slurm_gave_and_srun_did_not_pass_on(self):
        step = {"SLURM_CPUS_PER_TASK": "4", "SLURM_STEP_ID": "0", "SLURM_JOB_ID": "7"}
        result = self.run_ranks("eval", "sum(x)", "x.h5", ranks=2, variables=step,
                                preexec_fn=self.one_core())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"Slurm gave each rank 4 cores, but ranks 0-1 on ", result.stderr)
        remedy = ("mpiexec -bind-to core:4" if launcher.HYDRA else
                  "mpirun --map-by slot:PE=4 --bind-to core")
        self.assertIn(f"try: {remedy}\n", result.stderr.decode())

    def test_a_process_alone_in_a_job_of_several_tasks(self):
        result = self.run_here("eval", "sum(x)", "x.h5",
                               env=environment(SLURM_JOB_ID="7", SLURM_NTASKS="4"))
        self.assertIn(b"warning: the job has 4 tasks, but this process runs alone", result.stderr)

    def test_threads_do_not_fall_to_one_where_openmp_binds_them(self):
        bound = environment(OMP_PROC_BIND="close", OMP_PLACES="cores")
        for env in (environment(), bound):
            config = json.loads(self.run_here("config", "--json", env=env).stdout)
            self.assertEqual(config["threads"]["default"], len(os.sched_getaffinity(0)))

    def start_ranks(self, **variables):
        """A run of some seconds on three ranks, once the first chunk is in its journal, and the
        numbers of their processes."""
        with h5py.File(self.path("y.h5"), "w") as file:
            file.create_dataset("y", data=np.random.default_rng(3).normal(size=(800, 200, 100)),
                                chunks=(1, 200, 100))
        process = subprocess.Popen([*LAUNCH, "-n", "3", RANKINE, "eval", "z = sqrt(y)", "y.h5", "-o", "o.nc",
                                    "--codec", "deflate-9", "--threads", "1"],
                                   env=self.mpi_environment(**variables), cwd=self.folder,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        journal = self.path(".o.nc.rankine")
        while not any(os.path.getsize(log) for log in glob.glob(journal + "/log.*")):
            self.assertIsNone(process.poll(), "it ended too early")
            time.sleep(0.001)
        return process, launcher.ranks_of(process)

    def test_a_scheduler_that_is_gone_ends_the_job(self):
        process, ranks = self.start_ranks(RANKINE_SILENCE_SECONDS="1")
        os.kill(ranks[0], signal.SIGSTOP)
        told = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertEqual(process.returncode, 75, told)
        said = f"error: rank 0 on {HOST}, the scheduler, has given no sign of life"
        self.assertEqual(told.count(said), 1, told)

    def test_a_rank_that_hangs_ends_the_job_and_is_told_of(self):
        process, ranks = self.start_ranks(RANKINE_SILENCE_SECONDS="1.5")
        time.sleep(1.2)  # so that it has told of a task
        os.kill(ranks[2], signal.SIGSTOP)
        told = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertEqual(process.returncode, 75, told)
        self.assertRegex(told, rf"error: rank 2 on {HOST} has given no sign of life for \d+ s\n"
                               r"  at: its last task, as it said \d+ s ago: \S.*, chunk \(\d+, 0, 0\).*\n"
                               r"  try: the same command with --resume\n")

    def test_a_rank_that_was_killed_ends_the_job_and_mpirun_tells_of_it(self):
        process, ranks = self.start_ranks()
        os.kill(ranks[2], signal.SIGKILL)
        told = process.communicate(timeout=PATIENCE)[1].decode()
        self.assertNotEqual(process.returncode, 0, told)
        if not launcher.HYDRA:
            self.assertIn("process rank 2 ", told)

    def test_a_job_that_was_requeued_says_so(self):
        again = environment(SLURM_JOB_ID="123", SLURM_RESTART_COUNT="2")
        result = self.run_here("eval", "sum(x)", "x.h5", env=again)
        self.assertEqual(result.stderr.count(b"rankine: job 123 was requeued 2 times\n"), 1, result.stderr)
        self.assert_done(self.run_here("eval", "sum(x)", "x.h5", "--quiet", env=again))

    def test_different_builds_are_refused(self):
        other = self.path("other")
        subprocess.run(["objcopy", "--remove-section", ".note.gnu.build-id", RANKINE, other], check=True)
        result = subprocess.run([*LAUNCH, "-n", "1", RANKINE, "eval", "sum(x)", "x.h5", ":", "-n", "1",
                                 other, "eval", "sum(x)", "x.h5"], env=self.mpi_environment(),
                                capture_output=True, timeout=PATIENCE, cwd=self.folder)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(b"rankine: error: ranks run different builds of the program", result.stderr)

    def doctor_with(self, mpirun):
        """Where that text is the script `mpirun`."""
        os.mkdir(self.path("bin"))
        with open(self.path("bin/mpirun"), "w") as file:
            file.write("#!/bin/sh\n" + mpirun)
        os.chmod(self.path("bin/mpirun"), 0o755)
        result = self.run_here("doctor", env=environment(
            PATH=self.path("bin") + ":" + os.environ["PATH"],
            OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1"))
        return result, result.stdout.decode()

    def test_doctor_alone(self):
        result, said = self.doctor_with(f'exec {launcher.MPIEXEC} "$@"')
        self.assertEqual((result.returncode, result.stderr), (0, b""), said)
        flavour = "MPICH" if launcher.HYDRA else "Open MPI"
        for word in ("started    alone", "MPI        " + flavour, launcher.VERSION, "rank 0: ",
                     "no trouble found"):
            self.assertIn(word, said)
        self.assertRegex(said, r"launcher   \w+ \((MPICH|Open MPI|OpenRTE)\) " + launcher.VERSION)
        self.assertEqual(self.entries(), ["bin", "x.h5"])

    def test_doctor_where_mpirun_is_that_of_another_mpi(self):
        ours, theirs, text = ("MPICH", "Open MPI", "mpirun (Open MPI) 4.1.4")
        if not launcher.HYDRA:
            ours, theirs, text = (theirs, ours, "HYDRA build details:\n    Version:       4.0.2")
        result, said = self.doctor_with(f"echo '{text}'")
        self.assertEqual(result.returncode, 2, said)
        self.assertIn(f"trouble: mpirun is that of {theirs}, but rankine was built with {ours}", said)
        self.assertRegex(said, rf"try: start with (the mpirun of {ours}|\S+), or build rankine")
        self.assertRegex(said, rf"launcher   mpirun \({theirs}\) 4\.[01]\.\d")

    def test_doctor_on_ranks(self):
        result = self.run_ranks("doctor", ranks=3)
        said = result.stdout.decode()
        self.assertEqual((result.returncode, result.stderr), (0, b""), said)
        self.assertIn(f"started    by {launcher.NAME}, 3 processes", said)
        self.assertIn("ranks 0-2: ", said)
        self.assertEqual(self.entries(), ["x.h5"])

    def test_doctor_finds_trouble(self):
        result = self.run_here("doctor", self.path("none"), "--threads", "2", "--scratch", "/proc",
                               preexec_fn=self.one_core())
        said = result.stdout.decode()
        self.assertEqual(result.returncode, 2, said)
        for word in ("trouble: 2 threads have 1 core", "trouble: nothing can be written to the scratch "
                     "folder /proc", "none (No such file or directory)"):
            self.assertIn(word, said)

    def test_no_terminal_no_escape_codes(self):
        result = self.run_ranks("eval", "sum(x)", "x.h5", ranks=2)
        self.assertNotIn(b"\r", result.stdout + result.stderr)
        self.assertNotIn(b"\x1b", result.stdout + result.stderr)


if __name__ == "__main__":
    main()
