"""What inputs may be: many files as one, virtual data sets, types that are not computed with as they
are stored. Against netCDF4, h5py and NumPy."""
import filecmp

import h5py
import netCDF4
import numpy as np

import support
from support import Test, assert_same, check_run, evaluate, read_output, rng, run


def write_part(path, times, values, units="days since 2000-01-01", calendar="standard", scale=None,
               offset=0.0, dtype="i2", fill=-999, lat=None, unlimited=True, time_type="i4"):
    """One file of a series, as a model's output is."""
    lat = np.arange(values.shape[1]) * 10.0 if lat is None else lat
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None if unlimited else len(times))
        for name, length in (("lat", values.shape[1]), ("lon", values.shape[2]), ("nv", 2)):
            file.createDimension(name, length)
        time = file.createVariable("time", time_type, ("time",))
        time.units, time.calendar, time.bounds = units, calendar, "time_bnds"
        time[:] = times
        file.createVariable("time_bnds", "f8", ("time", "nv"))[:] = np.stack(
            [np.asarray(times) - 0.5, np.asarray(times) + 0.5], -1)
        file.createVariable("lat", "f8", ("lat",))[:] = lat
        temp = file.createVariable("temp", dtype, ("time", "lat", "lon"), zlib=True,
                                   chunksizes=(2, *values.shape[1:]), fill_value=fill)
        temp.units = "K"
        if scale is not None:
            temp.scale_factor, temp.add_offset = np.float32(scale), np.float32(offset)
        temp[:] = np.ma.masked_invalid(values)
        file.createVariable("area", "f4", ("lat", "lon"))[:] = np.ones(values.shape[1:])


def decoded_by_netcdf4(path, name):
    with netCDF4.Dataset(path) as file:
        return np.ma.filled(np.ma.asarray(file[name][:]).astype("f4"), np.nan)


