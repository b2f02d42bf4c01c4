"""Missing and packed data: reading as CF says, in agreement with netCDF4 and xarray; writing; which
attributes survive."""
import netCDF4
import numpy as np
import xarray as xr

import support
from support import Test, assert_same, assert_within, decoded, evaluate, rng

import h5py


def missing_mask(packed, attributes):
    """The packed values with the sign that is meant, and which of them are missing."""
    if str(attributes.get("_Unsigned", "")).lower() == "true" and packed.dtype.kind == "i":
        packed = packed.view(packed.dtype.str.replace("i", "u"))
    kind = packed.dtype

    def in_packed_type(value):
        """Values that the type does not have equal nothing."""
        value = np.atleast_1d(value)
        if kind.kind == "u" and value.dtype.kind == "i" and value.dtype.itemsize == kind.itemsize:
            return value.view(kind)
        cast = value.astype(kind)
        return cast if kind.kind == "f" else cast[cast == value]
    mask = np.isnan(packed) if kind.kind == "f" else np.zeros(packed.shape, bool)
    for name in ("_FillValue", "missing_value"):
        if name in attributes:
            mask |= np.isin(packed, in_packed_type(attributes[name]))
    low, high = attributes.get("valid_range", (None, None))
    low, high = attributes.get("valid_min", low), attributes.get("valid_max", high)
    if low is not None:
        mask |= packed < (in_packed_type(low) if in_packed_type(low).size else low)
    if high is not None:
        mask |= packed > (in_packed_type(high) if in_packed_type(high).size else high)
    return packed, mask


def by_the_contract(packed, attributes):
    """Tested on the packed value, then unpacked: 8 and 16 bits to float32, else float64, and to
    what scale_factor and add_offset are where there are such."""
    packed, mask = missing_mask(packed, attributes)
    kind = packed.dtype
    scaling = [attributes[n] for n in ("scale_factor", "add_offset") if n in attributes]
    declares = set(attributes) & {"_FillValue", "missing_value", "valid_range", "valid_min",
                                  "valid_max"}
    if kind.kind == "f":
        result = kind
    elif not declares and not scaling:
        return packed
    elif all(np.asarray(s).dtype == np.float32 for s in scaling) and kind.itemsize <= 2:
        result = np.dtype("f4")
    else:
        result = np.dtype("f8")
    values = packed.astype("f8")
    if scaling:
        values = (values * float(attributes.get("scale_factor", 1))
                  + float(attributes.get("add_offset", 0)))
    return np.where(mask, result.type(np.nan), values.astype(result))


def packings(random):
    """(dtype, attributes) that real files have, and some that they should not."""
    made = []
    for d in ("i1", "i2", "i4", "u1", "u2", "u4", "i8"):
        t = np.dtype(d).type
        made += [(d, {}), (d, {"_FillValue": t(99)}), (d, {"missing_value": t(7)}),
                 (d, {"_FillValue": t(99), "missing_value": t(7)}),
                 (d, {"missing_value": np.array([3, 7, 98], d)}),
                 (d, {"valid_min": t(10)}), (d, {"valid_max": t(80)}),
                 (d, {"valid_range": np.array([5, 90], d)}),
                 (d, {"valid_range": np.array([5, 90], d), "_FillValue": t(99)})]
    for d in ("i1", "i2", "i4", "u1", "u2"):
        t = np.dtype(d).type
        for s in ("f4", "f8"):
            f = np.dtype(s).type
            made += [(d, {"scale_factor": f(0.01), "add_offset": f(273.15)}),
                     (d, {"scale_factor": f(0.5), "_FillValue": t(99)}),
                     (d, {"add_offset": f(-3.25), "missing_value": t(7)}),
                     (d, {"scale_factor": f(0.1), "add_offset": f(5), "_FillValue": t(99),
                          "valid_range": np.array([5, 90], d)})]
        made.append((d, {"scale_factor": np.float32(0.5), "add_offset": np.float64(1)}))
    for d in ("i1", "i2", "i4"):
        t = np.dtype(d).type
        made += [(d, {"_Unsigned": "true"}),
                 (d, {"_Unsigned": "true", "_FillValue": t(-1)}),
                 (d, {"_Unsigned": "true", "_FillValue": t(-1), "scale_factor": np.float32(0.25)}),
                 (d, {"_Unsigned": "true", "valid_range": np.array([4, -6], d)})]
    for d in ("f4", "f8"):
        t = np.dtype(d).type
        made += [(d, {}), (d, {"_FillValue": t(-9999)}), (d, {"_FillValue": t(1e20)}),
                 (d, {"_FillValue": t(np.nan)}), (d, {"missing_value": t(7)}),
                 (d, {"missing_value": np.array([7, 3], d), "_FillValue": t(-9999)}),
                 (d, {"valid_min": t(0)}), (d, {"valid_range": np.array([0, 50], d)}),
                 (d, {"scale_factor": t(2), "add_offset": t(1), "_FillValue": t(-9999)})]
    return made


