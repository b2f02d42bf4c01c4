"""rankine info against h5py and netCDF4, on files made here and on real ones."""

import json
import os
import random
import time
import unittest

import h5py
import netCDF4
import numpy as np

import support
from support import Case, DATA, rankine

KEYS = ["path", "dtype", "shape", "dims", "chunks", "filters", "stored_bytes", "raw_bytes",
        "attributes"]
PURE_DIMENSION = b"This is a netCDF dimension but not a netCDF variable"


def is_pure_dimension(dataset):
    return dataset.attrs.get("NAME", b"")[:len(PURE_DIMENSION)] == PURE_DIMENSION


def datasets_of(f):
    names = []
    f.visit(names.append)
    found = set()
    for name in names:
        try:
            opened = f[name]
        except KeyError:  # an object that this HDF5 cannot open
            continue
        if isinstance(opened, h5py.Dataset) and not is_pure_dimension(opened):
            found.add("/" + name)
    return found


def filter_ids(dataset):
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]


class Advice(Case):
    def advice(self, shape, chunks, **options):
        path = self.path("advised.h5")
        with h5py.File(path, "w") as f:
            f.create_dataset("x", shape, "f4", chunks=chunks, **options)[...] = 1
        result = rankine("info", path)
        self.assert_done(result)
        return [line for line in result.stdout.decode().splitlines() if " advice " in line]

    def test_good_chunks_need_none(self):
        self.assertEqual(self.advice((100, 400), (50, 400), compression="gzip", shuffle=True), [])

    def test_bad_chunks_are_told_with_a_remedy(self):
        for shape, chunks, word in (((600, 4), (1, 4), "600 chunks of 16 B: looking them up takes"),
                                    ((200, 80, 50), (1, 80, 50), "a series at one point reads 200"),
                                    ((513, 513), (512, 512), "75 % of what its chunks hold")):
            told = self.advice(shape, chunks)
            self.assertEqual(len(told), 1, told)
            self.assertIn(word, told[0])
        self.assertIn("rankine rechunk --chunks 600,4", self.advice((600, 4), (1, 4))[0])
        self.assertIn("deflate without shuffle",
                      self.advice((600, 600), (300, 600), compression="gzip")[0])


