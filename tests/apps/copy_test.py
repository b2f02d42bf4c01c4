"""rankine rechunk, subset and concat against netCDF4, xarray and NumPy: values, attributes, chunks,
filters, groups, record dimensions; the same bytes for any ranks and threads."""

import filecmp
import os
import unittest

import h5py
import netCDF4 as nc
import numpy as np
import xarray as xr

import support
from support import Case

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


def climate(path, first=0, times=6, units="days since 2000-01-01", time_chunk=2, scale=0.25,
            lat=(-45, -15, 15, 45), calendar="noleap", extra=False):
    """What archives have: a record dimension with bounds, packed and plain fields, a mapping."""
    with nc.Dataset(path, "w") as d:
        d.title, d.history = "made up", "older line"
        for name, n in (("time", None), ("lat", 4), ("lon", 5), ("bnds", 2)):
            d.createDimension(name, n)
        t = d.createVariable("time", "i4", ("time",))
        t.units, t.calendar, t.bounds = units, calendar, "time_bnds"
        t[:] = first + np.arange(times)
        d.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = np.stack([t[:] - .5, t[:] + .5], 1)
        y = d.createVariable("lat", "f8", ("lat",))
        y.units, y[:] = "degrees_north", lat
        x = d.createVariable("lon", "f4", ("lon",))
        x.units, x[:] = "degrees_east", np.arange(5) * 10
        crs = d.createVariable("crs", "i4")
        crs.grid_mapping_name, crs[...] = "latitude_longitude", 7
        area = d.createVariable("area", "f4", ("lat", "lon"))
        area.units, area[:] = "m2", np.arange(20).reshape(4, 5)
        tas = d.createVariable("tas", "f4", ("time", "lat", "lon"), fill_value=1e20, zlib=True,
                               complevel=3, chunksizes=(time_chunk, 4, 3))
        tas.units, tas.grid_mapping, tas.cell_measures = "K", "crs", "area: area"
        values = np.random.default_rng(first + 1).normal(280, 9, (times, 4, 5)).astype("f4")
        tas[:] = np.ma.masked_greater(values, 295)
        pr = d.createVariable("pr", "i2", ("time", "lat", "lon"), fill_value=-999,
                              chunksizes=(time_chunk, 2, 5))
        pr.scale_factor, pr.units = scale, "mm"
        pr.set_auto_scale(False)
        pr[:] = np.arange(first * 20, (first + times) * 20).reshape(times, 4, 5)
        g = d.createGroup("g")
        g.note = "a group"
        g.createDimension("z", 3)
        g.createVariable("z", "f8", ("z",))[:] = [1, 2, 3]
        w = g.createVariable("w", "i8", ("time", "z"), chunksizes=(time_chunk, 3))
        w.coordinates, w[:] = "z", np.arange(times * 3).reshape(times, 3) + first
        if extra:
            d.createVariable("s", str, ("lat",))[:] = np.array(list("abcd"), dtype=object)


def raw(path, name):
    with h5py.File(path) as file:
        return file[name][()]


