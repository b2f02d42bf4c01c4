"""plan: what it shows, that it runs nothing, and that it refuses what eval refuses."""

import os
import random
import shutil
import stat
import unittest

import h5py
import netCDF4
import numpy as np

import support
from support import Case, rankine

FIGURES = {"layers_before", "layers_after", "tasks", "bytes", "memory_bound_bytes",
           "memory_allowed_bytes", "core_seconds", "seconds"}
KEYS = FIGURES | {"reuse", "inputs", "output", "scratch_bytes", "assumption", "advice"}


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
        for key in FIGURES:
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


class Preflight(WithInput):
    """What is read and written: beside h5py's own figures."""

    def inputs(self, *words):
        return self.json("plan", "--json", *words)["inputs"]

    def test_a_whole_data_set(self):
        with h5py.File(self.input) as file:
            stored = file["t2m"].id.get_storage_size()
        self.assertEqual(self.inputs("s = mean(t2m)", self.input),
                         {"files": 1, "data_sets": 1, "chunks": 3, "chunks_read": 3,
                          "raw_bytes": 96, "stored_bytes": stored, "largest_chunk_bytes": 32,
                          "largest_chunk_codec": "shuffle + deflate", "packed_otherwise": 0})

    def test_chunks_that_are_met_are_read_whole(self):
        for part, chunks in (("0:1", 1), ("0:2", 1), ("1:3", 2), ("0:5:4", 3), ("4:6", 1),
                             ("5", 1), ("-1", 1), ("1:2, 2:3", 1)):
            with self.subTest(part):
                inputs = self.inputs(f"s = sum(t2m[{part}])", self.input)
                self.assertEqual((inputs["chunks_read"], inputs["raw_bytes"]),
                                 (chunks, 32 * chunks))
                self.assertEqual(inputs["chunks"], 3)
        inputs = self.inputs("s = t2m[0:2] + t2m[2:4]", self.input)
        self.assertEqual((inputs["data_sets"], inputs["chunks_read"]), (1, 2))
        inputs = self.inputs("s = shift(t2m, time=1)", self.input)
        self.assertEqual(inputs["chunks_read"], 3)

    def test_any_part_meets_the_chunks_of_the_box_around_it(self):
        seed = random.randrange(10**6)
        print("seed", seed)
        rng = random.Random(seed)
        shape, chunk = (60, 50), (7, 8)
        with h5py.File(self.path("x.h5"), "w") as file:
            file.create_dataset("x", shape, "i4", chunks=chunk)
        for _ in range(15):
            cuts, chunks = [], 1
            for axis, length in enumerate(shape):
                first = rng.randrange(length)
                part = range(first, rng.randrange(first, length) + 1, rng.choice((1, 1, 3)))
                cuts.append(f"{part.start}:{part.stop}:{part.step}")
                chunks *= part[-1] // chunk[axis] - first // chunk[axis] + 1
            program = "s = sum(x[{}])".format(", ".join(cuts))
            inputs = self.inputs(program, self.path("x.h5"))
            self.assertEqual(inputs["chunks_read"], chunks, program)

    def test_what_nobody_reads_does_not_count(self):
        self.assertEqual(self.inputs("s = sum(zeros(5))")["data_sets"], 0)
        with h5py.File(self.path("two.h5"), "w") as file:
            file["a"] = np.zeros(8)
            file["b"] = np.zeros(1000)
        inputs = self.inputs("s = sum(a)", self.path("two.h5"))
        self.assertEqual((inputs["data_sets"], inputs["raw_bytes"], inputs["stored_bytes"],
                          inputs["largest_chunk_codec"]), (1, 64, 64, "no filters"))

    def test_files_as_one_and_their_own_scales(self):
        for i, scale in enumerate((1.0, 1.0, 0.5)):
            with netCDF4.Dataset(self.path(f"p{i}.nc"), "w") as file:
                file.createDimension("time", None)
                time = file.createVariable("time", "f8", ("time",))
                time.units = "days since 2000-01-01"
                time[:] = np.arange(3) + 3 * i
                packed = file.createVariable("x", "i2", ("time",), chunksizes=(3,), zlib=True)
                packed.set_auto_maskandscale(False)
                packed.scale_factor = scale
                packed[:] = np.arange(3)
        stored = 0
        for i in range(3):
            with h5py.File(self.path(f"p{i}.nc")) as file:
                stored += file["x"].id.get_storage_size()
        inputs = self.inputs("--quiet", "s = sum(x)", self.path("p*.nc"))
        self.assertEqual((inputs["files"], inputs["stored_bytes"], inputs["packed_otherwise"]),
                         (3, stored, 1))

    def test_the_output_and_the_disk_it_will_lie_on(self):
        plan = self.json("plan", "--json", "a = t2m * 2.0; b = t2m > 3", self.input, "-o",
                         self.path("out.nc"))
        self.assertEqual(plan["output"]["raw_bytes"], 96 + 24)
        self.assertEqual(plan["output"]["codec"], "deflate-4")
        self.assertTrue(os.path.samefile(plan["output"]["folder"], self.folder))
        self.assertGreater(plan["output"]["free_bytes"], 0)
        self.assertIsNone(self.json("plan", "--json", "t2m", self.input)["output"])

    def test_the_block_for_people(self):
        result = rankine("plan", "a = t2m - 1", self.input, "-o", self.path("out.nc"), "--ranks",
                         "5", "--threads", "2", "--memory", "1GiB")
        self.assert_done(result)
        lines = result.stdout.decode().splitlines()
        words = [line.split()[0] for line in lines if not line.startswith(" ")]
        self.assertEqual(words, ["inputs", "layers", "tasks", "graph", "memory", "disk", "time",
                                 "reuse", "numbers", "advice"])
        text = result.stdout.decode()
        for part in ("1 file, 1 data set: 3 of 3 chunks are read, 96 B of elements; ",
                     "largest chunk has 32 B, shuffle + deflate\n",
                     " MiB resident on each of 5 ranks, of 1.0 GiB allowed: OK\n",
                     "at most 96 B of elements, before deflate-4; ", ": OK\n",
                     " on 3 of 10 cores, by a rule of thumb: a core decodes ",
                     "about 3 tasks run side by side: more ranks than that do not help\n"):
            self.assertIn(part, text)

    def test_the_disk_must_hold_the_journal_beside_the_output(self):
        free = shutil.disk_usage(self.folder).free
        for part, said in ((0.1, ": OK\n"), (0.75, ": enough if they get smaller, for journal and output"),
                           (1.5, ": enough only if they get smaller")):
            elements = int(part * free / 8 / 10**6) * 10**6
            result = rankine("plan", f"x = zeros({elements}, chunk=1000000)", "-o", self.path("x.nc"))
            self.assert_done(result)
            self.assertIn(said, result.stdout.decode())

    def test_time_grows_with_the_work_and_shrinks_with_the_cores(self):
        def seconds(elements, ranks):
            return self.json("plan", "--json", "--ranks", ranks, "--threads", 1,
                             f"sum(sqrt(zeros({elements}, chunk=1000)))")["seconds"]
        self.assertGreater(seconds(10**8, 1), 5 * seconds(10**7, 1))
        self.assertAlmostEqual(seconds(10**8, 1), 4 * seconds(10**8, 4))

    def test_results_of_their_own_run_side_by_side(self):
        def text(program, ranks):
            result = rankine("plan", program, self.input, "--ranks", ranks, "--threads", "1")
            self.assert_done(result)
            return result.stdout.decode()
        both = "a = t2m + 1; b = sum(zeros(3, chunk=1) + arange(3, chunk=1))"
        self.assertNotIn("side by side", text(both, 6))
        self.assertIn("about 6 tasks run side by side: more ranks", text(both, 7))
        self.assertIn("about 1 task runs side by side: more ranks", text("a = sum(zeros(3))", 2))

    def test_bad_chunks_are_named(self):
        with h5py.File(self.path("bad.h5"), "w") as file:
            file.create_dataset("x", data=np.ones(4096, "f4"), chunks=(4,), compression=1)
        advice = self.json("plan", "--json", "s = sum(x)", self.path("bad.h5"))["advice"]
        self.assertTrue(any("bad.h5:/x: 1024 chunks of 16 B" in line for line in advice), advice)


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
