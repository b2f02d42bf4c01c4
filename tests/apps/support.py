"""Starting rankine in tests, and what every test may say about what it did."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import launcher
from launcher import LAUNCH

RANKINE = os.environ["RANKINE"]
DATA = os.environ.get("RANKINE_DATA", "")

BLOCK = re.compile(r"rankine: error: \S.*\n(  at: \S.*\n)?(  try: \S.*\n)?")
PATIENCE = 60  # seconds after which a run counts as one that hangs


def environment(**extra):
    """This process's, without what a launcher or a user may have set."""
    set_by_others = (*launcher.VARIABLES, "OMP_NUM_THREADS")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(set_by_others)}
    return kept | extra


def rankine(*arguments, env=None, **options):
    options = {"capture_output": True, "timeout": 300} | options
    command = [RANKINE, *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=env or environment(), **options)


def sanitized():
    """Whether the program has sanitizers, which take time, memory and address space of their own."""
    return json.loads(rankine("config", "--json").stdout)["features"]["sanitizers"]


def without_quarantine():
    """A sanitized program keeps what it freed for a while, and its plans count that as taken."""
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    return unittest.mock.patch.dict(os.environ, ASAN_OPTIONS=options)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rankine-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def entries(self):
        return sorted(os.listdir(self.folder))

    def mpi_environment(self, **extra):
        return environment(**launcher.SETTINGS, **extra)

    def run_ranks(self, *arguments, ranks=2, **options):
        env = self.mpi_environment(**options.pop("variables", {}))
        options = {"capture_output": True, "timeout": PATIENCE, "cwd": self.folder} | options
        return subprocess.run([*LAUNCH, "-n", str(ranks), RANKINE, *arguments], env=env, **options)

    def run_here(self, *arguments, **options):
        return rankine(*arguments, cwd=self.folder, **({"timeout": PATIENCE} | options))

    def assert_done(self, result, stderr=b""):
        self.assertEqual((result.returncode, result.stderr), (0, stderr))

    def assert_block(self, result, code, *words):
        """Exit code, one block on stderr with these words, nothing on stdout."""
        text = result.stderr.decode()
        self.assertEqual(result.returncode, code, text)
        self.assertEqual(result.stdout, b"")
        self.assertRegex(text, re.compile(r"\A" + BLOCK.pattern + r"\Z"))
        for word in words:
            self.assertIn(word, text)

    def json(self, *arguments):
        result = rankine(*arguments)
        self.assert_done(result)
        return json.loads(result.stdout)


def files_of(folder):
    found = []
    for parent, _, names in os.walk(folder):
        found += [os.path.join(parent, name) for name in names if name != "README.md"]
    return sorted(found)


def main():
    if not os.path.isdir(DATA):
        # In the form in which tests/run.sh looks for skipped tests.
        print(f"{os.path.basename(sys.argv[0])}: Skipped\nwhat reads real files: no folder {DATA}")
    unittest.main(verbosity=2)