def packed_values(random, dtype, attributes, shape):
    dtype = np.dtype(dtype)
    low = 0 if dtype.kind == "u" else -99
    values = random.integers(low, 100, shape).astype(dtype)
    if dtype.kind == "f":
        values = values + random.normal(size=shape).astype(dtype)
        values[random.random(shape) < 0.1] = np.nan
    for name in ("_FillValue", "missing_value", "valid_min", "valid_max", "valid_range"):
        if name in attributes:
            one = random.choice(np.atleast_1d(attributes[name]).astype(dtype))
            values[random.random(shape) < 0.15] = one
    return values


class Reading(Test):
    def setUp(self):
        super().setUp()
        random = rng(31)
        self.path = self.folder / "packed.nc"
        self.packed, self.attributes = {}, {}
        with netCDF4.Dataset(self.path, "w") as file:
            file.createDimension("y", 23)
            file.createDimension("x", 17)
            for i, (dtype, attributes) in enumerate(packings(random)):
                name = f"v{i}"
                self.packed[name] = packed_values(random, dtype, attributes, (23, 17))
                self.attributes[name] = attributes
                variable = file.createVariable(
                    name, dtype, ("y", "x"), zlib=i % 2 == 0, chunksizes=(int(i % 7 + 4), 6),
                    fill_value=attributes.get("_FillValue", False))
                variable.set_auto_maskandscale(False)
                variable.setncatts({k: v for k, v in attributes.items() if k != "_FillValue"})
                variable[:] = self.packed[name]

    def label(self, name):
        return f"{self.packed[name].dtype} {self.attributes[name]}"

    def test_values_and_types(self):
        got = evaluate(self.folder, {f"r{n}": n for n in self.packed}, [str(self.path)])
        with netCDF4.Dataset(self.path) as file, \
                xr.open_dataset(self.path, decode_times=False) as opened:
            for name, packed in self.packed.items():
                with self.each(self.label(name)):
                    wanted = by_the_contract(packed, self.attributes[name])
                    assert_same(got[f"r{name}"], wanted, self.label(name))
                with self.each(f"netCDF4: {self.label(name)}"):
                    self.compare_netcdf4(got[f"r{name}"], file.variables[name][:], name)
                if set(self.attributes[name]) & {"valid_min", "valid_max", "valid_range"}:
                    continue  # xarray does not look at these
                if np.size(self.attributes[name].get("missing_value", 0)) > 1:
                    continue  # of several, xarray takes some for one
                with self.each(f"xarray: {self.label(name)}"):
                    value = got[f"r{name}"]
                    self.near(value, np.asarray(opened[name].values).astype("f8"), name)

    def compare_netcdf4(self, got, masked, name):
        wanted = np.where(np.ma.getmaskarray(masked), np.nan, np.ma.getdata(masked).astype("f8"))
        self.near(got, wanted, name)

    def near(self, got, wanted, name):
        size = np.nanmax(np.abs(wanted), initial=1)
        precision = 1e-6 if got.dtype == np.float32 else 1e-7  # scale_factor may be float32
        assert_within(got.astype("f8"), wanted, precision * size, self.label(name))

    def test_reductions_skip_what_is_missing(self):
        floats = {n: by_the_contract(p, self.attributes[n]) for n, p in self.packed.items()}
        statements = {}
        for n in floats:
            statements.update({f"m{n}": f"mean({n})", f"c{n}": f"count({n}, y)",
                               f"k{n}": f"max({n}, x)", f"s{n}": f"sum({n}, skipna=false)"})
        got = evaluate(self.folder, statements, [str(self.path)])
        for n, x in floats.items():
            with self.each(self.label(n)):
                wide = x.astype(np.longdouble)
                eps = np.finfo(got[f"m{n}"].dtype).eps
                assert_within(got[f"m{n}"], np.asarray(np.nanmean(wide)),
                              4 * eps * np.nanmean(np.abs(wide)), f"mean {self.label(n)}")
                assert_same(got[f"c{n}"], np.sum(~np.isnan(x), 0), f"count {self.label(n)}")
                largest = np.nanmax(x, 1) if x.dtype.kind == "f" else np.max(x, 1)
                assert_same(got[f"k{n}"], largest, f"max {self.label(n)}")
                if np.isnan(x).any():
                    assert np.isnan(got[f"s{n}"]), f"sum without skipping {self.label(n)}"

    def test_means_are_those_of_masked_arrays(self):
        """numpy.ma on the packed values, unpacked afterwards."""
        names = [n for n, a in self.attributes.items() if "scale_factor" in a and "_FillValue" in a
                 and self.packed[n].dtype.kind == "i" and "_Unsigned" not in a
                 and "valid_range" not in a]
        self.assertGreater(len(names), 3)
        got = evaluate(self.folder, {n: f"mean({n}, y)" for n in names}, [str(self.path)])
        for n in names:
            a = self.attributes[n]
            packed = np.ma.masked_equal(self.packed[n], a["_FillValue"]).astype("f8")
            wanted = packed.mean(0) * float(a["scale_factor"]) + float(a.get("add_offset", 0))
            assert_within(got[n], wanted.filled(np.nan), 1e-6 * np.abs(wanted).max() + 1e-6, n)


