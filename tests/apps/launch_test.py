"""Launches that go wrong become a sentence; doctor tells of those that do not, too."""

import os
import subprocess

import h5py
import numpy as np

from support import LAUNCH, PATIENCE, RANKINE, Case, environment, main


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
        self.assertIn(b"SRUN_CPUS_PER_TASK", result.stderr)

    def test_different_builds_are_refused(self):
        other = self.path("other")
        subprocess.run(["objcopy", "--remove-section", ".note.gnu.build-id", RANKINE, other], check=True)
        result = subprocess.run([*LAUNCH, "-n", "1", RANKINE, "eval", "sum(x)", "x.h5", ":", "-n", "1",
                                 other, "eval", "sum(x)", "x.h5"], env=self.mpi_environment(),
                                capture_output=True, timeout=PATIENCE, cwd=self.folder)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(b"rankine: error: ranks run different builds of the program", result.stderr)

    def test_doctor_alone(self):
        result = self.run_here("doctor", env=environment(OMPI_ALLOW_RUN_AS_ROOT="1",
                                                         OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1"))
        said = result.stdout.decode()
        self.assertEqual((result.returncode, result.stderr), (0, b""), said)
        for word in ("started    alone", "MPI        Open MPI", "launcher   mpirun (Open MPI)", "rank 0: ",
                     "no trouble found"):
            self.assertIn(word, said)
        self.assertEqual(self.entries(), ["x.h5"])

    def test_doctor_on_ranks(self):
        result = self.run_ranks("doctor", ranks=3)
        said = result.stdout.decode()
        self.assertEqual((result.returncode, result.stderr), (0, b""), said)
        self.assertIn("started    by mpirun, 3 processes", said)
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