class Made(Case):
    """Files with known contents."""

    def make(self, name="made.h5"):
        path = self.path(name)
        with h5py.File(path, "w") as f:
            f.attrs["title"] = "a title"
            x = f.create_dataset("g/x", (10, 20), "<f4", chunks=(3, 20), compression="gzip",
                                 compression_opts=7, shuffle=True, fletcher32=True, fillvalue=-1)
            x[...] = np.arange(200).reshape(10, 20)
            x.attrs["units"] = "K"
            x.attrs["scale"] = np.float32(0.1)
            x.attrs["exact"] = np.int64(2**63 - 1)
            x.attrs["unsigned"] = np.uint64(2**64 - 1)
            x.attrs["range"] = np.array([-np.inf, np.nan, np.inf])
            x.attrs["flags"] = ["good", "bad"]
            x.attrs["empty"] = np.zeros(0)
            f.create_dataset("scalar", data=np.float64(1.5))
            f.create_dataset("text", data="hello")
            f.create_dataset("null", dtype="i4", shape=None, data=h5py.Empty("i4"))
            f.create_dataset("big", data=np.arange(5, dtype=">i2"))
            f.create_dataset("mask", data=np.array([True, False]))
            f.create_dataset("zero", (0, 3), "f8", maxshape=(None, 3), chunks=(4, 3))
            f.create_dataset("unwritten", (2**40, 2**20), "f4", chunks=(1024, 1024))
        return path

    def variables(self, path):
        info = self.json("info", "--json", path)
        self.assertEqual(list(info), ["path", "format", "dimensions", "variables"])
        for variable in info["variables"]:
            self.assertEqual(list(variable), KEYS)
        return {variable["path"]: variable for variable in info["variables"]}

    def test_json_has_types_shapes_chunks_and_sizes(self):
        path = self.make()
        found = self.variables(path)
        x = found["/g/x"]
        self.assertEqual((x["dtype"], x["shape"], x["chunks"]), ("float32", [10, 20], [3, 20]))
        self.assertEqual([f["name"] for f in x["filters"]], ["shuffle", "deflate", "fletcher32"])
        self.assertEqual(x["filters"][1], {"id": 1, "name": "deflate", "parameters": [7],
                                           "available": True})
        self.assertEqual(x["raw_bytes"], 800)
        with h5py.File(path) as f:
            self.assertEqual(x["stored_bytes"], f["g/x"].id.get_storage_size())
        shapes = {name: found[name]["shape"] for name in ("/scalar", "/null", "/zero", "/mask")}
        self.assertEqual(shapes, {"/scalar": [], "/null": None, "/zero": [0, 3], "/mask": [2]})
        self.assertEqual(found["/mask"]["dtype"], "bool")
        self.assertEqual(found["/big"]["dtype"], "int16")
        self.assertIsNone(found["/scalar"]["chunks"])
        self.assertEqual((found["/unwritten"]["stored_bytes"], found["/unwritten"]["raw_bytes"]),
                         (0, 2**62))

    def test_json_keeps_the_values_of_attributes(self):
        attributes = self.variables(self.make())["/g/x"]["attributes"]
        self.assertEqual(attributes["units"], "K")
        self.assertEqual(attributes["scale"], 0.1)
        self.assertEqual(attributes["exact"], 2**63 - 1)
        self.assertEqual(attributes["unsigned"], 2**64 - 1)
        self.assertEqual(attributes["range"], ["-Infinity", "NaN", "Infinity"])
        self.assertEqual(attributes["flags"], ["good", "bad"])
        self.assertEqual(attributes["empty"], [])

    def test_text_shows_what_json_has(self):
        text = rankine("info", self.make()).stdout.decode()
        for part in ("made.h5: HDF5", "/g/x  float32 (10, 20)", "3 x 20 (240 B), 4 x 1 = 4 chunks",
                     "shuffle (4), deflate (7), fletcher32", "800 B raw", "fill     -1",
                     'units    = "K"', "scale    = 0.1", "-inf, nan, inf", '"good", "bad"',
                     "(no values)", "null data space", "scalar", "big-endian",
                     "nothing was written", "not computed with: string", 'title = "a title"'):
            self.assertIn(part, text)

    def test_long_values_are_cut_and_say_so(self):
        path = self.path("long.h5")
        with h5py.File(path, "w") as f:
            f.attrs["text"] = "ä" * 5000
            f.attrs["list"] = np.arange(5000)
        text = rankine("info", path).stdout.decode()
        self.assertLess(len(text), 600)
        self.assertIn("(10000 bytes)", text)
        self.assertIn("0, 1, 2, 3, 4, 5, 6, 7, ... (5000 values)", text)
        info = self.json("info", "--json", path)
        self.assertEqual(info["variables"], [])

    def test_texts_of_files_cannot_steer_the_terminal(self):
        path = self.path("escape.h5")
        with h5py.File(path, "w") as f:
            name = "evil\x1b[31m"
            f.create_dataset(name, data=1)
            f[name].attrs["csi"] = "a\x1b]0;title\x07b\u009b31m\r\nc\td"
        output = rankine("info", path).stdout
        self.assertEqual(set(output) & set(b"\x1b\x07\r\t\x9b"), set())
        self.assertIn(rb"evil\x1b[31m", output)
        self.assertIn(rb"\nc\td", output)

    def test_the_output_is_utf_8_even_if_the_file_is_not(self):
        path = self.path("latin.h5")
        with h5py.File(path, "w") as f:
            f.create_dataset("x", data=1)
            f["x"].attrs["name"] = np.bytes_("Z\u00fcrich".encode("latin-1"))
        result = rankine("info", "--json", path)
        self.assert_done(result)
        name = json.loads(result.stdout.decode("utf-8"))["variables"][0]["attributes"]["name"]
        self.assertEqual(name, "Z\ufffdrich")
        self.assertIn('name = "Z\\xfcrich"', rankine("info", path).stdout.decode("utf-8"))

    def test_several_files_give_an_array_in_order(self):
        paths = [self.make(f"{i}.h5") for i in (2, 0, 1)]
        self.assertEqual([info["path"] for info in self.json("info", "--json", *paths)], paths)

    def test_one_bad_file_among_good_ones_is_one_block_and_no_output(self):
        good = self.make()
        for arguments in ([good, "missing.nc"], ["missing.nc", good]):
            self.assert_block(rankine("info", *arguments), 3, "missing.nc", "No such file")

    def test_dimensions_are_those_netcdf_sees(self):
        path = self.path("groups.nc")
        with netCDF4.Dataset(path, "w") as f:
            f.createDimension("time", None)
            f.createDimension("x", 3)
            f.createDimension("only", 2)
            f.createVariable("time", "f8", ("time",))[:] = [1, 2, 3, 4]
            f.createVariable("v", "f4", ("time", "x"))
            group = f.createGroup("g")
            group.createDimension("x", 5)
            group.createVariable("w", "f4", ("time", "x"))
        info = self.json("info", "--json", path)
        self.assertEqual(info["format"], "netCDF-4")
        dimensions = {d["name"]: (d["length"], d["unlimited"]) for d in info["dimensions"]}
        self.assertEqual(dimensions, {"time": (4, True), "x": (3, False), "only": (2, False),
                                      "g/x": (5, False)})
        dims = {v["path"]: v["dims"] for v in info["variables"]}
        self.assertEqual(dims, {"/time": ["time"], "/v": ["time", "x"], "/g/w": ["time", "g/x"]})


