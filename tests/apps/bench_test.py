"""bench graph: what it reports, that the graph stays small, and its self-check. Never times."""

import json
import os
import subprocess
import unittest

import support
from support import Case, RANKINE, environment, rankine

KEYS = {"tasks", "construct_ms", "optimize_ms", "serialize_ms", "communicate_ms", "total_ms",
        "bytes"}
SETTINGS = os.path.join(os.path.dirname(__file__), "..", "..", "apps", "mpi_settings.sh")


class Graph(Case):
    def figures(self, *arguments):
        file = self.path("bench.json")
        result = rankine("bench", "graph", "--repeat", 1, "--json", file, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(file) as text:
            return json.load(text)

    def test_json_has_one_row_of_figures_for_each_size(self):
        rows = self.figures("--tasks", "1e3,1e6")
        self.assertEqual([row["tasks"] for row in rows], [1e3, 1e6])
        for row in rows:
            self.assertEqual(set(row), KEYS)

    def test_a_graph_is_small_and_does_not_grow_with_its_tasks(self):
        small, large = self.figures("--tasks", "1e3,1e9")
        self.assertLessEqual(large["bytes"], 16 * 1024)
        self.assertLessEqual(large["bytes"], 1.1 * small["bytes"])

    def test_the_largest_size_is_still_counted(self):
        self.assertLessEqual(self.figures("--tasks", "1e15")[0]["bytes"], 16 * 1024)


class Check(Case):
    def test_edges_and_bytes_agree_on_one_rank(self):
        result = rankine("bench", "graph", "--tasks", "1e3", "--repeat", 1, "--check")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout.decode(), r"check at 1e3: [1-9]\d{3,} edges agree")

    def test_edges_and_bytes_agree_on_three_ranks(self):
        command = ["bash", "-c", f'source "{SETTINGS}"; exec "$@"', "launch", "mpirun", "-n", "3",
                   RANKINE, "bench", "graph", "--tasks", "1e3", "--repeat", "1", "--check"]
        result = subprocess.run(command, env=environment(), capture_output=True, timeout=300)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout.decode(), r"check at 1e3: [1-9]\d{3,} edges agree")


class Tasks(Case):
    KEYS = {"graph", "tasks", "tasks_per_s", "bytes_per_task", "ranks"}

    def figures(self, tasks, ranks):
        file = self.path("tasks.json")
        command = ["bash", "-c", f'source "{SETTINGS}"; exec "$@"', "launch", "mpirun", "-n",
                   str(ranks), RANKINE, "bench", "tasks", "--tasks", str(tasks), "--repeat", "1",
                   "--json", file]
        result = subprocess.run(command[7:] if ranks == 0 else command, env=environment(),
                                capture_output=True, timeout=300)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(file) as text:
            return json.load(text)

    def test_every_task_of_every_graph_is_counted(self):
        for ranks in (0, 1, 2, 3, 5):
            for row, name in zip(self.figures(10000, ranks), ("wide", "chain", "tree")):
                with self.subTest(name, ranks=ranks):
                    self.assertEqual(row.keys(), self.KEYS)
                    self.assertEqual(row["graph"], name)
                    self.assertEqual(row["tasks"], 9999 if name == "tree" else 10000)
                    self.assertEqual(row["ranks"], max(1, ranks))
                    self.assertLessEqual(row["bytes_per_task"], 40)


class Refusals(Case):
    def test_sizes_that_are_none_are_usage_errors(self):
        for tasks in ("nan", "inf", "-5", "0", "0.5", "1e16", "1e300", "1e3,nan"):
            with self.subTest(tasks):
                result = rankine("bench", "graph", f"--tasks={tasks}")
                self.assert_block(result, 2, "--tasks", "try: rankine bench graph")

    def test_another_benchmark_is_a_usage_error(self):
        result = rankine("bench", "foo")
        self.assert_block(result, 2, "'foo'", "  try: rankine bench graph, rankine bench tasks\n")


if __name__ == "__main__":
    support.main()
