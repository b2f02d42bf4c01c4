"""plan: what it shows, that it runs nothing, and that it refuses what eval refuses."""

import os
import stat
import unittest

import h5py
import netCDF4
import numpy as np

import support
from support import Case, rankine

KEYS = {"layers_before", "layers_after", "tasks", "bytes", "memory_bound_bytes", "reuse"}


def assert_refused(case, result, *words):
    """As assert_block, of errors that show a place in the expression on lines of their own."""
    text = result.stderr.decode()
    case.assertIn(result.returncode, (2, 4, 5), text)
    case.assertEqual(result.stdout, b"")
    case.assertEqual(text.count("rankine: error: "), 1, text)
    for word in ("  at: ", "  try: ", *words):
        case.assertIn(word, text)


class WithInput(Case):
    def setUp(self):
        super().setUp()
        self.input = self.path("in.nc")
        with netCDF4.Dataset(self.input, "w") as file:
            file.createDimension("time", 6)
            file.createDimension("lat", 4)
            variable = file.createVariable("t2m", "f4", ("time", "lat"), chunksizes=(2, 4),
                                           zlib=True)
            variable[...] = np.arange(24).reshape(6, 4)


class Plan(WithInput):
    def test_json_has_the_figures_and_nothing_is_run_or_written(self):
        plan = self.json("plan", "--json", "a = t2m - mean(t2m, time)", self.input, "-o",
                         self.path("out.nc"))
        self.assertEqual(set(plan), KEYS)
        for key in KEYS - {"reuse"}:
            self.assertGreater(plan[key], 0, key)
        self.assertLessEqual(plan["layers_after"], plan["layers_before"])
        self.assertEqual(self.entries(), ["in.nc"])

    def test_layers_lie_in_the_expression(self):
        result = rankine("plan", "a = t2m - mean(t2m, time)", self.input)
        self.assert_done(result)
        text = result.stdout.decode()
        self.assertIn("mean", text)
        self.assertIn("expression, column 11\n", text)
        self.assertNotIn(".cc:", text)

    def test_bytes_do_not_grow_with_the_tasks(self):
        plans = [self.json("plan", "--json", f"mean(sqrt(zeros({n}, chunk=100)))")
                 for n in (10**4, 10**10)]
        self.assertGreater(plans[1]["tasks"], 10**4 * plans[0]["tasks"])
        self.assertLessEqual(plans[1]["bytes"], 1.1 * plans[0]["bytes"])

    def test_the_bound_grows_with_threads_and_results(self):
        bound = [self.json("plan", "--json", "--threads", threads, f"zeros({n})")
                 ["memory_bound_bytes"] for threads, n in ((1, 10**3), (1, 10**7), (8, 10**7))]
        self.assertGreaterEqual(bound[1], bound[0] + 7 * 10**7)
        self.assertGreater(bound[2], bound[1])


class Outputs(WithInput):
    def test_what_eval_refuses_plan_refuses_alike(self):
        existing = self.path("old.nc")
        open(existing, "w").close()
        for output, code in ((self.path("no/x.nc"), 3), (self.input, 2), (existing, 2),
                             (self.folder, 2)):
            with self.subTest(output):
                refusals = [rankine(verb, "a = t2m + 1", self.input, "-o", output, *quiet)
                            for verb, quiet in (("eval", ["--quiet"]), ("plan", []))]
                for refusal in refusals:
                    self.assert_block(refusal, code)
                self.assertEqual(refusals[0].stderr, refusals[1].stderr)

    def test_an_existing_output_may_be_planned_to_be_replaced(self):
        existing = self.path("old.nc")
        open(existing, "w").close()
        self.assert_done(rankine("eval", "a = t2m + 1", self.input, "-o", existing, "--overwrite",
                                 "--quiet"))
        before = os.stat(existing)
        result = rankine("plan", "a = t2m + 1", self.input, "-o", existing, "--overwrite")
        self.assert_done(result)
        after = os.stat(existing)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))
        self.assertTrue(stat.S_ISREG(after.st_mode))


