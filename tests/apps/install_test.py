"""What `cmake --install` makes, moved elsewhere: a small project outside builds against it."""

import os
import shutil
import subprocess
import unittest

import support
from support import Case, LAUNCH, environment, launcher

BUILD = os.environ["RANKINE_BUILD"]
COMPILER = os.environ["RANKINE_CXX"]
OUTSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "outside")


class Installed(Case):
    def setUp(self):
        super().setUp()
        self.run_in("/", "cmake", "--install", BUILD, "--prefix", self.path("first"))
        os.rename(self.path("first"), self.path("moved"))
        self.prefix = self.path("moved")
        self.tree = {os.path.relpath(path, self.prefix) for path in support.files_of(self.prefix)}

    def run_in(self, folder, *command, env=None):
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300,
                                env=env)
        self.assertEqual(result.returncode, 0, f"{command}\n{result.stdout}{result.stderr}")
        return result.stdout

    def test_an_outside_project_builds_against_the_moved_tree_and_runs(self):
        self.assert_the_tree_is_whole()
        self.assert_nothing_names_the_build()
        flags = self.flags()
        by_hand = subprocess.Popen(
            [COMPILER, "-std=c++20", "-O0", "-o", self.path("by_hand"),
             f"{OUTSIDE}/outside.cc", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(by_hand.kill)
        self.run_in(self.folder, "cmake", "-S", OUTSIDE, "-B", self.path("build"), "-G", "Ninja",
                    f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_CXX_COMPILER={COMPILER}")
        self.run_in(self.folder, "cmake", "--build", self.path("build"))
        output, _ = by_hand.communicate(timeout=300)
        self.assertEqual(by_hand.returncode, 0, output)
        self.assert_same_file(self.path("by_hand"), self.path("build/outside"))

    def assert_the_tree_is_whole(self):
        share = "share/man/man1/rankine"
        for path in ("bin/rankine", f"{share}.1", f"{share}-eval.1", f"{share}-info.1",
                     "share/bash-completion/completions/rankine", "include/rankine/rankine.h"):
            self.assertIn(path, self.tree)
        # The pages are those that the executable writes.
        self.run_in(self.folder, f"{self.prefix}/bin/rankine", "--pages", self.path("share"))
        self.run_in(self.folder, "diff", "-r", self.path("share"), f"{self.prefix}/share")

    def assert_nothing_names_the_build(self):
        """What an installation is looked up by names neither the build tree nor the old place."""
        for path in self.tree:
            if not path.endswith((".cmake", ".pc", ".h", ".1")):
                continue
            with open(os.path.join(self.prefix, path), encoding="utf-8") as file:
                text = file.read()
            self.assertNotIn(self.path("first"), text, path)
            self.assertNotIn(BUILD, text, path)

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_the_executable_starts_with_few_opens(self):
        """Also of what is not there: thousands of ranks ask one file server."""
        command = ["strace", "-f", "-c", f"{self.prefix}/bin/rankine", "info", "--help"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if "PTRACE" in result.stderr:
            self.skipTest("no right to trace processes")
        counts = {line.split()[-1]: int(line.split()[3]) for line in result.stderr.splitlines()
                  if line.strip()[:1].isdigit()}
        self.assertNotIn("socket", counts)
        self.assertLess(counts["openat"], 150, result.stderr)

    def flags(self):
        [folder] = {os.path.dirname(path) for path in self.tree if path.endswith(".pc")}
        return self.run_in(self.folder, "pkg-config", "--cflags", "--libs", "rankine",
                           env=environment(PKG_CONFIG_PATH=f"{self.prefix}/{folder}")).split()

    def assert_same_file(self, *programs):
        """All of them compute the same, alone and on two ranks, as does `rankine eval`."""
        rankine = f"{self.prefix}/bin/rankine"
        self.run_in(self.folder, rankine, "sample", "-o", "era5.nc", "--shape", "12,10,14",
                    "--chunks", "4,5,7")
        self.run_in(self.folder, rankine, "eval", "t2m_anomaly = t2m - mean(t2m, time)", "era5.nc",
                    "-o", "expected.nc", "--quiet", env=environment())
        runs = [([program], environment()) for program in programs]
        if launcher.THERE:
            ranks = [*LAUNCH, "-n", "2"]
            runs += [([*ranks, program], self.mpi_environment()) for program in programs]
        for command, env in runs:
            with self.subTest(command):
                self.run_in(self.folder, *command, "--quiet", env=env)
                self.run_in(self.folder, rankine, "diff", "anom.nc", "expected.nc")
                os.remove(self.path("anom.nc"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
