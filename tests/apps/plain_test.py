"""HDF5 without dimension scales, as h5py and detectors write it: axes that grow, copies, joins and
comparisons, links into other files."""

import filecmp
import json
import os
import shlex
import unittest

import h5py
import netCDF4 as nc
import numpy as np

import support
from support import Case, environment


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
        table = np.zeros(count, [("k", "i2"), ("v", "f4")])
        table["k"] = table["v"] = np.arange(first, first + count)
        return self.write(f"{first}.h5", x=(np.arange(2 * first, 2 * (first + count)).reshape(-1, 2), rows),
                          flag=(np.arange(count) % 2 == 0, {"maxshape": (None,)}),
                          t=(table, {"maxshape": (None,)}),
                          g=np.eye(3), late=(np.ones((3, count)), {"maxshape": (3, None)}))

    def test_files_are_joined_along_their_first_axes_as_eval_does(self):
        names = [self.make(0, 4), self.make(4, 3), self.make(7, 4)]
        self.done("concat", *names, "o.nc")
        with h5py.File(self.path("o.nc")) as file:
            self.assertEqual((file["x"].maxshape, file["flag"].maxshape), ((None, 2), (None,)))
            self.assertEqual(file["x"][()].tolist(), np.arange(22).reshape(11, 2).tolist())
            self.assertEqual(file["flag"][()].tolist(), [1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0])
            # Of fields of uncompressed tables no chunk is one of the output.
            self.assertEqual(file["t.k"][()].tolist(), list(range(11)))
            self.assertEqual(file["t.v"][()].tolist(), list(range(11)))
            # These do not grow along their first axis: they are the first file's.
            self.assertEqual((file["g"].shape, file["late"].shape), ((3, 3), (3, 4)))
        self.done("eval", "s = x + 0", *names, "-o", "e.nc")
        self.assertEqual(self.read("e.nc", "s").tolist(), self.read("o.nc", "x").tolist())
        self.done("concat", *names, "v.nc", "-v", "flag")
        self.assertEqual(self.read("v.nc", "flag").shape, (11,))

    def test_what_is_not_joined_says_so(self):
        for i in range(2):
            with nc.Dataset(self.path(f"t{i}.nc"), "w") as file:
                file.createDimension("time", 4)
                file.createVariable("time", "f8", ("time",)).units = "days since 2000-01-01"
                file["time"][:] = np.arange(4) + 4 * i
            with h5py.File(self.path(f"t{i}.nc"), "a") as file:
                file.create_dataset("y", data=np.arange(4), maxshape=(None,))
        # What grows may count what the time counts, or not.
        self.assert_block(self.run_here("concat", "t0.nc", "t1.nc", "o.nc"), 2, "no unlimited dimension")
        result = self.run_here("concat", "t0.nc", "t1.nc", "o.nc", "--dim", "time")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"/y is that of the first file alone", result.stderr)
        self.assertEqual(self.read("o.nc", "time").tolist(), list(range(8)))

    def test_coordinates_that_only_we_decode_are_compared(self):
        for i, last in enumerate((3, 3, 4)):
            with h5py.File(self.path(f"z{i}.h5"), "w") as file:
                file.create_dataset("x", data=np.array([1, 2, last]), chunks=(3,), compression="lzf")
                file["x"].make_scale("x")
                file.create_dataset("time", data=[float(i)], maxshape=(None,), chunks=(1,),
                                    compression="lzf")
                file["time"].make_scale("time")
                file.create_dataset("a", data=np.full((1, 3), i), maxshape=(None, 3), chunks=(1, 3))
                file["a"].dims[0].attach_scale(file["time"])
                file["a"].dims[1].attach_scale(file["x"])
        self.done("concat", "z0.h5", "z1.h5", "o.nc")
        self.assertEqual(self.read("o.nc", "a").tolist(), [[0] * 3, [1] * 3])
        self.done("eval", "s = a + 0", "z0.h5", "z1.h5", "-o", "e.nc")
        self.assertEqual(self.read("e.nc", "s").tolist(), [[0] * 3, [1] * 3])
        for words in (["concat", "z0.h5", "z2.h5", "n.nc"],
                      ["eval", "s = a + 0", "z0.h5", "z2.h5", "-o", "n.nc"]):
            result = self.run_here(*words)
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn(b"differ", result.stderr)

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