class Sizes(Case):
    def test_any_length_is_planned_or_refused(self):
        for power in range(30, 63):
            for chunk in ("", f", chunk={2**power}"):
                expression = f"a = full(1, {2**power}{chunk})"
                with self.subTest(expression):
                    result = rankine("plan", "--json", expression)
                    self.assertIn(result.returncode, (0, 2, 4), result.stderr)
                    if result.returncode == 0:
                        self.assertLess(power, 50)  # 8 PiB on this machine
                    else:
                        assert_refused(self, result)

    def test_results_beyond_any_memory_are_refused_before_they_are_computed(self):
        for power in range(48, 63):
            for memory in ((), ("--memory", f"{2**60}")):
                with self.subTest(power=power, memory=memory):
                    result = rankine("eval", "--quiet", f"a = full(1, {2**power})", *memory)
                    assert_refused(self, result)

    def test_arrays_beyond_any_memory_may_stand_between_an_input_and_a_result(self):
        n = 1000000
        for expression in (f"sum(zeros({n}, {n}, 1) + zeros({n}))",
                           f"mean(matmul(zeros({n}, {n}), zeros({n}, {n})))"):
            plan = self.json("plan", "--json", "--memory", "99999GiB", expression)
            self.assertGreater(plan["tasks"], 10**5, expression)

    def test_a_refusal_names_the_bytes_what_takes_them_and_the_remedy(self):
        result = rankine("eval", "--quiet", "zeros(200000000)", "--memory", "1GiB")
        self.assert_block(result, 4, "allowed are 1073741824 bytes (1 GiB)",
                          "the fetched results", "-o")
        result = rankine("eval", "--quiet", "--memory", "1GiB",
                         "sum(zeros(200000000, chunk=200000000) + arange(200000000))")
        self.assert_block(result, 4, "layer '", "smaller chunks")
        result = rankine("eval", "--quiet", "1", "--memory", "1KiB")
        self.assert_block(result, 4, "allowed are 1024 bytes (1 KiB)", "--memory")


class Scratch(Case):
    PROGRAM = "s = sum(x + transpose(x), 0)"

    def setUp(self):
        super().setUp()
        self.input = self.path("x.h5")
        with h5py.File(self.input, "w") as file:
            file.create_dataset("x", (4096, 4096), "f8", chunks=(64, 4096), compression=1)

    def plan(self, *options):
        plan = self.json("plan", "--json", "--threads", "1", self.PROGRAM, self.input, *options)
        return plan["reuse"], plan["memory_bound_bytes"]

    def test_what_does_not_fit_goes_where_it_costs_less(self):
        self.assertRegex(self.plan("--memory", "1GiB")[0], "^hold read /x")
        reuse, bound = self.plan("--memory", "200MiB")
        self.assertRegex(reuse, "^spill read /x: holding needs .* in scratch$")
        self.assertLessEqual(bound, 200 << 20)
        self.assertRegex(self.plan("--reuse", "reread")[0], "^reread read /x: asked for$")
        self.assertRegex(self.plan("--reuse", "spill")[0], "^spill read /x: asked for")

    def test_without_room_in_scratch_it_is_read_again_or_refused(self):
        nowhere = ("--scratch", self.path("none"))
        self.assertRegex(self.plan("--memory", "200MiB", *nowhere)[0], "^reread ")
        for verb in ("plan", "eval"):
            result = rankine(verb, self.PROGRAM, self.input, "--reuse", "spill", *nowhere)
            self.assert_block(result, 4, "there is room for 0 bytes", "--scratch")

    def test_an_unknown_choice_is_a_usage_error(self):
        self.assert_block(rankine("plan", "1", "--reuse", "burn"), 2, "hold, reread or spill")


class Places(WithInput):
    def test_a_failed_task_names_the_place_in_the_expression(self):
        with h5py.File(self.input) as file:
            chunk = file["t2m"].id.get_chunk_info(1)
        with open(self.input, "r+b") as file:
            file.seek(chunk.byte_offset)
            file.write(b"\xff" * chunk.size)
        result = rankine("eval", "--quiet", "a = t2m + 1", self.input)
        self.assert_block(result, 3, "in task ", "expression, column 9")
        self.assertNotIn(b".cc:", result.stderr)

    def test_nan_has_no_sign(self):
        result = rankine("eval", "--quiet", "x = -(zeros(2) * nan)")
        self.assert_done(result)
        self.assertEqual(result.stdout.splitlines()[1], b"nan nan")


if __name__ == "__main__":
    support.main()