class Copies(Case):
    def make(self, name="in.nc", **options):
        climate(self.path(name), **options)
        return name

    def run_copy(self, *words, ranks=0):
        result = (self.run_ranks(*words, ranks=ranks, variables=EPOCH) if ranks else
                  self.run_here(*words, env=support.environment(**EPOCH)))
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result.stderr.decode()

    def assert_same_file(self, first, second, chunks=True, leave=()):
        """All variables with their stored values and attributes, dimensions and groups."""
        with nc.Dataset(self.path(first)) as a, nc.Dataset(self.path(second)) as b:
            self.assertEqual({k: v for k, v in a.__dict__.items() if k != "history"},
                             {k: v for k, v in b.__dict__.items() if k != "history"})
            for x, y in ((a, b), (a["g"], b["g"])):
                self.assertEqual({n: (len(d), d.isunlimited()) for n, d in x.dimensions.items()},
                                 {n: (len(d), d.isunlimited()) for n, d in y.dimensions.items()})
                self.assertEqual(set(x.variables) - set(leave), set(y.variables))
                for name, v in y.variables.items():
                    u = x[name]
                    for one in (u, v):
                        one.set_auto_maskandscale(False)
                    np.testing.assert_array_equal(u[...], v[...], name)
                    self.assertEqual((u.dtype, u.dimensions, u.__dict__.keys()),
                                     (v.dtype, v.dimensions, v.__dict__.keys()))
                    for key, value in u.__dict__.items():
                        np.testing.assert_array_equal(value, v.getncattr(key), f"{name}@{key}")
                    if chunks and len(u.dimensions) > 1 and u.chunking() != "contiguous":
                        self.assertEqual((u.chunking(), u.filters()), (v.chunking(), v.filters()))
            self.assertEqual(b["g"].note, "a group")

    def test_rechunk_changes_the_chunks_and_nothing_else(self):
        name = self.make()
        said = self.run_copy("rechunk", name, "out.nc", "--chunks", "time=-1,lat=2", "--quiet")
        self.assertEqual(said, "")
        self.assert_same_file(name, "out.nc", chunks=False)
        with h5py.File(self.path("out.nc")) as out:
            self.assertEqual(out["tas"].chunks, (6, 2, 3))
            self.assertEqual((out["tas"].compression_opts, out["tas"].shuffle), (3, True))
            self.assertEqual((out["pr"].chunks, out["pr"].compression), ((6, 2, 5), None))
            self.assertEqual(out["area"].chunks, (2, 5))
            self.assertEqual(out["g/w"].chunks, (6, 3))
            self.assertEqual(out.attrs["history"].decode().split("\n")[1:], ["older line"])
            line = out.attrs["history"].decode().split("\n")[0]
            self.assertTrue(line.endswith("rankine rechunk in.nc --chunks time=-1,lat=2"), line)

    def test_rechunk_by_position_and_codec(self):
        name = self.make()
        self.run_copy("rechunk", name, "-o", "out.nc", "-c", "4,1,5", "--codec", "deflate-1",
                      "--fletcher32", "--shuffle", "off", "-v", "tas,g/w")
        with h5py.File(self.path("out.nc")) as out:
            tas = out["tas"]
            self.assertEqual((tas.chunks, tas.compression_opts, tas.shuffle, tas.fletcher32),
                             ((4, 1, 5), 1, False, True))
            self.assertEqual(set(out) - {"bnds"}, {"time", "time_bnds", "lat", "lon", "crs", "area",
                                                   "tas", "g"})
            self.assertEqual(out["g/w"].compression_opts, 1)
        np.testing.assert_array_equal(raw(self.path("out.nc"), "tas"), raw(self.path(name), "tas"))

    def test_a_copy_without_a_wish_takes_the_stored_chunks(self):
        name = self.make()
        said = self.run_copy("rechunk", name, "out.nc")
        self.assertRegex(said, r"rankine: \d+ chunks are copied as they are stored, \d+ are decoded")
        self.assert_same_file(name, "out.nc")
        with h5py.File(self.path(name)) as a, h5py.File(self.path("out.nc")) as b:
            for path in ("tas", "pr", "g/w"):
                for i in range(a[path].id.get_num_chunks()):
                    at = a[path].id.get_chunk_info(i).chunk_offset
                    self.assertEqual(a[path].id.read_direct_chunk(at), b[path].id.read_direct_chunk(at))

    def test_subset_cuts_every_variable_and_its_coordinates(self):
        name = self.make(extra=True)
        said = self.run_copy("subset", name, "out.nc", "-d", "time,2000-01-02,2000-01-05", "-d",
                             "lat,-20.0,50.0", "-d", "lon,0,4,2")
        self.assertNotIn("left out", said)
        with xr.open_dataset(self.path(name)) as a, xr.open_dataset(self.path("out.nc")) as b:
            part = a.isel(time=slice(1, 5), lat=slice(1, 4), lon=slice(0, 5, 2))
            self.assertEqual(b.encoding["unlimited_dims"], {"time"})
            del part.attrs["history"], b.attrs["history"]
            xr.testing.assert_identical(part.load(), b.load())
        np.testing.assert_array_equal(raw(self.path("out.nc"), "pr"),
                                      raw(self.path(name), "pr")[1:5, 1:4, ::2])
        np.testing.assert_array_equal(raw(self.path("out.nc"), "g/w"),
                                      raw(self.path(name), "g/w")[1:5])

    def test_subset_of_a_variable_takes_what_belongs_to_it(self):
        name = self.make()
        self.run_copy("subset", name, "out.nc", "-v", "pr", "-d", "time,3", "--quiet")
        with nc.Dataset(self.path("out.nc")) as out:
            self.assertEqual(set(out.variables), {"time", "time_bnds", "lat", "lon", "pr"})
            self.assertEqual((out["pr"].shape, out["pr"].scale_factor), ((1, 4, 5), 0.25))
            self.assertTrue(out.dimensions["time"].isunlimited())
            self.assertEqual(out["time"][:].tolist(), [3])
        self.run_copy("subset", name + ":/g", "group.nc", "--quiet")
        with nc.Dataset(self.path("group.nc")) as out:
            self.assertEqual(set(out["g"].variables), {"z", "w"})

    def test_concat_takes_chunks_that_fit_as_they_are(self):
        names = [self.make(f"{i}.nc", first=4 * i, times=4) for i in range(3)]
        said = self.run_copy("concat", *names, "out.nc")
        self.assertIn(" chunks are copied as they are stored, ", said)
        climate(self.path("whole.nc"), times=12)
        with xr.open_dataset(self.path("out.nc")) as out:
            parts = [xr.open_dataset(self.path(name)) for name in names]
            whole = xr.concat(parts, "time", data_vars="minimal")
            del whole.attrs["history"], out.attrs["history"]
            xr.testing.assert_identical(whole.load(), out.load())
            for part in parts:
                part.close()
        with h5py.File(self.path("out.nc")) as out:
            self.assertEqual((out["tas"].chunks, out["tas"].compression_opts), ((2, 4, 3), 3))
            for i, name in enumerate(names):
                with h5py.File(self.path(name)) as part:
                    self.assertEqual(part["tas"].id.read_direct_chunk((2, 0, 3)),
                                     out["tas"].id.read_direct_chunk((4 * i + 2, 0, 3)))
            np.testing.assert_array_equal(out["g/w"][:, 1], np.concatenate(
                [np.arange(4) * 3 + 1 + 4 * i for i in range(3)]))

    def test_concat_decodes_what_does_not_fit(self):
        """Odd numbers of records, other dates to count from, other packing."""
        names = [self.make("a.nc", times=5), self.make("b.nc", times=3, first=0,
                                                       units="hours since 2000-01-06"),
                 self.make("c.nc", times=4, units="days since 1999-12-01", first=39, scale=0.5)]
        said = self.run_copy("concat", *names, "out.nc")
        self.assertRegex(said, r"rankine: [1-9]\d* chunks are copied as they are stored, [1-9]")
        with xr.open_dataset(self.path("out.nc")) as out:
            parts = [xr.open_dataset(self.path(name)) for name in names]
            for variable in ("tas", "pr"):
                np.testing.assert_array_equal(
                    out[variable].values, np.concatenate([p[variable].values for p in parts]))
            self.assertEqual(out.time.values.tolist(),
                             [t for p in parts for t in p.time.values.tolist()])
            self.assertEqual(out.time.encoding["units"], "days since 2000-01-01")
            self.assertNotIn("scale_factor", out.pr.encoding)
            for part in parts:
                part.close()
        hours = raw(self.path("out.nc"), "time_bnds")[5:8]
        np.testing.assert_allclose(hours, 5 + np.array([[-.5, .5], [.5, 1.5], [1.5, 2.5]]) / 24)

    def test_distant_dates_to_count_from_move_no_time(self):
        names = [self.make("a.nc", times=2),
                 self.make("b.nc", times=3, units="hours since 1900-01-01", first=877_000)]
        self.run_copy("concat", *names, "out.nc", "--quiet")
        days = (877_000 + np.arange(3)) / 24 - 36500  # without leap days
        np.testing.assert_allclose(raw(self.path("out.nc"), "time")[2:], days, rtol=0, atol=1e-9)

    def test_records_that_lack_or_stand_in_no_order(self):
        names = [self.make("a.nc", times=4), self.make("b.nc", first=2, times=4)]
        said = self.run_copy("concat", *names, "out.nc")
        self.assertIn("warning: the records of b.nc do not come after those before", said)
        with nc.Dataset(self.path("a.nc"), "a") as file:
            file.createVariable("k", "i4", ("time",))
            file["k"].set_auto_mask(False)
        with h5py.File(self.path("a.nc"), "a") as file:
            file["k"].resize((2,))
        with h5py.File(self.path("b.nc"), "a") as file:
            file.create_dataset("k", (4,), "i4", chunks=(2,), maxshape=(None,))
            file["k"].dims[0].attach_scale(file["time"])
        result = self.run_here("concat", *names, "o.nc", "--quiet")
        self.assert_block(result, 3, "lacks the last 2 records", "a.nc:/k", "-v")

    def test_the_longest_name_an_output_may_have(self):
        name, others = self.make(), self.path(".o.nc.scratch")
        with open(others, "w", encoding="ascii") as file:
            file.write("mine")
        for length in (240, 246):
            self.run_copy("subset", name, "o" * length, "-v", "tas", "--quiet")
            self.run_copy("subset", name, "o" * length, "-v", "tas", "--quiet", "--resume")
        self.run_copy("subset", name, "o.nc", "--quiet")
        self.assertTrue(os.path.exists(others))

    def test_whole_numbers_stay_whole_numbers_of_their_type(self):
        names = [self.make("a.nc", times=2), self.make("b.nc", times=2, units="days since 2000-02-01")]
        self.run_copy("concat", *names, "out.nc", "--quiet")
        time = raw(self.path("out.nc"), "time")
        self.assertEqual((time.dtype, time.tolist()), (np.dtype("i4"), [0, 1, 31, 32]))

    def test_files_that_do_not_fit_say_why(self):
        first = self.make("a.nc")
        apart = "value 0 is 0 here and -45 in a.nc (4 of 4 differ, by at most 45)"
        for options, word in (({"lat": (0, 1, 2, 3)}, "the values of dimension lat differ: " + apart),
                              ({"lat": (-45, -15, 15, 46)}, "ncks -A -v lat a.nc b.nc"),
                              ({"units": "K"}, "its unit is `K`"),
                              ({"calendar": "360_day"}, "its calendar is `360_day`")):
            other = self.make("b.nc", **options)
            self.assert_block(self.run_here("concat", first, other, "out.nc", "--quiet"), 3, word,
                              "b.nc")
            self.assertNotIn("out.nc", self.entries())
        with h5py.File(self.path("plain.h5"), "w") as file:
            file["x"] = np.zeros(3)
        self.assert_block(self.run_here("concat", "plain.h5", "plain.h5", "out.nc", "--quiet"), 2,
                          "no unlimited dimension", "concatenate(a, b, axis=0)")
        self.assert_block(self.run_here("concat", first, "plain.h5", "out.nc", "--quiet"), 3,
                          "there is no variable")

    def test_wrong_use(self):
        name = self.make()
        for words, code, word in ((["rechunk", name], 2, "no output"),
                                  (["rechunk", name, "o.nc", "-c", "time=0"], 2, "no length"),
                                  (["rechunk", name, "o.nc", "-c", "height=3"], 2, "height"),
                                  (["rechunk", name, "o.nc", "-c", "1,2,3,4"], 2, "4 axes"),
                                  (["rechunk", name, name], 2, ""),
                                  (["subset", name, "o.nc", "-v", "tos"], 3, "tos"),
                                  (["subset", name, "o.nc", "-d", "height,3"], 3, "height"),
                                  (["subset", name, "o.nc", "-d", "time,9"], 2, "out of bounds")):
            self.assert_block(self.run_here(*words, "--quiet"), code, word)
        self.assertEqual(self.entries(), [name])

    def test_the_same_bytes_for_any_ranks_and_threads(self):
        names = [self.make("a.nc", times=5), self.make("b.nc", times=3, first=5)]
        for words in (["rechunk", "a.nc", "-c", "time=3,lon=2"], ["concat", "a.nc", "b.nc"],
                      ["subset", "a.nc", "-d", "time,1,4", "-d", "lat,0,2"]):
            outputs = []
            for ranks, threads in ((0, 1), (0, 2), (1, 2), (2, 1), (3, 1)):
                outputs.append(f"{words[0]}-{ranks}-{threads}.nc")
                self.run_copy(*words, "-o", outputs[-1], "--threads", str(threads), "--quiet",
                              ranks=ranks)
                self.assertTrue(filecmp.cmp(self.path(outputs[0]), self.path(outputs[-1]),
                                            shallow=False), outputs[-1])

    def test_empty_and_scalar_and_plain_data(self):
        with h5py.File(self.path("p.h5"), "w") as file:
            file["scalar"] = 2.5
            file["empty"] = np.zeros((0, 3), "i2")
            file["mask"] = np.array([True, False, True])
            file.create_dataset("never", (7, 3), "f4", chunks=(2, 3), fillvalue=4)
            file.create_dataset("big", data=np.arange(12, dtype=">i4").reshape(4, 3), chunks=(2, 3))
        self.run_copy("rechunk", "p.h5", "o.nc", "--quiet")
        with h5py.File(self.path("o.nc")) as out:
            self.assertEqual(out["scalar"][()], 2.5)
            self.assertEqual(out["empty"].shape, (0, 3))
            self.assertEqual(out["mask"][()].tolist(), [1, 0, 1])
            self.assertEqual(out["never"][()].tolist(), [[4] * 3] * 7)
            self.assertEqual(out["big"][()].tolist(), np.arange(12).reshape(4, 3).tolist())

    @support.without_quarantine()
    def test_little_memory_is_enough_and_the_plan_says_how(self):
        """In one pass, in passes over the input, through scratch: the same bytes."""
        result = self.run_here("sample", "-o", "s.nc", "--shape", "400,180,360", "--chunks",
                               "8,90,180", "--deflate", "1")
        self.assertEqual(result.returncode, 0)
        ways = {"across": (["-c", "time=400,lat=9,lon=9"], "into scratch in chunks of"),
                "along": (["-c", "time=6,lat=5"], "passes, each of")}
        for way, (chunks, word) in ways.items():
            outputs = []
            little = "205MiB" if support.sanitized() else "190MiB"
            for memory, ranks in (("1GiB", 0), (little, 0), (little, 2)):
                words = ["rechunk", "s.nc", *chunks, "-o", f"{way}-{memory}-{ranks}.nc", "--memory",
                         memory]
                plan = self.run_here(*words, "--plan")
                self.assertEqual(plan.returncode, 0, plan.stderr)
                text = plan.stdout.decode()
                self.assertIn("one pass" if memory == "1GiB" else word, text)
                self.assertNotIn(words[-3], self.entries())
                self.run_copy(*words, "--quiet", ranks=ranks)
                outputs.append(self.path(words[-3]))
                self.assertTrue(filecmp.cmp(outputs[0], outputs[-1], shallow=False), words)
            np.testing.assert_array_equal(raw(outputs[1], "t2m"), raw(self.path("s.nc"), "t2m"))
        self.assertEqual([e for e in self.entries() if e.startswith(".")], [])


if __name__ == "__main__":
    support.main()
