"""simulate: the same bytes for the same seed, the figures, the command that repeats a run. Never times."""

import json
import shlex
import unittest

import numpy as np
import xarray

from support import Case, rankine

KEYS = {"graph", "seed", "ranks", "threads", "tasks", "layers", "makespan_ns", "ideal_ns", "work_ns",
        "critical_path_ns", "end_ns", "rank_0_busy_share", "rank_0_message_share", "data_messages",
        "control_messages", "packets", "packet_bytes", "transfers", "transfer_bytes", "reports", "tasks_stolen",
        "events", "replay", "ranks_detail"}
HARD = ("--threads", 2, "--imbalance", 5, "--slow-ranks", 2, "--reorder")


class Simulate(Case):
    def run_simulate(self, *arguments):
        result = rankine("simulate", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.decode()

    def figures(self, *arguments):
        file = self.path("figures.json")
        text = self.run_simulate(*arguments, "--json", file)
        with open(file) as content:
            return text, json.load(content)

    def test_one_seed_gives_one_output(self):
        for shape in ("random", "map-reduce", "arrays"):
            arguments = ("--ranks", 12, "--tasks", 700, "--shape", shape, *HARD)
            first = self.run_simulate(*arguments, "--seed", 3)
            self.assertEqual(self.run_simulate(*arguments, "--seed", 3), first)
            self.assertNotEqual(self.run_simulate(*arguments, "--seed", 4), first)

    def test_what_it_prints_repeats_it(self):
        text, figures = self.figures("--ranks", 9, "--tasks", 300, "--seed", 5, *HARD,
                                     "--latency", "0.7", "--dedicated-scheduler")
        replay = text.split("replay    ")[1].strip()
        self.assertEqual(figures["replay"], replay)
        self.assertEqual(self.run_simulate(*shlex.split(replay)[2:]), text)

    def test_figures_fit_together(self):
        _, figures = self.figures("--ranks", 6, "--tasks", 500, "--shape", "tree")
        self.assertEqual(set(figures), KEYS)
        self.assertEqual(len(figures["ranks_detail"]), 6)
        self.assertEqual(sum(rank["tasks"] for rank in figures["ranks_detail"]), figures["tasks"])
        self.assertGreaterEqual(figures["makespan_ns"], figures["ideal_ns"])
        self.assertGreaterEqual(figures["end_ns"], figures["makespan_ns"])

    def test_a_run_can_be_checked(self):
        text = self.run_simulate("--ranks", 5, "--tasks", 200, "--check", *HARD)
        self.assertIn("the results are those of a serial run", text)

    def test_sixteen_thousand_ranks_fit(self):
        _, figures = self.figures("--ranks", 16384, "--tasks", 20000, "--shape", "stencil")
        self.assertEqual(len(figures["ranks_detail"]), 16384)

    def test_a_program_is_simulated_as_it_would_run(self):
        file = self.path("it's.nc")
        values = xarray.DataArray(np.arange(96.0).reshape(24, 4), dims=("time", "lat"))
        values.to_dataset(name="t2m").to_netcdf(file, encoding={"t2m": {"chunksizes": (2, 4)}})
        program = "anom = t2m - mean(t2m, time)"
        text, figures = self.figures(program, file, "--ranks", 3)
        self.assertEqual(figures["graph"], program)
        plan = self.json("plan", program, file, "-o", self.path("out.nc"), "--ranks", 3, "--json")
        self.assertEqual(figures["tasks"], plan["tasks"])
        replay = shlex.split(text.split("replay    ")[1].strip())
        self.assertEqual(self.run_simulate(*replay[2:]), text)

    def test_nonsense_is_refused(self):
        for arguments in (("--shape", "round"), ("--tasks", 0), ("--imbalance", 0.5),
                          ("--slow-ranks", 65), ("--latency", "nan"), ("--bandwidth", 0),
                          ("--ranks", 1, "--dedicated-scheduler")):
            self.assert_block(rankine("simulate", *arguments), 2)
        self.assert_block(rankine("simulate", "x = y", self.path("none.nc")), 3)
        self.assert_block(rankine("simulate", "--tasks", 5, "--json", "/nowhere/x.json"), 5)


if __name__ == "__main__":
    unittest.main()