class Writing(Test):
    def test_missing_data_are_written_as_a_finite_fill_value(self):
        random = rng(32)
        path = self.folder / "in.nc"
        fills = {"a": np.float32(-9999), "b": np.float32(np.nan), "c": np.float32(1e20),
                 "d": np.float64(-9999), "e": np.float64(np.nan), "f": None}
        arrays = {}
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("x", 50)
            for name, fill in fills.items():
                dtype = fill.dtype if fill is not None else np.dtype("f4")
                variable = file.createVariable(name, dtype, ("x",), fill_value=fill)
                variable.set_auto_maskandscale(False)
                values = random.normal(size=50).astype(dtype)
                values[::7] = fill if fill is not None else np.nan
                values[::11] = np.nan
                variable[:] = values
                missing = np.isnan(values) | (values == fill if fill is not None else False)
                arrays[name] = np.where(missing, dtype.type(np.nan), values)
        got = evaluate(self.folder, {n: n for n in fills}, [str(path)])
        with h5py.File(self.folder / "out.nc") as file:
            for name, wanted in arrays.items():
                fill = file[name].attrs["_FillValue"]
                self.assertEqual(fill.shape, (1,))
                self.assertTrue(np.isfinite(fill[0]), name)
                self.assertEqual(fill.dtype, wanted.dtype)
                assert_same(got[name], wanted, name)
                own = fills[name]
                if own is not None and np.isfinite(own):
                    self.assertEqual(fill[0], own, f"{name} keeps its own fill value")
        for engine in ("netcdf4", "h5netcdf"):
            with xr.open_dataset(self.folder / "out.nc", engine=engine) as opened:
                for name, wanted in arrays.items():
                    assert_same(opened[name].values, wanted, f"{name} in xarray, {engine}")

    def test_types_in_the_file(self):
        path = self.folder / "in.h5"
        arrays = {"x": np.array([1.5, -2, np.nan]), "i": np.array([2**62, -1, 0]),
                  "u": np.array([255, 0], "u1"), "b": np.array([True, False])}
        support.write_plain(path, arrays)
        evaluate(self.folder, {"c": "x > 0", "i": "i", "u": "u", "b": "b", "n": "!b",
                               "k": "all(x > 0)"},
                 {n: f"{path}:/{n}" for n in arrays})
        with h5py.File(self.folder / "out.nc") as file:
            for name in "cbnk":
                self.assertEqual(file[name].dtype, np.int8, name)
                self.assertIn(file[name].attrs["dtype"], ("bool", b"bool"))
            self.assertEqual(file["i"].dtype, np.int64)
            self.assertEqual(file["u"].dtype, np.uint8)
            self.assertEqual(decoded(file["c"]).tolist(), [True, False, False])
        with xr.open_dataset(self.folder / "out.nc") as opened:
            for name in "cbnk":
                self.assertEqual(opened[name].dtype, bool, name)
            self.assertEqual(opened.i.dtype, np.int64)
            self.assertEqual(opened.i.values.tolist(), arrays["i"].tolist())
            self.assertEqual(opened.b.values.tolist(), [True, False])

    def test_our_own_output_is_input(self):
        path = self.folder / "in.h5"
        x = np.array([1.5, -2, np.nan, 0])
        support.write_plain(path, {"x": x})
        evaluate(self.folder, {"x": "x", "b": "x > 0"}, {"x": f"{path}:/x"}, name="first.nc")
        got = evaluate(self.folder, {"y": "x + 0", "c": "!b", "n": "sum(b)"},
                       [str(self.folder / "first.nc")])
        assert_same(got["y"], x + 0, "float with missing data")
        assert_same(got["c"], np.array([False, True, True, True]), "bool")
        assert_same(got["n"], np.array(1), "sum of bool")