class ManyFiles(Test):
    def setUp(self):
        super().setUp()
        self.random = rng(71)

    def values(self, count, lats=3, lons=4):
        values = self.random.uniform(200, 300, (count, lats, lons))
        values[self.random.random(values.shape) < 0.2] = np.nan
        return values

    def series(self):
        """Names against the order of time; each file packs, fills and counts time its own way."""
        write_part(self.folder / "t_1.nc", [6, 7], self.values(2), scale=0.5, offset=100)
        write_part(self.folder / "t_2.nc", [72, 96, 120], self.values(3), scale=0.25, offset=150,
                   units="hours since 2000-01-01", fill=-1)
        write_part(self.folder / "t_10.nc", [0.0, 1.0, 2.0], self.values(3), scale=0.01,
                   offset=250, units="days since 2000-01-01", time_type="f4", unlimited=False)
        return [self.folder / name for name in ("t_10.nc", "t_2.nc", "t_1.nc")]

    def wanted(self, files):
        return np.concatenate([decoded_by_netcdf4(path, "temp") for path in files])

    def test_packing_and_time_units_of_every_file_are_its_own(self):
        files = self.series()
        wanted = self.wanted(files)
        got = evaluate(self.folder, {"x": "temp"}, [str(self.folder / "t_*.nc")])
        np.testing.assert_allclose(got["x"], wanted, rtol=1e-6)
        assert_same(np.isnan(got["x"]), np.isnan(wanted), "missing")
        assert_same(got["time"], np.arange(8.0), "time")
        with netCDF4.Dataset(self.folder / "out.nc") as out:
            self.assertEqual(out["time"].units, "days since 2000-01-01")
            # Those of the second file are half an hour from its times.
            half = np.array([0.5] * 3 + [0.5 / 24] * 3 + [0.5] * 2)
            np.testing.assert_allclose(out["time_bnds"][:],
                                       np.arange(8)[:, None] + half[:, None] * [-1, 1])

    def test_lists_patterns_and_selection_by_date(self):
        files = self.series()
        wanted = self.wanted(files)[2:6]
        for words in ([str(f) for f in files], [",".join(map(str, files)) + ":/temp"],
                      [str(files[2]), str(files[0]) + ":/temp", str(files[1])]):
            got = evaluate(self.folder, {"x": "temp"}, [*words, "-d", "time,2000-01-03,2000-01-06"])
            np.testing.assert_allclose(got["x"], wanted, rtol=1e-6)
        got = evaluate(self.folder, {"m": "max(y, time)"}, {"y": f"{self.folder}/t_*.nc:/temp"})
        np.testing.assert_allclose(got["m"], np.nanmax(self.wanted(files), 0), rtol=1e-6)

    def test_same_bytes_on_one_two_and_three_ranks(self):
        self.series()
        outputs = []
        for ranks in (0, 2, 3):
            outputs.append(self.folder / f"out{ranks}.nc")
            check_run("eval", "x = temp - mean(temp, time); m = mean(temp, lat, lon)",
                      self.folder / "t_*.nc", "-o", outputs[-1], "--quiet", "--no-history",
                      ranks=ranks)
        self.assertTrue(filecmp.cmp(outputs[0], outputs[1], False))
        self.assertTrue(filecmp.cmp(outputs[0], outputs[2], False))

    def test_like_files_stay_as_they_are_stored(self):
        for i in range(12):
            write_part(self.folder / f"s_{i}.nc", [i], self.values(1), scale=0.5, offset=100)
        files = [self.folder / f"s_{i}.nc" for i in range(12)]
        got = evaluate(self.folder, {"x": "temp"}, [str(self.folder / "s_*.nc")])
        np.testing.assert_allclose(got["x"], self.wanted(files), rtol=1e-6)
        assert_same(got["time"], np.arange(12, dtype="i4"), "time keeps its type")

    def test_without_coordinates_names_count(self):
        for i in (1, 2, 10):
            with h5py.File(self.folder / f"p_{i}.h5", "w") as file:
                file.create_dataset("x", data=np.full((2, 3), i, "f4"), maxshape=(None, 3),
                                    chunks=(1, 3))
        got = evaluate(self.folder, {"y": "x"}, [str(self.folder / "p_*.h5")])
        assert_same(got["y"][:, 0], np.array([1, 1, 2, 2, 10, 10], "f4"), "order of names")

    def test_records_that_a_variable_lacks_are_missing(self):
        files = []
        for i, count in enumerate((2, 0, 4)):
            files.append(self.folder / f"k_{i}.nc")
            write_part(files[-1], np.arange(4) + 4 * i, self.values(4))
            with netCDF4.Dataset(files[-1], "a") as file:
                k = file.createVariable("k", "f4", ("time",), fill_value=-1)
                if count:
                    k[:count] = np.arange(count) + 10 * i
        got = evaluate(self.folder, {"r": "k + 0"}, files)
        nan = np.nan
        assert_same(got["r"], np.array([0, 1, *[nan] * 6, 20, 21, 22, 23], "f4"), "lacking")

    def test_files_that_do_not_fit(self):
        write_part(self.folder / "a.nc", [0, 1], self.values(2))
        cases = {
            "length 5 here": dict(values=self.values(2, lats=5)),
            "coordinate /lat": dict(values=self.values(2), lat=np.array([0, 10, 21.0])),
            "calendar": dict(values=self.values(2), calendar="noleap"),
            "it is float64 here": dict(values=self.values(2), dtype="i4"),
            "begins here at 2000-01-02": dict(values=self.values(2), times=[1, 2]),
        }
        for i, (word, options) in enumerate(cases.items()):
            times = options.pop("times", [5, 6])
            write_part(self.folder / f"b{i}.nc", times, **options)
            result = run("eval", "x = temp", self.folder / "a.nc", self.folder / f"b{i}.nc")
            self.assertEqual(result.code, 3, f"{word}\n{result}")
            block = self.block_of(result)
            self.assertIn(word, block)
            self.assertIn(f"b{i}.nc", block)
        result = run("eval", "x = temp", self.folder / "none_*.nc")
        self.assertEqual(result.code, 3, result)
        self.assertIn("no file matches", self.block_of(result))

    def test_a_damaged_file_is_named(self):
        self.series()
        data = bytearray((self.folder / "t_2.nc").read_bytes())
        (self.folder / "t_2.nc").write_bytes(data[:len(data) // 2])
        result = run("eval", "x = temp", self.folder / "t_*.nc")
        self.assertEqual(result.code, 3, result)
        self.assertIn("t_2.nc", self.block_of(result))


class Virtual(Test):
    def sources(self, count=4, shape=(6, 5)):
        random = rng(72)
        arrays = [random.integers(0, 1000, shape).astype("i4") for _ in range(count)]
        for i, array in enumerate(arrays):
            with h5py.File(self.folder / f"s{i}.h5", "w") as file:
                file.create_dataset("d", data=array, chunks=(4, 3), compression="gzip")
        return arrays

    def layout(self, shape, dtype="i4", maxshape=None):
        return h5py.VirtualLayout(shape=shape, dtype=dtype, maxshape=maxshape)

    def source(self, i, shape=(6, 5), **options):
        return h5py.VirtualSource(f"s{i}.h5", "d", shape=shape, **options)

    def make(self, layouts, fill=-7):
        path = self.folder / "v.h5"
        with h5py.File(path, "w", libver="latest") as file:
            for name, layout in layouts.items():
                file.create_virtual_dataset(name, layout, fillvalue=fill)
        return path

    def compare(self, path, *options, ranks=0):
        with h5py.File(path, "r") as file:
            wanted = {name: item[()] for name, item in file.items()}
        got = evaluate(self.folder, {f"r_{n}": n for n in wanted}, [str(path)], *options,
                       ranks=ranks)
        for name, array in wanted.items():
            with self.each(name):
                assert_same(got[f"r_{name}"], array, name)

    def layouts(self):
        stacked = self.layout((4, 6, 5))
        beside = self.layout((6, 20))
        woven = self.layout((24, 5))
        gaps = self.layout((30, 8))
        picked = self.layout((3, 4))
        for i in range(4):
            stacked[i] = self.source(i)
            beside[:, 5 * i:5 * i + 5] = self.source(i)
            woven[i::4, :] = self.source(i)
            gaps[7 * i:7 * i + 6, 2:7] = self.source(i)
        picked[:, :2] = self.source(0)[::2, 1::3]
        picked[:, 2:] = self.source(3)[1::2, :4:2]
        return {"stacked": stacked, "beside": beside, "woven": woven, "gaps": gaps,
                "picked": picked}

    def test_parts_side_by_side_woven_and_picked(self):
        self.sources()
        path = self.make(self.layouts())
        self.compare(path)
        with h5py.File(path, "r") as file:
            woven = file["woven"][()]
        got = evaluate(self.folder, {"x": "woven[3:22:5, 1:4]"}, [str(path)])
        assert_same(got["x"], woven[3:22:5, 1:4], "a slice")

    def test_ranks(self):
        self.sources()
        path = self.make(self.layouts())
        for ranks in (2, 3):
            self.compare(path, ranks=ranks)

    def test_numbered_names_and_endless_axes(self):
        self.sources()
        space = h5py.h5s.create_simple((24, 5), (h5py.h5s.UNLIMITED, 5))
        space.select_hyperslab((0, 0), (h5py.h5s.UNLIMITED, 1), (6, 1), (6, 5))
        source = h5py.h5s.create_simple((6, 5))
        source.select_all()
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.VIRTUAL)
        plist.set_virtual(space, b"s%b.h5", b"d", source)
        path = self.folder / "v.h5"
        with h5py.File(path, "w", libver="latest") as file:
            whole = h5py.h5s.create_simple((24, 5), (h5py.h5s.UNLIMITED, 5))
            h5py.h5d.create(file.id, b"numbered", h5py.h5t.NATIVE_INT32, whole, plist)
        self.compare(path)
        (self.folder / "s3.h5").unlink()  # as many as there are
        self.compare(path)

    def test_parts_over_each_other(self):
        self.sources()
        layout = self.layout((6, 2))  # as many elements as both parts have together
        layout[:, 0] = self.source(0)[:, 0]
        layout[:, 0] = self.source(1)[:, 1]
        self.make({"over": layout}, fill=-7)
        got = evaluate(self.folder, {"r": "over"}, [str(self.folder / "v.h5")])
        # HDF5 1.10 itself adds up the parts' elements, and then fills nothing.
        assert_same(got["r"][:, 1], np.full(6, -7, "i4"), "what nothing fills")

    def test_missing_sources(self):
        self.sources()
        path = self.make(self.layouts())
        (self.folder / "s1.h5").unlink()
        result = run("eval", "x = stacked", path)
        self.assertEqual(result.code, 3, result)
        self.assertIn("s1.h5", self.block_of(result))
        self.assertIn("--allow-missing", result.err)
        self.compare(path, "--allow-missing")
        told = run("eval", "x = max(stacked)", path, "--allow-missing")
        self.assertIn("1 of its virtual sources are missing", told.err)

    def test_virtual_of_virtual_and_of_floats(self):
        arrays = self.sources()
        self.make({"stacked": self.layouts()["stacked"]})
        (self.folder / "v.h5").rename(self.folder / "inner.h5")
        outer = h5py.VirtualLayout(shape=(6, 4, 5), dtype="i4")
        inner = h5py.VirtualSource("inner.h5", "stacked", shape=(4, 6, 5))
        for i in range(4):
            outer[:, i, :] = inner[i]
        floats = h5py.VirtualLayout(shape=(6, 5), dtype="f8")  # converted by the library
        floats[:] = self.source(2)
        path = self.make({"outer": outer, "floats": floats}, fill=0)
        self.compare(path)
        got = evaluate(self.folder, {"x": "outer"}, [str(path)])
        assert_same(got["x"], np.stack(arrays, 1), "nested")


class Types(Test):
    def test_enums_halves_and_big_endian(self):
        random = rng(73)
        halves = np.arange(65536, dtype="u2").view("f2").reshape(256, 256)
        path = self.folder / "types.h5"
        with h5py.File(path, "w") as file:
            file["plain"] = halves
            file.create_dataset("packed", data=halves, chunks=(100, 90), compression="gzip",
                                shuffle=True)
            file.create_dataset("big", data=halves.astype(">f2"), chunks=(7, 256))
            file.create_dataset("wide", data=random.integers(-9, 9, (3, 4)).astype(">i8"))
            colours = h5py.enum_dtype({"red": 0, "green": 5, "blue": -3}, basetype="i2")
            file.create_dataset("colour", data=random.choice([0, 5, -3], (20, 3)).astype("i2"),
                                dtype=colours, chunks=(6, 2))
            file["flag"] = random.random(11) < 0.5
            axes = (1,) * 20 + (2,) * 6 + (1,) * 6
            file.create_dataset("deep", data=np.arange(64.0).reshape(axes), chunks=(1,) * 32)
        names = ("plain", "packed", "big", "wide", "colour", "flag", "deep")
        got = evaluate(self.folder, {f"r_{n}": n for n in names[:-1]}, [str(path)])
        with h5py.File(path) as file:
            for name in names[:-1]:
                array = file[name][()]
                wanted = array.astype("f4") if array.dtype.kind == "f" else array
                with self.each(name):
                    assert_same(got[f"r_{name}"], wanted.astype(wanted.dtype.newbyteorder("=")),
                                name)
        result = check_run("eval", "x = sum(deep * 2)", path, "--quiet")
        self.assertIn("4032", result.out)
        told = check_run("info", path).out
        self.assertIn("red = 0", told)
        self.assertIn("float16", told)

    def test_fields_of_tables_and_of_complex_numbers(self):
        random = rng(74)
        kind = np.dtype([("a", "i2"), ("t", "S5"), ("b", ">f8"), ("in", [("h", "f2"), ("u", "u1")]),
                         ("v", "f4", (3,))])
        table = np.zeros(300, kind)
        table["a"] = random.integers(-99, 99, 300)
        table["b"] = random.normal(size=300)
        table["in"]["h"] = random.normal(size=300)
        table["in"]["u"] = random.integers(0, 255, 300)
        z = random.normal(size=(8, 9)) + 1j * random.normal(size=(8, 9))
        path = self.folder / "tables.h5"
        with h5py.File(path, "w") as file:
            file["plain"] = table
            file.create_dataset("packed", data=table, chunks=(70,), compression="gzip",
                                shuffle=True)
            file.create_dataset("z", data=z, chunks=(3, 4))
        inputs = {"zr": f"{path}:/z.r", "zi": f"{path}:/z.i"}
        wanted = {"zr": z.real, "zi": z.imag}
        for where in ("plain", "packed"):
            for field, array in (("a", table["a"]), ("b", table["b"].astype("f8")),
                                 ("in.h", table["in"]["h"].astype("f4")),
                                 ("in.u", table["in"]["u"])):
                name = f"{where}_{field.replace('.', '_')}"
                inputs[name], wanted[name] = f"{path}:/{where}.{field}", array
        got = evaluate(self.folder, {f"r_{n}": n for n in wanted}, inputs)
        for name, array in wanted.items():
            with self.each(name):
                assert_same(got[f"r_{name}"], array, name)
        for name, word in (("z", "/z.r, /z.i"), ("plain", "/plain.a"), ("plain.t", "has the type string"),
                           ("plain.v", "has the type array"), ("plain.in", "the type compound")):
            result = run("eval", "y = x", "-v", f"x={path}:/{name}")
            self.assertEqual(result.code, 3, result)
            self.assertIn(word, self.block_of(result))
        self.assertEqual(run("verify", path).code, 0)

    def test_numbers_of_few_bits(self):
        """nbit stores 12 and 20 bits of wider integers; signs reach up to the highest one."""
        random = rng(75)
        narrow = random.integers(-2048, 2047, (40, 30)).astype("i2")
        wide = random.integers(0, 2**20, (40, 30)).astype("u4")
        path = self.folder / "nbit.h5"
        with h5py.File(path, "w") as file:
            for name, array, bits in (("narrow", narrow, 12), ("wide", wide, 20)):
                kind = h5py.h5t.py_create(array.dtype).copy()
                kind.set_precision(bits)
                creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                creation.set_chunk((7, 30))
                creation.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_MANDATORY, ())
                space = h5py.h5s.create_simple(array.shape)
                created = h5py.h5d.create(file.id, name.encode(), kind, space, creation)
                created.write(h5py.h5s.ALL, h5py.h5s.ALL, array)
        with h5py.File(path) as file:
            self.assertLess(file["narrow"].id.get_storage_size(), narrow.nbytes)
            assert_same(file["narrow"].astype("i2")[()], narrow, "by h5py")
        got = evaluate(self.folder, {"n": "narrow", "w": "wide"}, [str(path)])
        assert_same(got["n"], narrow, "narrow")
        assert_same(got["w"], wide, "wide")
        self.assertIn("12 bits", check_run("info", path).out)

    def test_names_of_one_data_set(self):
        path = self.folder / "names.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("g/x", data=np.arange(12.0).reshape(3, 4), chunks=(2, 4))
            file["alias"] = file["g/x"]
            file["h"] = file["g"]
        got = evaluate(self.folder, {"a": "alias + 0", "b": "y - alias"},
                       {"alias": f"{path}:/alias", "y": f"{path}:/h/x"})
        assert_same(got["a"], np.arange(12.0).reshape(3, 4), "alias")
        assert_same(got["b"], np.zeros((3, 4)), "group")

    def test_text_and_references_are_left_out_with_a_word(self):
        path = self.folder / "others.h5"
        with h5py.File(path, "w") as file:
            file["x"] = np.arange(3.0)
            file["fixed"] = np.array([b"ab", b"c"])
            file.create_dataset("text", data=["one", "two"], dtype=h5py.string_dtype())
            file.create_dataset("object", data=[file["x"].ref], dtype=h5py.ref_dtype)
            file.create_dataset("region", data=[file["x"].regionref[:2]], dtype=h5py.regionref_dtype)
            file.create_dataset("lists", (2,), h5py.vlen_dtype("i4"))[0] = np.arange(3)
        told = check_run("info", path).out
        for word in ("not computed with: string", "not computed with: reference",
                     "not computed with: variable-length list"):
            self.assertIn(word, told)
        for name in ("fixed", "text", "object", "region", "lists"):
            result = run("eval", "y = x", "-v", f"x={path}:/{name}")
            self.assertEqual(result.code, 3, result)
            self.assertIn("has the type", self.block_of(result))


class DefaultFill(Test):
    def test_undeclared_fill_values(self):
        path = self.folder / "fill.nc"
        kinds = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("x", 9)
            for kind in kinds:
                file.createVariable(f"v_{kind}", kind, ("x",))[2:7] = np.arange(5)
            own = file.createVariable("own", "f4", ("x",), fill_value=-1.0)
            own[:] = np.arange(9) - 1.0
        got = evaluate(self.folder, {f"r_{k}": f"v_{k}" for k in kinds} | {"r_own": "own"},
                       [str(path)], "--default-fill")
        with netCDF4.Dataset(path) as file:
            for name in [f"v_{k}" for k in kinds] + ["own"]:
                mask = np.ma.getmaskarray(file[name][:])
                result = got[f"r_{name.removeprefix('v_')}"]
                with self.each(name):
                    missing = np.isnan(result) if result.dtype.kind == "f" else mask & False
                    assert_same(missing, mask, name)
        plain = check_run("eval", "n = count(v_f4)", path, "--quiet")
        self.assertIn("9", plain.out)


if __name__ == "__main__":
    support.main()
