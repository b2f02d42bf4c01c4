"""What outputs must be for every reader: files with everything that HDF5 can hold are copied, and the
copies open in ncdump, NCO, CDO, xarray (both engines), h5py, h5dump and h5repack, before and after
ncatted; the rules that make it so, one by one."""
import filecmp
import os
import subprocess

import h5py
import netCDF4
import numpy as np
import xarray as xr

import support
from support import Test, check_run, is_pure_dimension

NUMBERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">f4", ">i2"]
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


def tool(*words, cwd=None):
    process = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60,
                             cwd=cwd)
    if process.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {process.stderr[-800:]}")
    return process.stdout + process.stderr


def everything(path):
    """One data set of each kind, those with numbers along dimensions with scales."""
    with h5py.File(path, "w", track_order=True) as file:
        for name, n in (("y", 4), ("x", 3)):
            file[name] = np.arange(n) * 1.5
            file[name].make_scale(name)
        values = np.arange(12).reshape(4, 3)

        def add(name, data, **options):
            item = file.create_dataset(name, data=data, **options)
            item.dims[0].attach_scale(file["y"])
            item.dims[1].attach_scale(file["x"])
            return item

        for kind in NUMBERS:
            add("n_" + kind.replace(">", "be_"), values.astype(kind))
        add("packed", values.astype("i2"), chunks=(2, 3), compression="gzip", shuffle=True,
            fletcher32=True)
        add("lzf", values.astype("f4"), chunks=(2, 3), compression="lzf")
        if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
            add("szip", values.astype("f4"), chunks=(4, 3), compression="szip",
                compression_opts=("nn", 4))
        add("flag", values % 2 == 0)
        add("nanfill", np.where(values == 5, np.nan, values).astype("f8"))
        file["nanfill"].attrs["_FillValue"] = np.float64(np.nan)
        add("complex", values.astype("c8"))
        add("enum", values.astype("i1") % 2, dtype=h5py.enum_dtype({"A": 0, "B": 1}, "i1"))
        add("compound", np.zeros((4, 3), [("a", "f4"), ("b", "i2")]))
        add("fixed", np.full((4, 3), b"text", "S4"))
        add("vlen", np.full((4, 3), "word", object), dtype=h5py.string_dtype())
        item = add("attributes", values.astype("f4"))
        item.attrs["units"] = "K"
        item.attrs["nothing"] = h5py.Empty("f4")
        item.attrs["truth"] = True
        item.attrs["utf8"] = "Höhe"
        item.attrs["list"] = ["a", "bc"]
        item.attrs["reference"] = file["y"].ref
        item.dims[0].label = "label"
        file["noscale"] = np.arange(5.0)
        file["half"] = np.arange(12.0).reshape(4, 3)
        file["half"].dims[0].attach_scale(file["y"])
        file["scalar"] = 7.5
        file["null"] = h5py.Empty("f4")
        file["five"] = np.arange(32.0).reshape(2, 2, 2, 2, 2)
        file.create_group("g/h")["inner"] = np.arange(4, dtype="f4")
        file["soft"] = h5py.SoftLink("/n_f4")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["outside"] = h5py.ExternalLink("nowhere.h5", "/x")
        layout = h5py.VirtualLayout((4, 3), "f4")
        layout[:] = h5py.VirtualSource(".", "n_f4", (4, 3))
        file.create_virtual_dataset("virtual", layout)