class Damaged(Case):
    def check(self, path, what):
        begin = time.monotonic()
        result = rankine("info", path)
        self.assertLess(time.monotonic() - begin, 90, what)
        self.assertIn(result.returncode, (0, 3), what)
        if result.returncode == 3:
            self.assert_block(result, 3, path)

    def test_what_is_no_file_is_exit_3(self):
        os.mkfifo(self.path("fifo"))
        open(self.path("empty"), "w").close()
        with open(self.path("text"), "w") as f:
            f.write("not HDF5\n" * 1000)
        for path in (self.folder, self.path("fifo"), self.path("empty"), self.path("text"),
                     "/dev/zero", "/dev/null", "/proc/self/mem", ""):
            with self.subTest(path):
                result = rankine("info", path, timeout=30)
                self.assertEqual(result.returncode, 3, result.stderr)

    def test_changed_bytes_never_crash_or_hang(self):
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        original = self.path("made.nc")
        with netCDF4.Dataset(original, "w") as f:
            f.createDimension("x", 40)
            f.createVariable("x", "f8", ("x",))[:] = range(40)
            v = f.createVariable("v", "i4", ("x",), zlib=True, chunksizes=(7,))
            v.setncattr("names", ["one", "two"])
            v[:] = range(40)
        with open(original, "rb") as f:
            good = f.read()
        for i in range(60):
            bad = bytearray(good)
            if i % 3 == 0:
                del bad[chance.randrange(len(bad)):]
            for _ in range(chance.randrange(1, 4)):
                if bad:
                    bad[chance.randrange(len(bad))] = chance.randrange(256)
            path = self.path(f"bad{i}.nc")
            with open(path, "wb") as f:
                f.write(bad)
            self.check(path, f"seed {seed}, file {i}")


@unittest.skipUnless(os.path.isdir(DATA), f"no folder {DATA}")
class Real(Case):
    """The same answers as h5py for every file."""

    def compare(self, path, info):
        listed = {variable["path"]: variable for variable in info["variables"]}
        with h5py.File(path, "r") as f:
            stored = {name.replace("_nc4_non_coord_", ""): name for name in datasets_of(f)}
            self.assertEqual(set(stored) - set(listed), set())
            for name, variable in listed.items():
                self.compare_variable(f[stored.get(name, name)], variable)

    def compare_variable(self, dataset, variable):
        shape = dataset.shape
        self.assertEqual(variable["shape"], None if shape is None else list(shape))
        self.assertEqual(variable["chunks"], dataset.chunks and list(dataset.chunks))
        self.assertEqual([f["id"] for f in variable["filters"]], filter_ids(dataset))
        size = 0 if shape is None else dataset.id.get_type().get_size() * int(np.prod(shape))
        self.assertEqual(variable["raw_bytes"], size)
        if not dataset.is_virtual:
            self.assertEqual(variable["stored_bytes"], dataset.id.get_storage_size())
        try:
            dtype = dataset.dtype
        except (TypeError, ValueError):  # a type NumPy has not
            return
        stored = dataset.id.get_type()
        if stored.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT):
            if stored.get_size() == dtype.itemsize and dtype.itemsize <= 8:
                self.assertEqual(variable["dtype"], dtype.newbyteorder("=").name)

    def described(self, paths):
        """What --json says of each file that can be described, and the texts of all of them."""
        both = rankine("info", "--json", *paths)
        if both.returncode == 0:
            infos = json.loads(both.stdout)
            text = rankine("info", *paths)
            self.assert_done(text)
            return infos if len(paths) > 1 else [infos], text.stdout.decode()
        if len(paths) == 1:
            self.assert_block(both, 3)
            self.assert_block(rankine("info", *paths), 3)
            return [], ""
        middle = len(paths) // 2
        halves = [self.described(half) for half in (paths[:middle], paths[middle:])]
        return halves[0][0] + halves[1][0], halves[0][1] + halves[1][1]

    def test_every_file_is_described_as_h5py_sees_it(self):
        paths = support.files_of(DATA)
        infos, text = self.described(paths)
        self.assertGreater(len(infos), len(paths) * 0.9)
        print(f"{len(infos)} of {len(paths)} files described")
        for info in infos:
            with self.subTest(info["path"]):
                self.compare(info["path"], info)
                self.assertIn(f"{info['path']}: {info['format']}, ", text)

    def test_dimensions_of_climate_files_are_those_netcdf_sees(self):
        for path in support.files_of(os.path.join(DATA, "climate")):
            with self.subTest(path):
                try:
                    f = netCDF4.Dataset(path)
                except OSError:
                    continue
                info = self.json("info", "--json", path)
                with f:
                    expected = {d.name: (len(d), d.isunlimited()) for d in f.dimensions.values()}
                    dims = {"/" + v.name: list(v.dimensions) for v in f.variables.values()}
                if info["format"] != "netCDF-4":
                    continue  # netCDF invents dimensions where the file has none
                found = {d["name"]: (d["length"], d["unlimited"]) for d in info["dimensions"]}
                self.assertEqual({k: v for k, v in found.items() if "/" not in k}, expected)
                for variable in info["variables"]:
                    if variable["path"] in dims:
                        self.assertEqual(variable["dims"], dims[variable["path"]])


if __name__ == "__main__":
    support.main()
