"""HDF5 without dimension scales, as h5py and detectors write it: axes that grow, copies, joins and
comparisons, links into other files."""

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


if __name__ == "__main__":
    support.main()
