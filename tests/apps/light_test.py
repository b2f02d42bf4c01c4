"""What costs little must cost little: counted by strace, not timed."""

import os
import re
import shutil
import subprocess
import unittest

import support
from support import Case, LAUNCH, RANKINE, environment, launcher, rankine


# Other calls go on at full speed: ranks that wait make many.
STRACE = ["strace", "-f", "-qq", "--seccomp-bpf", "-e"]


def tracing_refusal():
    """Why processes cannot be traced here; None if they can."""
    if shutil.which("strace") is None:
        return "no strace"
    result = subprocess.run([*STRACE, "openat", "-o", "/dev/null", "true"], capture_output=True,
                            timeout=60)
    return None if result.returncode == 0 else "no right to trace processes"


REFUSAL = tracing_refusal()
# LeakSanitizer cannot work in a process that is traced.
UNTRACED = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
# What MPI_Init opens: its components, settings, session folders and sockets.
MPI = re.compile(r"mca_|mca-params|ompi\.|pmix|AF_INET|AF_UNIX|/dev/shm")


@unittest.skipIf(REFUSAL, REFUSAL)
class Light(Case):
    def traced(self, *arguments):
        """Calls that succeeded: opened files, sockets, processes."""
        calls = "open,openat,socket,connect,clone,clone3,fork,vfork,execve"
        result = subprocess.run([*STRACE, calls, "-o", self.path("log"), RANKINE, *arguments],
                                capture_output=True, timeout=support.PATIENCE, cwd=self.folder,
                                env=environment(**UNTRACED))
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.logged("log")

    def logged(self, name):
        with open(self.path(name)) as lines:
            return [line for line in lines if re.search(r"= \d", line)]

    def assert_no_mpi(self, calls):
        self.assertEqual([call for call in calls if MPI.search(call)], [])

    def test_help_starts_neither_mpi_nor_a_process_and_opens_its_libraries_only(self):
        for arguments in (["info", "--help"], ["--version"], ["--help"], ["eval", "--help"],
                          ["config"]):
            with self.subTest(arguments):
                calls = self.traced(*arguments)
                self.assert_no_mpi(calls)
                self.assertEqual([call for call in calls if re.search(r"clone|fork", call)], [])
                # What the system says of itself is no file.
                opens = [call for call in calls if not re.search(r'"/(proc|sys)/|execve', call)]
                libraries = [call for call in opens if re.search(r'/lib[^/]*\.so[.\d]*"', call)]
                self.assertGreater(len(libraries), 5)
                self.assertLessEqual(len(opens) - len(libraries), 3, "".join(opens))

    def test_looking_into_files_and_planning_start_no_mpi(self):
        self.assert_done(rankine("sample", "-o", self.path("x.nc"), "--shape", "2,3,4"))
        for arguments in (["info", "x.nc"], ["plan", "m = mean(t2m)", "x.nc"], ["status", "x.nc"],
                          ["eval", "m = mean(t2m)", "x.nc"]):
            with self.subTest(arguments):
                self.assert_no_mpi(self.traced(*arguments))

    def test_mpi_would_be_seen(self):
        calls = self.ranks_of("bench", "hop", "--steps", "1", "--repeat", "1")[0]
        self.assertTrue(any(MPI.search(call) for call in calls))

    def ranks_of(self, *arguments):
        """The calls of each of two ranks."""
        calls = f'open,openat,socket,connect -o "log.${launcher.RANK}"'
        script = " ".join(["exec", *STRACE, calls, '"$@"'])
        result = subprocess.run([*LAUNCH, "-n", "2", "sh", "-c", script, "sh", RANKINE, *arguments],
                                capture_output=True, timeout=support.PATIENCE, cwd=self.folder,
                                env=self.mpi_environment(**UNTRACED))
        self.assertEqual(result.returncode, 0, result.stderr)
        return [self.logged(f"log.{rank}") for rank in range(2)]

    def test_a_rank_opens_its_input_a_few_times_whatever_its_chunks(self):
        counts = []
        for chunks in ("8,12,14", "1,4,5"):
            self.assert_done(rankine("sample", "-o", self.path("in.nc"), "--overwrite", "--shape",
                                     "16,24,28", "--chunks", chunks))
            calls = self.ranks_of("eval", "m = t2m - mean(t2m, time)", "in.nc", "-o", "out.nc",
                                  "--overwrite", "--quiet")
            counts.append([sum('"in.nc"' in call or "/in.nc\"" in call for call in rank)
                           for rank in calls])
        print("opens of the input by each rank, few chunks and many:", counts)
        for first, other in counts:
            # Rank 0 and the children that look into the file for it, three opens for each look.
            self.assertLessEqual(first, 20)
            # A rank opens what it reads once, and may have nothing to read.
            self.assertLessEqual(other, 1)


if __name__ == "__main__":
    if REFUSAL:  # in the form in which tests/run.sh looks for skipped tests
        print(f"light_test.py: Skipped\n{REFUSAL}")
    support.main()