class Attributes(Test):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "in.nc"
        with netCDF4.Dataset(self.path, "w") as file:
            file.setncatts({"title": "a title", "Conventions": "CF-1.8", "history": "made by hand"})
            for name, length in (("time", 4), ("lat", 3), ("nv", 2)):
                file.createDimension(name, length)
            time = file.createVariable("time", "f8", ("time",))
            time[:] = np.arange(4)
            time.setncatts({"units": "days since 2000-01-01", "bounds": "time_bnds"})
            file.createVariable("time_bnds", "f8", ("time", "nv"))[:] = np.ones((4, 2))
            file.createVariable("lat", "f4", ("lat",))[:] = [1, 2, 3]
            for name, units in (("t", "K"), ("p", "Pa")):
                v = file.createVariable(name, "i2", ("time", "lat"), fill_value=np.int16(-1))
                v.setncatts({"units": units, "long_name": f"name of {name}", "valid_min": np.int16(0),
                             "scale_factor": np.float32(0.5), "add_offset": np.float32(1)})
                v.set_auto_maskandscale(False)
                v[:] = np.arange(12).reshape(4, 3)

    def test_units_are_kept_only_where_they_hold(self):
        kept = ["t + 1", "t - p", "t + p", "min(t)", "max(t, lat)", "mean(t, time)", "std(t)",
                "sum(t, time)", "t * 2", "2 * t", "t / 2", "t - mean(t, time)", "t", "t[0:2]",
                "transpose(t)", "(t - 273.15) * 1.5"]
        lost = ["t * p", "t / p", "2 / t", "t ^ 2", "sqrt(t)", "t > 1", "var(t)", "prod(t)",
                "count(t)", "exp(t)", "isnan(t)", "t * t", "mean(t * p, time)", "log(t) + 1"]
        statements = {f"k{i}": text for i, text in enumerate(kept)}
        statements.update({f"l{i}": text for i, text in enumerate(lost)})
        evaluate(self.folder, statements, [str(self.path)])
        with netCDF4.Dataset(self.folder / "out.nc") as file:
            for label, text in statements.items():
                attributes = file.variables[label].__dict__
                with self.each(text):
                    self.assertEqual(attributes.get("units"), "K" if label[0] == "k" else None)
                    self.assertEqual(attributes.get("long_name"), "name of t")
                    packing = {"scale_factor", "add_offset", "valid_min", "missing_value"}
                    self.assertEqual(packing & set(attributes), set())

    def test_the_first_operand_gives_the_attributes(self):
        evaluate(self.folder, {"a": "p - t", "b": "1 + p * t", "c": "where(t > 1, p, t)"},
                 [str(self.path)])
        with netCDF4.Dataset(self.folder / "out.nc") as file:
            for name in "ab":
                self.assertEqual(file.variables[name].long_name, "name of p", name)

    def test_coordinates_and_bounds_of_the_dimensions_that_remain(self):
        for text, there, gone in [("t * 2", ["time", "time_bnds", "lat"], ["t", "p"]),
                                  ("mean(t, lat)", ["time", "time_bnds"], ["lat", "t"]),
                                  ("mean(t, time)", ["lat"], ["time", "time_bnds"]),
                                  ("mean(t)", [], ["time", "time_bnds", "lat"]),
                                  ("count(t, time)", ["lat"], ["time", "time_bnds"]),
                                  ("t[time=1:3]", ["time", "time_bnds", "lat"], ["t"])]:
            evaluate(self.folder, {"r": text}, [str(self.path)])
            with self.each(text), netCDF4.Dataset(self.folder / "out.nc") as file:
                self.assertEqual([n for n in there if n not in file.variables], [])
                self.assertEqual([n for n in gone if n in file.variables], [])
                if "time" in there:
                    wanted = [1, 2] if "1:3" in text else [0, 1, 2, 3]
                    self.assertEqual(file.variables["time"][:].tolist(), wanted)
                    self.assertEqual(file.variables["time"].units, "days since 2000-01-01")
                    self.assertEqual(file.variables["time"].bounds, "time_bnds")
                    self.assertEqual(file.variables["time_bnds"].shape, (len(wanted), 2))

    def test_global_attributes_and_history(self):
        evaluate(self.folder, {"r": "t * 2"}, [str(self.path)], "--threads", "2")
        with netCDF4.Dataset(self.folder / "out.nc") as file:
            self.assertEqual(file.title, "a title")
            lines = file.history.split("\n")
            self.assertEqual(len(lines), 2)
            self.assertEqual(lines[1], "made by hand")
            self.assertIn("r = t * 2", lines[0])
            for option in ("--overwrite", "--threads", "-o", "out.nc"):
                self.assertNotIn(option, lines[0].split())
        evaluate(self.folder, {"r": "t * 2"}, [str(self.path)], "--no-history")
        with netCDF4.Dataset(self.folder / "out.nc") as file:
            self.assertEqual(file.history, "made by hand")

    def test_dimensions_without_a_name(self):
        path = self.folder / "in.h5"
        support.write_plain(path, {"x": np.zeros((3, 5)), "y": np.zeros((5, 5))})
        evaluate(self.folder, {"x": "x", "y": "y"}, {"x": f"{path}:/x", "y": f"{path}:/y"})
        with netCDF4.Dataset(self.folder / "out.nc") as file:
            self.assertEqual(file.variables["x"].dimensions, ("dim_3", "dim_5"))
            self.assertEqual(file.variables["y"].shape, (5, 5))


if __name__ == "__main__":
    support.main()
