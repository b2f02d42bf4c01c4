"""bench: what it reports, that graphs stay small, and its self-checks. Never times."""

import json
import subprocess
import unittest

import support
from support import Case, LAUNCH, RANKINE, environment, launcher, rankine

KEYS = {"tasks", "construct_ms", "optimize_ms", "serialize_ms", "communicate_ms", "total_ms",
        "bytes"}


def launched(ranks, *arguments):
    """The benchmark alone (0 ranks) or on ranks."""
    start = [*LAUNCH, "-n", str(ranks)] if ranks else []
    return subprocess.run([*start, RANKINE, "bench", *map(str, arguments)],
                          env=environment(**launcher.SETTINGS), capture_output=True, timeout=500)


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
        result = launched(3, "graph", "--tasks", "1e3", "--repeat", 1, "--check")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout.decode(), r"check at 1e3: [1-9]\d{3,} edges agree")


class Tasks(Case):
    KEYS = {"graph", "tasks", "tasks_per_s", "bytes_per_task", "ranks"}

    def figures(self, tasks, ranks):
        file = self.path("tasks.json")
        result = launched(ranks, "tasks", "--tasks", tasks, "--repeat", 1, "--json", file)
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
                    self.assertGreater(row["bytes_per_task"], 0)
                    self.assertLessEqual(row["bytes_per_task"], 40)


class Metg(Case):
    PATTERNS = ["trivial", "stencil", "nearest", "spread", "fft", "tree", "all_to_all", "random"]

    def figures(self, ranks, *arguments):
        file = self.path("metg.json")
        result = launched(ranks, "metg", "--repeat", 1, "--steps", 7, "--json", file, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(file) as text:
            return json.load(text)

    def expect(self, rows, patterns, widths):
        expected = [(width, pattern, system) for width in widths for pattern in patterns
                    for system in ("rankine", "mpi", "openmp")]
        self.assertEqual([(r["width"], r["pattern"], r["system"]) for r in rows], expected)
        for row in rows:
            self.assertEqual(set(row), {"pattern", "width", "system", "floor_us", "metg_us"})
            self.assertGreater(row["floor_us"], 0)

    def test_all_patterns_agree_in_all_systems_on_any_number_of_ranks(self):
        for ranks, threads in ((0, 1), (0, 2), (2, 1), (3, 1), (5, 1), (2, 2)):
            with self.subTest(ranks=ranks, threads=threads):
                self.expect(self.figures(ranks, "--threads", threads), self.PATTERNS, [8])

    def test_widths_graphs_and_imbalance_can_be_chosen(self):
        rows = self.figures(2, "--patterns", "fft,random", "--width", "1,2,5", "--graphs", 4,
                            "--imbalance", 1, "--threads", 1)
        self.expect(rows, ["fft", "random"], [1, 2, 5])

    def test_another_pattern_is_a_usage_error(self):
        self.assert_block(launched(0, "metg", "--patterns", "star"), 2, "'star'", "try: trivial")


class Hop(Case):
    def test_both_figures_are_there_for_all_sizes(self):
        for ranks, size in ((2, 8), (3, 1024), (2, 65536)):
            file = self.path("hop.json")
            result = launched(ranks, "hop", "--bytes", size, "--steps", 20, "--repeat", 1,
                              "--threads", 1, "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            with open(file) as text:
                figures = json.load(text)
            self.assertEqual(set(figures), {"hop_us", "pingpong_us"})
            self.assertGreater(figures["hop_us"], 0)
            self.assertGreater(figures["pingpong_us"], 0)

    def test_one_rank_has_no_hops(self):
        self.assert_block(launched(0, "hop"), 2, "two ranks", "try: mpirun -n 2")

    def test_other_sizes_are_usage_errors(self):
        result = launched(2, "hop", "--bytes", 9, "--threads", 1)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(b"--bytes 9", result.stderr)


class Balance(Case):
    def test_long_tasks_are_stolen_only_if_that_is_allowed(self):
        file = self.path("balance.json")
        result = launched(3, "balance", "--tasks", 8, "--task-us", 20000, "--repeat", 1,
                          "--threads", 1, "--json", file)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(file) as text:
            figures = json.load(text)
        self.assertEqual([(f["tasks"], f["steal"]) for f in figures],
                         [("sleep", False), ("sleep", True), ("compute", False), ("compute", True)])
        for figure in figures:
            self.assertGreater(figure["efficiency"], 0)
            if not figure["steal"]:
                self.assertEqual(figure["tasks_stolen"], 0)


class Refusals(Case):
    def test_sizes_that_are_none_are_usage_errors(self):
        for tasks in ("nan", "inf", "-5", "0", "0.5", "1e16", "1e300", "1e3,nan"):
            with self.subTest(tasks):
                result = rankine("bench", "graph", f"--tasks={tasks}")
                self.assert_block(result, 2, "--tasks", "try: rankine bench graph")

    def test_another_benchmark_is_a_usage_error(self):
        result = rankine("bench", "foo")
        self.assert_block(result, 2, "'foo'", "  try: rankine bench graph, tasks, metg, hop or balance\n")


if __name__ == "__main__":
    support.main()
