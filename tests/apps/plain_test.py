"""HDF5 without dimension scales, as h5py and detectors write it: axes that grow, copies, joins and
comparisons, links into other files."""

import shlex
import unittest

import h5py
import netCDF4 as nc
import numpy as np

import support
from support import Case


def write(path, **variables):
    """Data sets; a pair has creation arguments as well."""
    with h5py.File(path, "w") as file:
        for key, value in variables.items():
            data, options = value if isinstance(value, tuple) else (value, {})
            file.create_dataset(key, data=data, **options)


class Plain(Case):
    def write(self, name, **variables):
        write(self.path(name), **variables)
        return name

    def done(self, *words, code=0):
        result = self.run_here(*words, *([] if words[0] == "info" else ["--quiet"]))
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result.stdout.decode()

    def read(self, name, variable):
        with h5py.File(self.path(name)) as file:
            return file[variable][()]


class Growing(Plain):
    """Axes without limit that have no name."""

    def most(self, name):
        with h5py.File(self.path(name)) as file:
            return {key: file[key].maxshape for key in file if not key.startswith("dim_")}

    def test_copies_and_results_grow_where_their_input_does(self):
        rows = {"maxshape": (None, 2), "chunks": (4, 2)}
        self.write("a.h5", a=(np.arange(12).reshape(6, 2), rows), b=np.zeros((6, 2)),
                   c=(np.ones((6, 6)), {"maxshape": (6, None)}),
                   d=(np.ones((2, 6)), {"maxshape": (None, None)}),
                   t=(np.array(["p", "q"], object), {"maxshape": (None,), "dtype": h5py.string_dtype()}))
        self.done("rechunk", "a.h5", "copy.nc")
        self.assertEqual(self.most("copy.nc"), {"a": (None, 2), "b": (6, 2), "c": (6, None),
                                                "d": (None, None), "t": (None,)})
        with h5py.File(self.path("copy.nc")) as file:
            self.assertEqual(file["a"].chunks, (4, 2))
        self.done("eval", "s = a + b; u = a[1:4]; m = mean(a, 1); l = mean(a, 0); v = b * a", "a.h5",
                  "-o", "out.nc")
        self.assertEqual(self.most("out.nc"), {"s": (None, 2), "u": (None, 2), "m": (None,),
                                               "l": (2,), "v": (6, 2)})
        np.testing.assert_array_equal(self.read("out.nc", "u"), self.read("a.h5", "a")[1:4])

    def test_axes_of_one_length_share_a_dimension_if_they_grow_alike(self):
        self.write("a.h5", a=(np.zeros(6), {"maxshape": (None,)}), b=np.zeros(6),
                   c=(np.zeros(6), {"maxshape": (None,)}), d=(np.zeros(6), {"maxshape": (9,)}))
        self.done("rechunk", "a.h5", "o.nc")
        with nc.Dataset(self.path("o.nc")) as file:
            dims = {name: v.dimensions[0] for name, v in file.variables.items()}
            self.assertEqual((dims["a"], dims["b"]), (dims["c"], dims["d"]))
            self.assertNotEqual(dims["a"], dims["b"])
            self.assertTrue(file.dimensions[dims["a"]].isunlimited())
            self.assertFalse(file.dimensions[dims["b"]].isunlimited())

    def test_a_copy_can_be_appended_to_and_copied_again(self):
        self.write("a.h5", a=(np.arange(12).reshape(6, 2), {"maxshape": (None, 2)}))
        self.done("rechunk", "a.h5", "o.nc")
        with nc.Dataset(self.path("o.nc"), "a") as file:
            file["a"][6:8] = 7
        self.done("rechunk", "o.nc", "again.nc")
        self.assertEqual(self.most("again.nc"), {"a": (None, 2)})
        self.assertEqual(self.read("again.nc", "a")[5:].tolist(), [[10, 11], [7, 7], [7, 7]])


class Joined(Plain):
    def make(self, first, count):
        rows = {"maxshape": (None, 2), "chunks": (2, 2)}
        return self.write(f"{first}.h5", x=(np.arange(2 * first, 2 * (first + count)).reshape(-1, 2), rows),
                          flag=(np.arange(count) % 2 == 0, {"maxshape": (None,)}),
                          t=(np.zeros(count, [("k", "i2"), ("v", "f4")]), {"maxshape": (None,)}),
                          g=np.eye(3), late=(np.ones((3, count)), {"maxshape": (3, None)}))

    def test_files_are_joined_along_their_first_axes_as_eval_does(self):
        names = [self.make(0, 4), self.make(4, 3), self.make(7, 4)]
        self.done("concat", *names, "o.nc")
        with h5py.File(self.path("o.nc")) as file:
            self.assertEqual((file["x"].maxshape, file["flag"].maxshape), ((None, 2), (None,)))
            self.assertEqual(file["x"][()].tolist(), np.arange(22).reshape(11, 2).tolist())
            self.assertEqual(file["flag"][()].tolist(), [1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0])
            self.assertEqual(file["t.v"].shape, (11,))
            # These do not grow along their first axis: they are the first file's.
            self.assertEqual((file["g"].shape, file["late"].shape), ((3, 3), (3, 4)))
        self.done("eval", "s = x + 0", *names, "-o", "e.nc")
        self.assertEqual(self.read("e.nc", "s").tolist(), self.read("o.nc", "x").tolist())
        self.done("concat", *names, "v.nc", "-v", "flag")
        self.assertEqual(self.read("v.nc", "flag").shape, (11,))

    def test_what_does_not_fit_says_so(self):
        names = [self.make(0, 4), self.write("b.h5", x=(np.zeros((2, 3)), {"maxshape": (None, 3)}))]
        self.assert_block(self.run_here("concat", *names, "o.nc", "-v", "x", "--quiet"), 3,
                          "its shape is (2, 3), in 0.h5 it is (4, 2)", "b.h5:/x")
        self.assert_block(self.run_here("concat", names[0], names[0], "o.nc", "--dim", "x"), 3,
                          "there is no dimension x", "leave --dim out")

    def test_the_remedy_of_what_cannot_grow_can_be_followed(self):
        for name in ("a.h5", "b.h5"):
            self.write(name, x=np.arange(3))
        result = self.run_here("concat", "a.h5", "b.h5", "o.nc", "--quiet")
        self.assert_block(result, 2, "no unlimited dimension")
        remedy = result.stderr.decode().split("rankine eval ")[1].strip()
        words = remedy.replace("a=FILE", "a=a.h5").replace("b=FILE", "b=b.h5").replace("OUT", "o.nc")
        self.done("eval", *shlex.split(words))
        self.assertEqual(self.read("o.nc", "x").tolist(), [0, 1, 2, 0, 1, 2])

    def test_text_that_is_not_joined_says_so(self):
        text = {"maxshape": (None,), "dtype": h5py.string_dtype()}
        for name in ("a.h5", "b.h5"):
            self.write(name, x=(np.arange(3), {"maxshape": (None,)}),
                       t=(np.array(["p", "q", "r"], object), text))
        result = self.run_here("concat", "a.h5", "b.h5", "o.nc")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"warning: /t is left out: text without named dimensions is not joined",
                      result.stderr)


if __name__ == "__main__":
    support.main()
