"""What reductions leave of time (cell_methods, bounds, climatologies), beside CDO; text that labels
dimensions; which types are written."""
import filecmp

import h5py
import netCDF4
import numpy as np
import xarray as xr

import support
from rules import tool
from support import Test, check_run, run

MONTHS = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])  # noleap
YEARS = 30 * 365
OVER_YEARS = "time: mean within years time: mean over years"


def field(path, bounds="time_bnds", climatology=False, method="time: mean"):
    """Months of one year; or of 30 years, each the mean of 30 months."""
    with netCDF4.Dataset(path, "w") as file:
        for name, n in (("time", None), ("lat", 3), ("lon", 4), ("nv", 2)):
            file.createDimension(name, n)
        for name, unit, n in (("lat", "degrees_north", 3), ("lon", "degrees_east", 4)):
            axis = file.createVariable(name, "f8", (name,))
            axis.units, axis.standard_name = unit, {"lat": "latitude", "lon": "longitude"}[name]
            axis[:] = np.arange(n)
        time = file.createVariable("time", "i4", ("time",))
        time.units, time.calendar, time.standard_name = "days since 1961-01-01", "noleap", "time"
        time[:] = (MONTHS[:-1] + MONTHS[1:]) // 2
        if bounds:
            time.setncattr("climatology" if climatology else "bounds", bounds)
            ends = MONTHS[1:] + (YEARS - 365 if climatology else 0)
            file.createVariable(bounds, "f8", ("time", "nv"))[:] = np.stack([MONTHS[:-1], ends], 1)
        x = file.createVariable("x", "f4", ("time", "lat", "lon"), fill_value=1e20)
        x.units, x.cell_methods = "K", method
        x[:] = np.arange(144).reshape(12, 3, 4)