class Rules(Test):
    def setUp(self):
        super().setUp()
        self.sample = self.folder / "sample.nc"
        check_run("sample", "-o", self.sample, "--shape", "12,19,36", "--chunks", "5,7,10",
                  "--missing", "0.05")
        self.source = self.folder / "everything.h5"
        everything(self.source)
        self.copy = self.folder / "copy.nc"
        self.said = check_run("rechunk", self.source, self.copy, "-c", "y=2").err
        self.anomaly = self.folder / "anomaly.nc"
        check_run("eval", "a = t2m - mean(t2m, time)", self.sample, "-o", self.anomaly, env=EPOCH)
        self.part = self.folder / "part.nc"
        check_run("subset", self.sample, self.part, "-d", "lat,2,9", "-d", "time,0,7")
        self.joined = self.folder / "joined.nc"
        later = self.folder / "later.nc"
        check_run("subset", self.sample, later, "-d", "time,8,11")
        check_run("subset", self.sample, self.folder / "early.nc", "-d", "time,0,7")
        check_run("concat", self.folder / "early.nc", later, self.joined)
        self.outputs = [self.copy, self.anomaly, self.part, self.joined]

    def test_what_is_copied_has_its_values(self):
        with h5py.File(self.source) as a, h5py.File(self.copy) as b:
            wanted = ["n_" + kind.replace(">", "be_") for kind in NUMBERS] + [
                "packed", "lzf", "flag", "attributes", "noscale", "half", "scalar", "five",
                "g/h/inner", "soft", "virtual"]
            for name in wanted + (["szip"] if "szip" in a else []):
                with self.each(name):
                    np.testing.assert_array_equal(a[name][()], b[name][()])
            units = b["attributes"].attrs
            self.assertEqual(units["units"], b"K")
            self.assertEqual(bytes(units["utf8"]).decode(), "Höhe")
            self.assertEqual(list(units["list"]), ["a", "bc"])
            for name, text in (("fixed", "text"), ("vlen", "word")):
                self.assertTrue((b[name].asstr()[()] == text).all(), name)
        for name in ("complex", "compound", "null"):
            self.assertIn(f"/{name} is left out", self.said)
        for name in ("dangling", "outside"):
            self.assertIn(f"/{name} is a link", self.said)

    def read_by_all(self, path):
        for words in (["ncdump", path], ["ncks", "-O", path, "k.nc"], ["h5dump", path],
                      ["h5repack", path, "r.nc"], ["ncra", "-O", "-y", "max", path, "m.nc"],
                      ["cdo", "-s", "sinfo", path]):
            if words[0] == "ncra" and path == self.copy:
                continue  # it has no record dimension
            with self.each(f"{path.name} in {words[0]}"):
                self.assertNotIn("rror", tool(*words, cwd=self.folder))
                if words[0] == "h5repack":
                    os.remove(self.folder / "r.nc")
        with netCDF4.Dataset(path) as file, h5py.File(path) as plain:
            for name, variable in file.variables.items():
                variable.set_auto_maskandscale(False)
                item = plain[name]
                text = h5py.check_string_dtype(item.dtype) is not None
                np.testing.assert_array_equal(variable[...], (item.asstr() if text else item)[()],
                                              name)
        for engine in ("netcdf4", "h5netcdf"):
            with self.each(f"{path.name} in xarray, {engine}"):
                with xr.open_dataset(path, engine=engine) as file:
                    file.load()

    def test_every_reader_reads_them_also_after_ncatted(self):
        for path in self.outputs:
            self.read_by_all(path)
            tool("ncatted", "-h", "-a", f"note,global,c,c,{'a long note ' * 40}", path)
            self.read_by_all(path)

    def test_creation_order_scales_and_dimension_numbers(self):  # R1, R2, R3
        in_order = h5py.h5p.CRT_ORDER_TRACKED | h5py.h5p.CRT_ORDER_INDEXED
        for path in self.outputs:
            with h5py.File(path) as file, self.each(path.name):
                root = file["/"].id.get_create_plist()
                self.assertEqual(root.get_link_creation_order(), in_order)
                self.assertEqual(root.get_attr_creation_order(), in_order)
                numbers = []

                def look(name, item):
                    plist = item.id.get_create_plist()
                    self.assertEqual(plist.get_attr_creation_order(), in_order, name)
                    self.assertFalse(plist.get_obj_track_times(), name)
                    if isinstance(item, h5py.Group):
                        self.assertEqual(plist.get_link_creation_order(), in_order, name)
                        return
                    scale = item.attrs.get("CLASS") == b"DIMENSION_SCALE"
                    self.assertEqual(scale, "_Netcdf4Dimid" in item.attrs, name)
                    if scale:
                        numbers.append(int(item.attrs["_Netcdf4Dimid"]))
                    elif item.ndim:
                        self.assertTrue(all(len(d) == 1 for d in item.dims), name)
                file.visititems(look)
                self.assertEqual(sorted(numbers), list(range(len(numbers))))

    def test_types_texts_fills_and_versions(self):  # R4, R5, R6, R7, R12, R15, R16
        for path in self.outputs:
            with h5py.File(path) as file, self.each(path.name):
                self.assertEqual(open(path, "rb").read(9)[8], 2)  # superblock of HDF5 1.8

                def look(name, item):
                    for key in item.attrs:
                        attribute = item.attrs.get_id(key)
                        kind = attribute.get_type()
                        if isinstance(kind, h5py.h5t.TypeStringID) and attribute.shape == ():
                            self.assertFalse(kind.is_variable_str(), f"{name}@{key}")
                            text = item.attrs[key]
                            text = text.encode() if isinstance(text, str) else bytes(text)
                            ascii_only = all(c < 128 for c in text)
                            self.assertEqual(kind.get_cset() == h5py.h5t.CSET_ASCII, ascii_only, key)
                        machinery = key in ("REFERENCE_LIST", "DIMENSION_LIST")
                        self.assertTrue(machinery or not isinstance(kind, h5py.h5t.TypeReferenceID))
                    if not isinstance(item, h5py.Dataset):
                        return
                    text = h5py.check_string_dtype(item.dtype)  # R5: netCDF's string or char
                    self.assertTrue(text is None or text.length in (None, 1), name)
                    self.assertTrue(item.dtype.kind in "iuf" or text is not None, name)
                    self.assertNotEqual(item.id.get_space().get_simple_extent_type(),
                                        h5py.h5s.NULL, name)
                    fill = item.attrs.get("_FillValue")
                    if fill is not None:
                        self.assertTrue(np.isfinite(fill).all(), name)
                        self.assertEqual(fill.dtype, item.dtype, name)
                        self.assertEqual(fill[0], item.fillvalue, name)
                        self.assertNotEqual(item.attrs.get("CLASS"), b"DIMENSION_SCALE", name)
                file.visititems(look)
        with h5py.File(self.copy) as file:
            self.assertEqual(file["nanfill"][1, 2], file["nanfill"].attrs["_FillValue"][0])

    def test_attributes_history_filters_and_records(self):  # R8, R9, R10, R11, R13
        with netCDF4.Dataset(self.anomaly) as file, netCDF4.Dataset(self.sample) as sample:
            self.assertEqual(file["a"].units, "K")
            self.assertEqual(file["lat"].standard_name, "latitude")
            self.assertTrue(file.dimensions["time"].isunlimited())
            self.assertFalse(file.dimensions["lat"].isunlimited())
            self.assertIn("rankine eval", file.history.split("\n")[0])
            self.assertTrue(file["a"].filters()["shuffle"] and file["a"].filters()["zlib"])
            self.assertEqual(file.Conventions, sample.Conventions)
        with netCDF4.Dataset(self.joined) as file, netCDF4.Dataset(self.sample) as sample:
            self.assertTrue(file.dimensions["time"].isunlimited())
            self.assertEqual(file["t2m"].cell_methods, "time: point")
            np.testing.assert_array_equal(file["t2m"][:], sample["t2m"][:])
        mean = self.folder / "mean.nc"
        check_run("eval", "m = mean(t2m, time)", self.sample, "-o", mean)
        with netCDF4.Dataset(mean) as file:
            self.assertTrue(file["m"].cell_methods.endswith("time: mean"))

    def test_records_can_be_appended(self):
        with netCDF4.Dataset(self.joined, "a") as file:
            file["t2m"][12] = 1
            file["time"][12] = 300
        with netCDF4.Dataset(self.joined) as file:
            self.assertEqual(file["t2m"].shape[0], 13)
            self.assertTrue((file["t2m"][12] == 1).all())

    def test_the_output_appears_at_once_and_with_the_same_bytes(self):  # R14, R17
        for words in (["rechunk", self.sample, "-c", "time=4"], ["subset", self.sample, "-d",
                                                                  "lat,1,4"]):
            made = [self.folder / f"{words[0]}{i}.nc" for i in range(2)]
            for path in made:
                check_run(*words, "-o", path, env=EPOCH)
            self.assertTrue(filecmp.cmp(*made, shallow=False))
            result = support.run(*words, "-o", made[0])
            self.assertEqual(result.code, 2)  # it exists
            self.assertTrue(filecmp.cmp(*made, shallow=False))
        leftovers = [name for name in os.listdir(self.folder) if "part" in name and
                     name != "part.nc" or name.startswith(".")]
        self.assertEqual(leftovers, [])


if __name__ == "__main__":
    support.main()