class Compared(Plain):
    def diff(self, *words, code=0):
        return self.done("diff", *words, code=code).splitlines()

    def report(self, *words, code=0):
        return json.loads(self.done("diff", *words, "--json", code=code))

    def test_a_copy_equals_its_plain_input(self):
        self.write("a.h5", x=np.arange(12000), y=np.ones((3, 3)), b=np.array([True, False]),
                   g=(np.zeros((4, 2), ">f4"), {"maxshape": (None, 2), "chunks": (3, 1)}),
                   n=np.int16(3), t=np.array(["p", "q"], object))
        self.done("rechunk", "a.h5", "b.nc")
        self.assertEqual(self.diff("a.h5", "b.nc"), [])
        self.assertEqual(self.diff("b.nc", "a.h5"), [])
        with nc.Dataset(self.path("b.nc"), "a") as file:
            file.renameDimension("dim_12000", "time")
        self.assertEqual(self.diff("a.h5", "b.nc", code=6),
                         ["/x: dimensions (time) instead of none"])

    def test_only_names_that_are_made_up_are_none(self):
        for name, dim in (("a.nc", "dim_3"), ("b.nc", "dim_3_1"), ("c.nc", "dim_x"), ("d.nc", "x")):
            with nc.Dataset(self.path(name), "w") as file:
                file.createDimension(dim, 3)
                file.createDimension("y", 2)
                file.createVariable("v", "f8", (dim, "y"))[:] = 1
        self.assertEqual(self.diff("a.nc", "b.nc"), [])
        self.assertEqual(self.diff("a.nc", "c.nc", code=6),
                         ["/v: dimensions (dim_x, y) instead of (-, y)"])
        with nc.Dataset(self.path("d.nc"), "a") as file:  # a coordinate says more than its name
            file.renameDimension("x", "dim_3")
            file.createVariable("dim_3", "f8", ("dim_3",))[:] = 1
        self.assertEqual(self.diff("a.nc", "d.nc", code=6)[0],
                         "/v: dimensions (dim_3, y) instead of (-, y)")

    def tables(self, name, **changes):
        kind = np.dtype([("k", "i4"), ("s", "S4"), ("a", "f4", (2,)), ("in", [("b", "S2")])], align=True)
        table = np.zeros((5, 3), kind)
        table["k"], table["s"], table["a"][..., 1] = 3, b"ab", 7
        blob = np.zeros(6, "V3")
        for key, value in changes.items():
            if key == "blob":
                blob[2] = value
            else:
                table[key][4, 1] = value
        array = np.dtype(("i2", (3,)))
        with h5py.File(self.path(name), "w") as file:
            file["table"], file["blob"] = table, blob
            file.create_dataset("lists", (2,), array)
            file.create_dataset("chunks", data=table, chunks=(2, 2), compression="gzip")
        return name

    def test_elements_that_are_no_numbers_are_compared_by_their_bytes(self):
        a = self.tables("a.h5")
        self.assertEqual(self.diff(a, self.tables("b.h5")), [])
        self.assertFalse(self.report(a, "b.h5")["not_compared"])
        one = " of 15 elements differ in their bytes, the first at (4, 1)"
        for key, value in (("s", b"b"), ("a", 1), ("in", (b"x",))):
            self.assertEqual(self.diff(a, self.tables("b.h5", **{key: value}), code=6),
                             ["/table: 1" + one, "/chunks: 1" + one][::-1])
        self.assertEqual(self.diff(a, self.tables("b.h5", blob=b"abc"), code=6),
                         ["/blob: 1 of 6 elements differ in their bytes, the first at (2,)"])
        # A field of numbers is compared as such, with tolerance, and counts once.
        lines = self.diff(a, self.tables("b.h5", k=4), code=6)
        self.assertEqual([line.split(":")[0] for line in lines], ["/chunks.k", "/table.k"])
        self.assertEqual(self.diff(a, "b.h5", "--abs", "1"), [])

    def test_what_is_left_out_is_named_where_all_else_is_equal(self):
        lists = (np.array([np.arange(2), np.arange(3)], object), {"dtype": h5py.vlen_dtype("i4")})
        text = np.dtype([("k", "i4"), ("t", h5py.string_dtype()), ("s", "S3")])
        for name, last in (("a.h5", b"x"), ("b.h5", b"x"), ("c.h5", b"y")):
            self.write(name, x=np.zeros(3), lists=lists, long=np.zeros(2, "g"),
                       table=np.array([(1, "p", last)], text), gone=np.zeros(2, "V2"))
        self.write("d.h5", x=np.zeros(3), lists=lists, long=np.zeros(2, "g"), gone=np.zeros(2, "V3"),
                   table=np.array([(1, "p", b"x")], text))
        said = self.diff("a.h5", "b.h5")
        self.assertEqual(said, [
            "/lists: values of type variable-length list are not compared",
            "/long: values of type float128 are not compared",
            "/table: values of its fields t are not compared",
            "no differences in what was compared; 3 data sets were not: /lists, /long, /table"])
        report = self.report("a.h5", "b.h5")
        self.assertEqual((report["differs"], report["not_compared"]),
                         (False, ["/lists", "/long", "/table"]))
        lines = self.diff("a.h5", "c.h5", code=6)
        self.assertIn("/table: 1 of 1 elements differ in their bytes, the first at (0,)", lines)
        self.assertFalse(any(line.startswith("no differences") for line in lines))
        self.write("e.h5", x=np.zeros(3), lists=lists, long=np.zeros(2, "g"), gone=np.zeros(2, "V2"),
                   table=np.array([(1, "p", b"x")], [("k", "i4"), ("t", h5py.string_dtype()),
                                                     ("s", "S4")]))
        for other, name, kind in (("d.h5", "gone", "opaque"), ("e.h5", "table", "compound")):
            self.assertIn(f"/{name}: elements of type {kind}, which is not the same in both",
                          self.diff("a.h5", other, code=6))

    def test_enumerations_of_other_names_differ(self):
        for name, names in (("a.h5", {"RED": 0, "BLUE": 1}), ("b.h5", {"BLUE": 1, "RED": 0}),
                            ("c.h5", {"RED": 1, "BLUE": 0})):
            self.write(name, x=([0, 1], {"dtype": h5py.enum_dtype(names, "i1")}))
        self.assertEqual(self.diff("a.h5", "b.h5"), [])
        self.assertEqual(self.diff("a.h5", "c.h5", code=6),
                         ["/x: values named BLUE = 0, RED = 1 instead of BLUE = 1, RED = 0"])
        self.write("plain.h5", x=np.array([0, 1], "i1"))
        self.assertEqual(self.diff("a.h5", "plain.h5"), [])

    def test_numbers_with_the_most_axes_are_compared(self):
        shape = (2,) + (1,) * 29 + (3, 1)
        other = np.zeros(shape)
        other[1, ..., 2, 0] = 4
        self.write("a.h5", x=np.zeros(shape), y=np.ones((1,) * 32), z=np.ones((1,) * 31))
        self.write("b.h5", x=other, y=np.ones((1,) * 32), z=np.ones((1,) * 31))
        self.assertEqual(self.diff("a.h5", "a.h5"), [])
        place = "(1, " + "0, " * 29 + "2, 0)"
        self.assertEqual(self.diff("a.h5", "b.h5", code=6), [
            f"/x: 1 of 6 elements differ, the first at {place}; by at most 4 at {place}, "
            f"relative 1 at {place}"])

    def test_types_are_those_that_are_stored(self):
        self.write("a.h5", x=np.arange(3, dtype="i4"), y=np.arange(3, dtype="i4"))
        self.write("b.h5", x=np.arange(3, dtype="i8"), y=np.arange(3, dtype="i4"))
        with h5py.File(self.path("a.h5"), "r+") as file:
            file["x"].attrs["_FillValue"] = file["y"].attrs["_FillValue"] = np.int32(99)
        self.assertEqual(self.diff("a.h5", "b.h5", code=6), ["/x: type int64 instead of int32"])
        self.assert_block(self.run_here("diff", "a.h5", "a.h5", "--abs", "x"), 2, "--abs: x is no number")


