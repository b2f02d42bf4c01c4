"""The test bed of slurm/testbed: that it comes up, and that it leaves nothing behind."""

import glob
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TESTBED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "slurm", "testbed")
PATIENCE = 60


def testbed(script, *words, folder, cwd=None):
    return subprocess.run([os.path.join(TESTBED, script), *words], capture_output=True, text=True,
                          timeout=PATIENCE, cwd=cwd, env=os.environ | {"RANKINE_TESTBED": folder})


class TestBed(unittest.TestCase):
    def setUp(self):
        # Not below /tmp, which the hosts do not see; open, for munge must be in everybody's reach.
        parent = tempfile.TemporaryDirectory(prefix="rankine-testbed-", dir="/run")
        self.addCleanup(parent.cleanup)
        self.parent = parent.name
        os.chmod(self.parent, 0o755)
        self.folder = os.path.join(self.parent, "bed")
        self.machine_before = self.machine()
        self.addCleanup(testbed, "down", folder=self.folder)

    def machine(self):
        """What a bed could leave: devices, mounts, processes that know its folder, files."""
        with open("/proc/self/mounts") as file:
            mounts = file.read()
        processes = []
        for name in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(name) as file:
                    if self.folder in file.read():
                        processes.append(name)
            except (FileNotFoundError, ProcessLookupError):
                pass  # ended meanwhile
        return os.listdir("/sys/class/net"), mounts, processes, os.listdir(self.parent)

    def wait_until(self, happens):
        end = time.monotonic() + PATIENCE
        while not happens() and time.monotonic() < end:
            time.sleep(0.01)

    def assert_nothing_left(self):
        """In the end: the last processes of a bed go when its init has gone, one by one."""
        def look():
            self.machine_now = self.machine()
            return self.machine_now == self.machine_before
        self.wait_until(look)
        self.assertEqual(self.machine_now, self.machine_before)

    def run_here(self, *words):
        return testbed("run", *words, folder=self.folder)

    def test_a_command_has_a_bed_of_its_own_and_gives_its_exit_code(self):
        result = self.run_here("bash", "-c", "hostname; srun -N2 hostname | sort; exit 7")
        self.assertEqual((result.returncode, result.stdout), (7, "ctl\nn1\nn2\n"), result.stderr)
        self.assert_nothing_left()

    def test_hosts_see_the_folder_of_a_command_though_it_lies_below_tmp(self):
        with tempfile.TemporaryDirectory(dir="/tmp") as here:
            with open(os.path.join(here, "file"), "w") as file:
                file.write("seen\n")
            result = testbed("run", "srun", "-N2", "cat", "file", folder=self.folder, cwd=here)
            self.assertEqual((result.returncode, result.stdout), (0, "seen\nseen\n"), result.stderr)
        self.assert_nothing_left()

    def test_a_bed_ends_with_a_run_that_is_killed(self):
        run = subprocess.Popen([os.path.join(TESTBED, "run"), "bash", "-c", "echo up; sleep 1000"],
                               env=os.environ | {"RANKINE_TESTBED": self.folder},
                               stdout=subprocess.PIPE)
        with run:
            self.assertEqual(run.stdout.readline(), b"up\n")
            run.send_signal(signal.SIGKILL)
        self.assert_nothing_left()

    def test_a_bed_stays_up_until_it_is_taken_down(self):
        self.assertEqual(testbed("up", folder=self.folder).stderr, "")
        again = testbed("up", folder=self.folder)
        self.assertEqual(again.returncode, 1)
        self.assertIn("is up already", again.stderr)
        hosts = self.run_here("sinfo", "--noheader", "--Node", "--format=%N %t")
        self.assertEqual(hosts.stdout, "n1 idle\nn2 idle\n", hosts.stderr)
        for _ in range(2):
            self.assertEqual(testbed("down", folder=self.folder).returncode, 0)
            self.assert_nothing_left()

    def test_an_up_that_is_killed_can_be_taken_down(self):
        up = subprocess.Popen([os.path.join(TESTBED, "up")],
                              env=os.environ | {"RANKINE_TESTBED": self.folder})
        with up:
            self.wait_until(lambda: os.path.exists(os.path.join(self.folder, "n2.pid")))
            up.kill()
        self.assertEqual(testbed("down", folder=self.folder).returncode, 0)
        self.assert_nothing_left()


def main():
    check = testbed("up", "--check", folder="/run")
    if check.returncode == 77:
        # In the form in which tests/run.sh looks for skipped tests.
        print(f"{os.path.basename(sys.argv[0])}: Skipped\n{check.stderr.strip()}")
        return
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
