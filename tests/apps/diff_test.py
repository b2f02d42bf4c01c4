"""rankine diff against NumPy on the same files."""

import json
import math
import re
import unittest

import h5py
import numpy as np

import support
from support import Case


class Diff(Case):
    def setUp(self):
        super().setUp()
        self.values = np.random.default_rng(2).normal(size=(9, 20, 11)).astype("f4")
        self.values[4, 3, 2] = np.nan

    def write(self, name, **variables):
        """Data sets; a pair has creation arguments as well."""
        with h5py.File(self.path(name), "w") as file:
            for key, value in variables.items():
                data, options = value if isinstance(value, tuple) else (value, {})
                file.create_dataset(key, data=data, **options)
        return name

    def diff(self, *arguments, code=6):
        result = self.run_here("diff", *arguments, "--quiet")
        self.assertEqual((result.returncode, result.stderr), (code, b""))
        return result.stdout.decode().splitlines()

    def same(self, *arguments):
        self.assertEqual(self.diff(*arguments, code=0), [])

    def assert_line(self, line, name, a, b):
        """The line for arrays without NaN, in double precision as NumPy has it."""
        apart = np.abs(a.astype("f8") - b.astype("f8"))
        larger = np.maximum(np.abs(a.astype("f8")), np.abs(b.astype("f8")))
        relative = apart / np.where(larger > 0, larger, 1)

        def place(where):
            at = np.unravel_index(np.argmax(where), a.shape)
            return "(" + ", ".join(str(i) for i in at) + ")"
        found = re.fullmatch(
            r"(.*); by at most (\S+) at (\(.*\)), relative (\S+) at (\(.*\))", line)
        self.assertIsNotNone(found, line)
        self.assertEqual(found[1], f"{name}: {np.sum(apart > 0)} of {a.size} elements differ, "
                                   f"the first at {place(apart > 0)}")
        self.assertEqual((float(found[2]), found[3]), (apart.max(), place(apart)))
        self.assertEqual((float(found[4]), found[5]), (relative.max(), place(relative)))

    def test_json_has_the_same_as_numbers(self):
        other = self.values.copy()
        other[1, 2, 3] += 2
        other[4, 5, 6] = np.nan
        self.write("a.h5", x=self.values, y=np.arange(3), same=np.ones(2), t=["a", "b"],
                   e=np.zeros(2, [("a", "f4")]))
        self.write("b.h5", x=other, y=np.arange(4), same=np.ones(2), t=["a", "c"],
                   e=np.zeros(2, [("a", "f4")]))
        result = self.run_here("diff", "a.h5", "b.h5", "--json", "--quiet")
        self.assertEqual(result.returncode, 6)
        found = json.loads(result.stdout)
        self.assertEqual((found["first"], found["second"], found["differs"]),
                         ("a.h5", "b.h5", True))
        by_path = {v["path"]: v for v in found["variables"]}
        x = by_path["/x"]
        self.assertEqual((x["differs"], x["elements"], x["elements_differ"], x["missing_in_one"]),
                         (True, 1980, 2, 1))
        self.assertEqual((x["first_at"], x["absolute_at"], x["relative_at"]), ([1, 2, 3],) * 3)
        self.assertAlmostEqual(x["absolute"], 2, 5)
        self.assertEqual(by_path["/y"]["differences"], ["shape (4,) instead of (3,)"])
        self.assertIsNone(by_path["/y"]["elements"])
        self.assertEqual((by_path["/same"]["differs"], by_path["/same"]["elements_differ"],
                          by_path["/same"]["first_at"]), (False, 0, None))
        self.assertEqual(by_path["/t"]["differences"],
                         ['1 of 2 texts differ, the first at (1,): "c" instead of "b"'])
        self.assertIsNone(by_path["/e"]["not_compared"])  # its only field is
        self.assertEqual(by_path["/e.a"]["elements"], 2)
        same = self.run_here("diff", "a.h5", "a.h5", "--json", "--quiet")
        self.assertEqual((same.returncode, json.loads(same.stdout)["differs"]), (0, False))

    def test_equal_files_are_silent_whatever_their_chunks_and_filters(self):
        self.write("a.h5", x=self.values, s=np.float64(2), z=np.zeros((0, 3)),
                   n=h5py.Empty("i4"), b=np.array([True, False]))
        self.write("b.h5", x=(self.values, {"chunks": (4, 7, 11), "compression": "gzip"}),
                   s=np.float64(2), z=np.zeros((0, 3)), n=h5py.Empty("i4"),
                   b=np.array([True, False]))
        self.same("a.h5", "b.h5")
        self.same("a.h5", "a.h5")

    def test_every_type_is_compared_as_numpy_does(self):
        random = np.random.default_rng(3)
        for dtype in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">f8"):
            with self.subTest(dtype):
                a = random.integers(0, 100, (7, 30)).astype(dtype)
                b = a.copy()
                for _ in range(20):
                    b[random.integers(7), random.integers(30)] += 3
                self.write("a.h5", x=(a, {"chunks": (3, 8)}))
                self.write("b.h5", x=(b, {"chunks": (2, 13)}))
                lines = self.diff("a.h5", "b.h5")
                self.assertEqual(len(lines), 1)
                self.assert_line(lines[0], "/x", a, b)

    def test_scalars_and_extremes(self):
        self.write("a.h5", i=np.int64(-2**63), u=np.uint64(2**64 - 1), f=np.float64(np.inf),
                   t=np.bool_(True), zero=np.float64(0.0))
        self.write("b.h5", i=np.int64(2**63 - 1), u=np.uint64(2**64 - 2), f=np.float64(1),
                   t=np.bool_(False), zero=np.float64(-0.0))
        lines = self.diff("a.h5", "b.h5")
        apart = [float(line.split("by at most ")[1].split(" at ")[0]) for line in lines]
        names = [line.split(":")[0] for line in lines]
        self.assertEqual(dict(zip(names, apart)),
                         {"/f": math.inf, "/i": 2.0**64, "/t": 1, "/u": 1})
        self.assertEqual(len(self.diff("a.h5:/f", "b.h5", "--rel", "1")), 1)
        self.same("a.h5:/zero", "b.h5:/zero")

    def test_missing_equals_missing_only(self):
        other = self.values.copy()
        other[1, 2, 3] = np.nan
        self.write("a.h5", x=self.values)
        self.write("b.h5", x=other)
        self.assertEqual(self.diff("a.h5", "b.h5", "--abs", "1000"), [
            "/x: 1 of 1980 elements differ, the first at (1, 2, 3); 1 missing in one only"])

    def test_tolerances_are_those_of_math_isclose(self):
        a = np.nan_to_num(self.values.astype("f8"))
        b = a * (1 + np.linspace(-1e-3, 1e-3, a.size).reshape(a.shape)) + 1e-5
        self.write("a.h5", x=(a, {"chunks": (2, 20, 11)}))
        self.write("b.h5", x=(b, {"chunks": (9, 4, 3)}))
        for absolute, relative in ((0, 0), (1e-4, 0), (0, 5e-4), (2e-5, 3e-4), (1, 0), (0, 1)):
            with self.subTest(abs=absolute, rel=relative):
                count = sum(not math.isclose(x, y, rel_tol=relative, abs_tol=absolute)
                            for x, y in zip(a.flat, b.flat))
                lines = self.diff("a.h5", "b.h5", "--abs", absolute, "--rel", relative,
                                  code=6 if count else 0)
                self.assertEqual([line.split(" of ")[0] for line in lines],
                                 [f"/x: {count}"] if count else [])

    def test_packed_data_are_compared_as_decoded(self):
        packed = np.arange(60, dtype="i2").reshape(6, 10)
        for name, data in (("a.h5", packed), ("b.h5", packed * np.float32(0.5))):
            self.write(name, x=data)
        with h5py.File(self.path("a.h5"), "r+") as file:
            file["x"].attrs["scale_factor"] = np.float32(0.5)
            file["x"].attrs["_FillValue"] = np.int16(7)
        with h5py.File(self.path("b.h5"), "r+") as file:
            file["x"][0, 7] = np.nan
        self.same("a.h5", "b.h5")
        self.assertEqual(self.diff("a.h5", "b.h5", "--attributes"), [
            "/x: attribute scale_factor only in the first",
            "/x: attribute _FillValue only in the first"])

    def test_metadata_and_what_is_in_one_file_only(self):
        self.write("a.h5", shape=np.zeros((3, 4)), type=np.zeros(3), only_a=1, text="p", dim=[1, 2])
        self.write("b.h5", shape=np.zeros((3, 5)), type=np.zeros(3, "f4"), only_b=1, text="q",
                   dim=[1, 2])
        for name, units in (("a.h5", "K"), ("b.h5", "degC")):
            with h5py.File(self.path(name), "r+") as file:
                file[f"x_{units}"] = [1, 2]
                file[f"x_{units}"].make_scale()
                file["dim"].dims[0].attach_scale(file[f"x_{units}"])
                file.attrs["title"] = name
                file["dim"].attrs["units"] = units
        lines = ["/dim: dimensions (x_degC) instead of (x_K)", "/only_a: only in the first",
                 "/shape: shape (3, 5) instead of (3, 4)",
                 '/text: 1 of 1 texts differ, the first at (): "q" instead of "p"',
                 "/type: type float32 instead of float64", "/x_K: only in the first",
                 "/only_b: only in the second", "/x_degC: only in the second"]
        self.assertEqual(self.diff("a.h5", "b.h5"), lines)
        more = self.diff("a.h5", "b.h5", "--attributes")
        self.assertEqual(set(more) - set(lines), {
            '/: attribute title "b.h5" instead of "a.h5"',
            '/dim: attribute units "degC" instead of "K"'})

    def test_one_variable_of_each_file(self):
        a = np.nan_to_num(self.values)
        self.write("a.h5", x=a, y=a + 1)
        self.same("a.h5:/x", "a.h5:/x")
        lines = self.diff("a.h5:/x", "a.h5:/y")
        self.assertEqual(len(lines), 1)
        self.assert_line(lines[0], "/x", a, a + 1)

    def test_any_ranks_and_threads_say_the_same(self):
        a = np.nan_to_num(self.values)
        b = np.round(a, 1)
        self.write("a.h5", x=(a, {"chunks": (1, 5, 11)}), s=1.5)
        self.write("b.h5", x=(b, {"chunks": (9, 20, 2)}), s=2.5)
        wanted = self.diff("a.h5", "b.h5", "--threads", "1")
        self.assert_line(wanted[1], "/x", a, b)
        for ranks, threads in ((1, 3), (2, 2), (3, 1)):
            with self.subTest(ranks=ranks, threads=threads):
                result = self.run_ranks("diff", "a.h5", "b.h5", "--threads", str(threads),
                                        ranks=ranks)
                self.assertEqual(result.returncode, 6, result.stderr)
                self.assertEqual(result.stdout.decode().splitlines(), wanted)

    def test_bad_input_and_usage(self):
        self.write("a.h5", x=self.values)
        for arguments, code, word in (
                (("a.h5", "missing.h5"), 3, "No such file"), (("a.h5:/y", "a.h5"), 3, "/x"),
                (("a.h5",), 2, "SECOND"), (("a.h5", "a.h5", "--abs", "-1"), 2, "--abs"),
                (("a.h5", "a.h5", "--rel", "nan"), 2, "--rel")):
            with self.subTest(arguments):
                self.assert_block(self.run_here("diff", *arguments, "--quiet"), code, word)


if __name__ == "__main__":
    support.main()