class Links(Plain):
    """Into other files, as detectors write them."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.path("run"))
        for i in (1, 2):
            images = np.arange(24, dtype="u2").reshape(2, 3, 4) + 100 * i
            with h5py.File(self.path(f"run/data_{i}.h5"), "w") as file:
                file.create_dataset("entry/data", data=images, chunks=(1, 3, 4), compression="gzip",
                                    compression_opts=2, maxshape=(None, 3, 4))
                file["entry/data"].attrs["units"] = "counts"
                file["entry/scalar"] = 2.5
                file["entry/empty"] = np.zeros((0, 3))
                file["entry/names"] = np.array(["p", "q"], object)
                file["entry/t"] = np.array([(1, 2.5), (2, 3.5)], [("k", ">i2"), ("v", "f8")])
                file["entry/up"] = h5py.ExternalLink("master.h5", "/entry")
        with h5py.File(self.path("run/master.h5"), "w") as file:
            for i in (1, 2):
                file[f"entry/data_{i}"] = h5py.ExternalLink(f"data_{i}.h5", "/entry/data")
            file["all"] = h5py.ExternalLink("data_2.h5", "entry")
            file["soft"] = h5py.SoftLink("/entry/data_1")
            file["through"] = h5py.SoftLink("all/scalar")
            file["gone"] = h5py.ExternalLink("data_3.h5", "/entry/data")
            file["empty"] = h5py.ExternalLink("data_1.h5", "/entry/none")
            file["circle"] = h5py.ExternalLink("master.h5", "/circle")
            file["self"] = h5py.ExternalLink("master.h5", "/")

    def test_data_of_other_files_appear_where_the_links_are(self):
        info = json.loads(self.done("info", "run/master.h5", "--json", "--allow-external"))
        found = {v["path"]: v for v in info["variables"]}
        self.assertLessEqual({"/entry/data_1", "/entry/data_2", "/all/data", "/all/t", "/soft",
                              "/through"}, set(found))
        self.assertEqual((found["/soft"]["shape"], found["/soft"]["dtype"]), ([2, 3, 4], "uint16"))
        self.assertEqual(found["/soft"]["attributes"]["units"], "counts")

    def test_they_are_computed_with_and_copied(self):
        one, two = (self.read(f"run/data_{i}.h5", "entry/data") for i in (1, 2))
        self.done("eval", "s = a + b; v = sum(t); c = d * 2", "-v", "a=run/master.h5:/entry/data_1", "-v",
                  "b=run/master.h5:/all/data", "-v", "t=run/master.h5:/all/t.v", "-v",
                  "d=run/master.h5:/through", "-o", "o.nc", "--allow-external")
        np.testing.assert_array_equal(self.read("o.nc", "s"), one + two)
        self.assertEqual((self.read("o.nc", "v"), self.read("o.nc", "c")), (6, 5))
        result = self.run_here("rechunk", "run/master.h5", "copy.nc", "--allow-external")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"/gone is a link into another file (data_3.h5:/entry/data), which is missing",
                      result.stderr)
        with h5py.File(self.path("copy.nc")) as file:
            np.testing.assert_array_equal(file["entry/data_1"][()], one)
            np.testing.assert_array_equal(file["all/data"][()], two)
            copy = file["entry/data_1"]
            self.assertEqual((copy.maxshape, copy.chunks, copy.compression_opts, copy.shuffle),
                             ((None, 3, 4), (1, 3, 4), 2, False))
            self.assertEqual(file["entry/data_1"].attrs["units"], b"counts")
            self.assertEqual((file["all/scalar"][()], file["all/empty"].shape), (2.5, (0, 3)))
            self.assertEqual(file["all/t.k"][()].tolist(), [1, 2])
            self.assertEqual(file["all/names"][()].tolist(), [b"p", b"q"])
            links = []
            file.visit(lambda name: links.append(file.get(name, getlink=True)))
            self.assertTrue(all(isinstance(link, h5py.HardLink) for link in links))
        self.assertEqual(self.done("diff", "run/master.h5:/soft", "run/data_1.h5:/entry/data",
                                   "--allow-external"), "")

    def test_virtual_data_sets_of_links_are_read_where_the_links_lead(self):
        with h5py.File(self.path("run/v.h5"), "w") as file:
            file["pad"] = np.zeros(50)
            file["data_1"] = h5py.ExternalLink("data_1.h5", "/entry/data")
            file["soft"] = h5py.SoftLink("/data_1")
            for name in ("data_1", "soft"):
                layout = h5py.VirtualLayout((2, 3, 4), "u2")
                layout[...] = h5py.VirtualSource(".", name, (2, 3, 4))
                file.create_virtual_dataset("of_" + name, layout)
        wanted = np.arange(24).sum() + 24 * 100
        for name in ("of_data_1", "of_soft"):
            told = self.done("eval", "s = sum(x)", "-v", f"x=run/v.h5:/{name}", "--allow-external")
            self.assertIn(str(wanted), told)
            result = self.run_here("eval", "s = sum(x)", "-v", f"x=run/v.h5:/{name}")
            self.assert_block(result, 3, "--allow-external")

    def test_what_a_link_leads_to_is_no_output(self):
        before = self.read("run/data_1.h5", "entry/data")
        for words in (["rechunk", "run/master.h5", "run/data_1.h5"],
                      ["eval", "a = x + 1", "-v", "x=run/master.h5:/entry/data_1", "-o",
                       "run/data_1.h5"]):
            result = self.run_here(*words, "--allow-external", "--overwrite", "--quiet")
            self.assert_block(result, 2, "one of the inputs")
            np.testing.assert_array_equal(self.read("run/data_1.h5", "entry/data"), before)

    def test_any_ranks_write_the_same(self):
        for ranks in (1, 2):
            result = self.run_ranks("eval", "s = a * 2", "-v", "a=run/master.h5:/soft", "-o",
                                    f"{ranks}.nc", "--allow-external", "--quiet", "--no-history",
                                    ranks=ranks)
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(filecmp.cmp(self.path("1.nc"), self.path("2.nc"), shallow=False))

    def test_without_the_option_the_remedy_is_to_give_it(self):
        self.assertIn(b"try: give --allow-external",
                      self.run_here("eval", "s = sum(soft)", "run/master.h5").stderr)
        for name in ("/soft", "/entry/data_1", "/all", "/all/data", "/all/t.v"):
            result = self.run_here("eval", "s = sum(x)", "-v", "x=run/master.h5:" + name, "--quiet")
            self.assert_block(result, 3, "is a link into another file (data_", "try: give --allow-external")
        notes = self.done("info", "run/master.h5")
        self.assertIn("/gone is a link into another file (data_3.h5:/entry/data), which is followed with "
                      "--allow-external", notes)

    def test_folders_of_the_environment_are_looked_into_as_the_library_does(self):
        os.makedirs(self.path("far"))
        values = np.arange(6, dtype="f4")
        values.tofile(self.path("far/raw.bin"))
        np.zeros(6, "f4").tofile(self.path("raw.bin"))
        with h5py.File(self.path("far/data.h5"), "w") as file:
            file["x"] = values
        layout = h5py.VirtualLayout((6,), "f4")
        layout[:] = h5py.VirtualSource("data.h5", "x", (6,))
        with h5py.File(self.path("near.h5"), "w") as file:
            file["link"] = h5py.ExternalLink("data.h5", "/x")
            file.create_virtual_dataset("virtual", layout)
            file.create_dataset("raw", (6,), "f4", external=[("raw.bin", 0, 24)])
        for variable, name in (("EXT", "link"), ("VDS", "virtual"), ("EXTFILE", "raw")):
            for folder in (self.path("far"), "${ORIGIN}/far"):
                env = environment(**{f"HDF5_{variable}_PREFIX": folder})
                result = self.run_here("eval", "sum(x)", "-v", f"x=near.h5:/{name}", "--quiet",
                                       "--allow-external", env=env)
                self.assertEqual((result.returncode, result.stdout.split()[-1:]), (0, [b"15"]),
                                 (name, folder, result.stderr))

    def test_links_to_nothing_and_in_circles_end(self):
        for name, word in (("gone", "data_3.h5:/entry/data), which is missing"),
                           ("empty", "is a link to nothing in run/data_1.h5"),
                           ("circle", "leads through more than 8 others")):
            result = self.run_here("eval", "s = sum(x)", "-v", f"x=run/master.h5:/{name}",
                                   "--allow-external", "--quiet")
            self.assert_block(result, 3, word, f"run/master.h5:/{name}")
        info = self.done("info", "run/master.h5", "--allow-external")
        self.assertIn("/self leads back to a group above it", info)

    def test_chains_are_followed_for_a_while(self):
        for i in range(12):
            with h5py.File(self.path(f"c{i}.h5"), "w") as file:
                file["x"] = h5py.ExternalLink(f"c{i + 1}.h5", "/x") if i < 11 else np.arange(3)
        self.assertEqual(self.done("eval", "sum(x)", "c3.h5", "--allow-external").split()[-1], "3")
        self.assert_block(self.run_here("eval", "sum(x)", "-v", "x=c2.h5:/x", "--allow-external",
                                        "--quiet"), 3,
                          "leads through more than 8 others")

    def test_a_damaged_target_takes_nothing_else_along(self):
        with open(self.path("run/data_1.h5"), "r+b") as file:
            file.truncate(900)
        self.done("eval", "s = sum(x)", "-v", "x=run/master.h5:/entry/data_2", "-o", "o.nc",
                  "--allow-external")
        result = self.run_here("eval", "s = sum(x)", "-v", "x=run/master.h5:/soft", "--allow-external",
                               "--quiet")
        self.assert_block(result, 3, "truncated")


class Words(Plain):
    def test_what_netcdf_hides_from_a_dimension_has_its_own_name(self):
        with nc.Dataset(self.path("a.nc"), "w") as file:
            file.createDimension("time", None)
            file.createDimension("z", 3)
            file.createVariable("z", "f4", ("time", "z"))[:] = np.arange(6).reshape(2, 3)
            file.createVariable("t", "f4", ("time", "z"))[:] = 1
            file["t"].coordinates = "z"
            group = file.createGroup("g")
            group.createDimension("z", 2)
            group.createVariable("z", "f4", ("time", "z"))[:] = 7
        self.assertIn("  /z  float32 (time = 2, z = 3)", self.done("info", "a.nc"))
        self.done("eval", "a = z * 2; b = y + 0; c = t + 1", "a.nc", "-v", "y=a.nc:/g/z", "-o", "e.nc")
        self.assertEqual(self.read("e.nc", "a").tolist(), [[0, 2, 4], [6, 8, 10]])
        self.assertEqual(self.read("e.nc", "b").tolist(), [[7, 7], [7, 7]])
        with nc.Dataset(self.path("e.nc")) as file:
            self.assertEqual(file["c"].coordinates, "z")
            self.assertEqual(file["z"].shape, (2, 3))
        self.done("rechunk", "a.nc", "o.nc")
        self.done("subset", "a.nc", "s.nc", "-v", "z,g/z")
        for name, kept in (("o.nc", ["z", "t"]), ("s.nc", ["z"])):
            with nc.Dataset(self.path(name)) as file:
                self.assertEqual(list(file.variables), kept)
                self.assertEqual(file["g/z"][:].tolist(), [[7, 7], [7, 7]])
        self.assertEqual(self.done("diff", "a.nc", "o.nc"), "")
        self.assertIn(b"did you mean z", self.run_here("eval", "s = sum(zz)", "a.nc").stderr)

    def test_fields_that_are_no_numbers_say_what_they_are(self):
        kind = np.dtype([("k", "i4"), ("s", "S4"), ("a", "f4", (2,)), ("in", [("b", "S2")])])
        with h5py.File(self.path("a.h5"), "w") as file:
            file["g/table"] = np.zeros(3, kind)
        for field, word in (("s", "string"), ("a", "array"), ("in", "compound"), ("in.b", "string")):
            result = self.run_here("eval", "s = sum(x)", "-v", f"x=a.h5:/g/table.{field}")
            self.assert_block(result, 3, f"the field {field} of /g/table has the type {word}", "/g/table.k")
        self.assert_block(self.run_here("eval", "s = sum(x)", "-v", "x=a.h5:/g/table.n"), 3,
                          "there is no data set /g/table.n")

    def test_ranges_of_dates_say_which_dates_there_are(self):
        with nc.Dataset(self.path("a.nc"), "w") as file:
            file.createDimension("time", 730)
            time = file.createVariable("time", "f8", ("time",))
            time.units, time[:] = "days since 2000-01-01", np.arange(730)
            file.createVariable("x", "f4", ("time",))[:] = 1
        there = "they go from 2000-01-01 to 2001-12-30"
        for dates, word in (("2005-01-01,2006-01-01", "no coordinate value lies in the range of dates"),
                            ("2001-06-01,2000-06-01", "the first date of the range lies after the last")):
            self.assert_block(self.run_here("subset", "a.nc", "o.nc", "-d", "time," + dates, "--quiet"), 2,
                              word, there)

    def test_groups_that_are_too_deep_are_left_out_saying_so(self):
        with h5py.File(self.path("a.h5"), "w") as file:
            file["/".join("g" * 70) + "/x"] = np.arange(3)
        result = self.run_here("eval", "s = sum(x)", "-v", "x=a.h5:/" + "/".join("g" * 70) + "/x", "--quiet")
        self.assert_block(result, 3, "groups too deep")

    def test_missing_sources_are_counted_of_what_is_read(self):
        with h5py.File(self.path("v.h5"), "w") as file:
            layout = h5py.VirtualLayout((2, 3), "i4")
            for i in range(2):
                layout[i] = h5py.VirtualSource(f"s{i}.h5", "x", (3,))
            file.create_virtual_dataset("v", layout, fillvalue=-1)
            file.create_virtual_dataset("w", layout, fillvalue=-1)
            file["x"] = np.arange(3)
        self.write("s0.h5", x=np.arange(3, dtype="i4"))
        said = self.run_here("eval", "s = sum(v)", "v.h5", "--allow-missing").stderr.decode()
        self.assertIn("v.h5:/v: 1 of its virtual sources are missing", said)
        self.assertNotIn("/w", said)
        self.assertNotIn("missing", self.run_here("eval", "s = sum(x)", "v.h5",
                                                  "--allow-missing").stderr.decode())


if __name__ == "__main__":
    support.main()