class ReducedTime(Test):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "in.nc"

    def evaluate(self, text, *words, name="out.nc"):
        out = self.folder / name
        check_run("eval", text, self.path, "-o", out, "--overwrite", "--quiet", *words,
                  env={"SOURCE_DATE_EPOCH": "0"})
        file = netCDF4.Dataset(out)
        self.addCleanup(file.close)
        return file

    def test_bounds_are_those_of_cdo(self):
        field(self.path)
        for verb, function in (("timmean", "mean"), ("timmax", "max"), ("timsum", "sum"),
                               ("timstd", "std")):
            with self.each(verb):
                tool("cdo", "-s", verb, self.path, self.folder / "cdo.nc")
                got = self.evaluate(f"x = {function}(x, time, keepdims=true)", name=f"{verb}.nc")
                with netCDF4.Dataset(self.folder / "cdo.nc") as wanted:
                    np.testing.assert_array_equal(got[got["time"].bounds][:],
                                                  wanted[wanted["time"].bounds][:])
                    if verb == "timmean":
                        method = wanted["x"].cell_methods
                        self.assertIn(method, got["x"].cell_methods)
                self.assertEqual(got["time"].shape, (1,))
                self.assertEqual((got["time"].units, got["time"].calendar),
                                 ("days since 1961-01-01", "noleap"))
                self.assertEqual(float(got["time"][0]), 365 / 2)

    def test_a_part_of_the_axis_has_the_bounds_of_the_part(self):
        field(self.path)
        for text, lower, upper in (("mean(x[3:6], time, keepdims=true)", MONTHS[3], MONTHS[6]),
                                   ("max(x[0:12:3], time, keepdims=true)", 0, MONTHS[10]),
                                   ("mean(x - mean(x, time), time, keepdims=true)", 0, 365)):
            with self.each(text):
                got = self.evaluate(f"a = {text}", name=f"part{lower}{upper}.nc")
                time = got["time"]
                self.assertTrue(got["a"].cell_methods.startswith("time: mean time: "))
                np.testing.assert_array_equal(got[time.bounds][:], [[lower, upper]])
                self.assertEqual(float(time[0]), (lower + upper) / 2)
        got = self.evaluate("c = mean(x, lon)")
        self.assertEqual(got["c"].cell_methods, "time: mean lon: mean")
        self.assertNotIn("coordinates", got["c"].ncattrs())
        self.assertEqual(got["time"].shape, (12,))
        self.assertEqual(got["time_bnds"].shape, (12, 2))

    def test_without_bounds_it_is_from_the_first_to_the_last_time(self):
        field(self.path, bounds="")
        got = self.evaluate("x = mean(x, time, keepdims=true)")
        np.testing.assert_array_equal(
            got[got["time"].bounds][:],
            [[(MONTHS[0] + MONTHS[1]) // 2, (MONTHS[11] + MONTHS[12]) // 2]])
        with xr.open_dataset(self.folder / "out.nc") as file:
            self.assertEqual(str(file.x.time.dt.strftime("%Y-%m").values[0]), "1961-07")

    def test_keepdims_keeps_the_time(self):
        field(self.path)
        got = self.evaluate("x = mean(x, time, keepdims=true)")
        self.assertEqual(got["x"].dimensions, ("time", "lat", "lon"))
        self.assertEqual(got["x"].cell_methods, "time: mean time: mean")
        np.testing.assert_array_equal(got["time"][:], [365 / 2])
        np.testing.assert_array_equal(got[got["time"].bounds][:], [[0, 365]])
        tool("cdo", "-s", "sinfo", self.folder / "out.nc")
        # Of two times, neither is that of the one dimension.
        got = self.evaluate("a = mean(x[0:6], time, keepdims=true); "
                            "b = mean(x[6:12], time, keepdims=true)", name="two.nc")
        self.assertNotIn("time", got.variables)

    def test_a_climatology_stays_one(self):
        field(self.path, "climatology_bounds", True, OVER_YEARS)
        got = self.evaluate("x = x * 2; y = x[2:5]; z = mean(x, lon)")
        for name in "xz":
            self.assertTrue(got[name].cell_methods.startswith(OVER_YEARS))
        self.assertEqual(got["time"].climatology, "climatology_bounds")
        with netCDF4.Dataset(self.path) as source:
            np.testing.assert_array_equal(got["climatology_bounds"][:],
                                          source["climatology_bounds"][:])
        self.assertEqual(got["time_1"].climatology, "climatology_bounds_1")
        np.testing.assert_array_equal(got["climatology_bounds_1"][:, 0], MONTHS[2:5])
        tool("cdo", "-s", "timmean", self.path, self.folder / "cdo.nc")
        got = self.evaluate("y = max(x, time, keepdims=true); x = mean(x, time, keepdims=true)",
                            name="mean.nc")
        with netCDF4.Dataset(self.folder / "cdo.nc") as wanted:
            self.assertEqual(got["x"].cell_methods, wanted["x"].cell_methods)
            self.assertEqual(got["x"].cell_methods, OVER_YEARS)
            np.testing.assert_array_equal(got[got["time"].climatology][:],
                                          wanted[wanted["time"].climatology][:])
        self.assertNotIn("bounds", got["time"].ncattrs())
        self.assertEqual(got["y"].cell_methods, OVER_YEARS + " time: maximum")
        self.assertLess(float(got["time"][0]), 365)  # and not in the middle of 30 years

    def test_files_as_one_have_the_bounds_of_all(self):
        field(self.path)
        parts = [self.folder / f"part{i}.nc" for i in range(2)]
        for i, path in enumerate(parts):
            check_run("subset", self.path, path, "-d", f"time,{6 * i},{6 * i + 5}", "--quiet")
        out = self.folder / "joined.nc"
        check_run("eval", "x = mean(x, time, keepdims=true)", *parts, "-o", out, "--quiet")
        with netCDF4.Dataset(out) as got:
            np.testing.assert_array_equal(got[got["time"].bounds][:], [[0, 365]])

    def test_outputs_without_wide_integers_of_our_own(self):  # R18
        field(self.path)
        got = self.evaluate("a = x - mean(x, time); b = mean(x, time); c = x[time=0]; n = count(x, time)")
        with h5py.File(got.filepath()) as file:
            wide = [name for name, item in file.items()
                    if item.dtype.kind in "iu" and item.dtype.itemsize == 8]
            self.assertEqual(wide, ["n"])  # which the language promises
            for item in file.values():
                if "_Netcdf4Dimid" in item.attrs:
                    self.assertEqual(item.attrs["_Netcdf4Dimid"].dtype, np.int32)
        sample = self.folder / "sample.nc"
        check_run("sample", "-o", sample, "--shape", "4,5,6")
        with h5py.File(sample) as file:
            for name, item in file.items():
                self.assertNotIn(item.dtype, (np.int64, np.uint64), name)


class Joining(Test):
    def test_coordinates_that_differ_are_named_with_their_values(self):
        for number, lat in enumerate(([0, 1, 2], [0, 1.25, 2.5])):
            with netCDF4.Dataset(self.folder / f"{number}.nc", "w") as file:
                file.createDimension("time", None)
                file.createDimension("lat", 3)
                file.createVariable("time", "f8", ("time",))[:] = [number]
                file.createVariable("lat", "f4", ("lat",))[:] = lat
                file.createVariable("x", "f4", ("time", "lat"))[:] = np.zeros((1, 3))
        paths = [self.folder / f"{n}.nc" for n in range(2)]
        result = run("eval", "y = x", *paths, "-o", self.folder / "no.nc")
        self.assertEqual(result.code, 3)
        block = self.block_of(result)
        self.assertIn(f"/lat: value 1 is 1.25 here and 1 in {paths[0]} (2 of 3 differ, by at most 0.5)",
                      block)
        self.assertIn(f"ncks -A -v lat {paths[0]} {paths[1]}", block)
        tool("ncks", "-A", "-v", "lat", *paths)
        check_run("eval", "y = x", *paths, "-o", self.folder / "yes.nc")


STATIONS = ["Zugspitze", "Höhe 7", "", "Brocken", "x" * 300]


def stations(path, first=0, times=4, names=STATIONS):
    with netCDF4.Dataset(path, "w") as file:
        for name, n in (("time", None), ("station", len(names)), ("strlen", 6)):
            file.createDimension(name, n)
        time = file.createVariable("time", "i4", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = first + np.arange(times)
        file.createVariable("station", str, ("station",))[:] = np.array(names, object)
        file.createVariable("remark", str, ("time",))[:] = np.array(
            [f"day {first + i}" for i in range(times)], object)
        file.createVariable("title", str, ())[...] = "a title"
        code = file.createVariable("code", "S1", ("station", "strlen"))
        code[:] = netCDF4.stringtochar(np.array([f"C{i}" for i in range(len(names))], "S6"))
        v = file.createVariable("v", "f4", ("time", "station"), chunksizes=(2, 3))
        v.coordinates = "code remark"
        v[:] = first * 10 + np.arange(times * len(names)).reshape(times, -1)


class Labels(Test):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "in.nc"
        stations(self.path)

    def check(self, path, station=slice(None), remarks=None):
        with netCDF4.Dataset(path) as file:
            self.assertEqual(list(file["station"][:]), STATIONS[station])
            words = netCDF4.chartostring(file["code"][:])
            self.assertEqual([str(w) for w in words], [f"C{i}" for i in range(5)][station])
            if remarks is not None:
                self.assertEqual(list(file["remark"][:]), [f"day {i}" for i in remarks])
                self.assertEqual(file["title"][...], "a title")
        for engine in ("netcdf4", "h5netcdf"):
            with xr.open_dataset(path, engine=engine) as file:
                self.assertEqual(list(file["station"].values), STATIONS[station])
        for words in (["ncdump", path], ["ncks", "-O", path, "k.nc"], ["h5dump", path],
                      ["h5repack", path, self.folder / "r.nc"]):
            self.assertNotIn("rror", tool(*words, cwd=self.folder))
        tool("ncatted", "-h", "-a", f"note,global,c,c,{'a long note ' * 40}", path)

    def out(self, verb, *words, name="out.nc", ranks=0):
        out = self.folder / name
        result = check_run(verb, *words, "-o", out, env={"SOURCE_DATE_EPOCH": "0"}, ranks=ranks)
        self.assertNotIn("left out", result.err)
        return out

    def test_text_goes_along_in_copies(self):
        self.check(self.out("rechunk", self.path, "-c", "time=1"), remarks=range(4))
        self.check(self.out("subset", self.path, "-d", "station,1,3,2", "-d", "time,1,2",
                            name="cut.nc"), slice(1, 4, 2), range(1, 3))
        later = self.folder / "later.nc"
        stations(later, first=4, times=3)
        self.check(self.out("concat", self.path, later, name="all.nc"), remarks=range(7))
        ranks = self.out("concat", self.path, later, name="ranks.nc", ranks=2)
        check_run("concat", self.path, later, "-o", self.folder / "again.nc",
                  env={"SOURCE_DATE_EPOCH": "0"})
        self.assertTrue(filecmp.cmp(self.folder / "again.nc", ranks, shallow=False))

    def test_text_goes_along_the_axes_of_results(self):
        out = self.out("eval", "m = mean(v, time)", self.path)
        self.check(out)
        with netCDF4.Dataset(out) as file:
            self.assertEqual(file["m"].coordinates, "code")
            self.assertNotIn("remark", file.variables)
        self.check(self.out("eval", "w = v[:, 1:4]", self.path, name="part.nc"), slice(1, 4))
        other = self.folder / "other.nc"
        stations(other, first=4)
        joined = self.out("eval", "w = v * 2; m = mean(v, station)", self.path, other, name="joined.nc")
        self.check(joined)
        with netCDF4.Dataset(joined) as file:  # its text lies along the time
            self.assertEqual(list(file["remark"][:]), [f"day {i}" for i in range(8)])
            self.assertEqual(file["m"].coordinates, "remark")

    def test_labels_select(self):
        for bounds, wanted in (("Brocken", slice(3, 4)), ("Zugspitze,Brocken", slice(0, 4)),
                               ("Höhe 7,", slice(1, 5)), (",Brocken,2", slice(0, 4, 2)),
                               ("2,Brocken", slice(2, 4)), ("4", slice(4, 5))):
            with self.each(bounds):
                for verb, words in (("subset", []), ("eval", ["w = v + 0"])):
                    out = self.out(verb, *words, self.path, "-d", f"station,{bounds}", "--overwrite")
                    self.check(out, wanted)
        for bounds, word in (("Nowhere", "no element has the label"), ("Brocken,Zugspitze", "begins"),
                             ("9", "out of bounds")):
            with self.each(bounds):
                result = run("subset", self.path, "-d", f"station,{bounds}", "-o",
                             self.folder / "no.nc")
                self.assertEqual(result.code, 2)
                self.assertIn(word, self.block_of(result))
        result = run("subset", self.path, "-d", "time,Brocken", "-o", self.folder / "no.nc")
        self.assertEqual(result.code, 2)
        self.assertIn("`Brocken` is no number", self.block_of(result))

    def test_info_and_diff_know_them(self):
        told = check_run("info", self.path).out
        self.assertIn("Zugspitze, Höhe 7, , Brocken, xxx", told)
        other = self.folder / "other.nc"
        stations(other, names=STATIONS[:3] + ["Harz", "y"])
        result = run("diff", self.path, other)
        self.assertEqual(result.code, 6)
        self.assertIn('/station: 2 of 5 texts differ, the first at (3,): "Harz" instead of "Brocken"',
                      result.out)
        self.assertEqual(run("diff", self.path, self.path).out, "")

    def test_fixed_text_becomes_text_of_any_length(self):
        path = self.folder / "fixed.h5"
        with h5py.File(path, "w") as file:
            file["name"] = np.array([b"north", b"s\xfcd", b"  "], "S5")
            file["name"].make_scale("name")
            file["v"] = np.arange(6.0).reshape(2, 3)
            file["v"].dims[1].attach_scale(file["name"])
            file["pad"] = np.array([b"ab", b"c"])
        out = self.out("rechunk", path, "-c", "name=2")
        with netCDF4.Dataset(out) as file:
            self.assertEqual(list(file["name"][:]), ["north", "süd", "  "])
            self.assertEqual(list(file["pad"][:]), ["ab", "c"])
        with h5py.File(out) as file:
            self.assertIsNone(h5py.check_string_dtype(file["name"].dtype).length)

    def test_only_text_is_not_enough(self):
        result = run("subset", self.path, "-v", "title", "-o", self.folder / "no.nc")
        self.assertEqual(result.code, 3)
        self.assertIn("only text", self.block_of(result))
        self.assertEqual(result.out, "")


class Complex(Test):
    def test_parts_are_read_and_the_whole_says_so(self):
        path = self.folder / "z.h5"
        z = (np.arange(6) + 1j * np.arange(6)[::-1]).reshape(2, 3)
        with h5py.File(path, "w") as file:
            file["z"] = z
            file["w"] = z.astype("c8")
        out = self.folder / "out.nc"
        for name in "zw":
            check_run("eval", "a = sqrt(r ^ 2 + i ^ 2)", "-v", f"r={path}:/{name}.r", "-v",
                      f"i={path}:/{name}.i", "-o", out, "--overwrite")
            with netCDF4.Dataset(out) as file:
                np.testing.assert_allclose(file["a"][:], abs(z), rtol=1e-6)
            result = run("eval", "a = z", "-v", f"z={path}:/{name}")
            self.assertEqual(result.code, 3)
            self.assertIn(f"/{name}.r, /{name}.i", self.block_of(result))
        self.assertIn("by its parts", check_run("info", path).out)


if __name__ == "__main__":
    support.main()
