"""Outputs of every kind in the tools people use: ncdump, NCO, CDO, xarray, h5py, h5dump."""
import subprocess

import h5py
import netCDF4
import numpy as np
import xarray as xr

import support
from support import Test, assert_same, check_run, read_output, rng

# What is written: from a sample with coordinates, and from data without names.
NAMED = {"field": "r = t2m - mean(t2m, time)", "reduced": "r = mean(t2m, time); n = count(t2m, time)",
         "numbers": "r = mean(t2m); n = count(t2m); h = any(t2m > 300)",
         "mask": "r = t2m > 280", "types": "a = astype(t2m, int16); b = astype(t2m, float64); "
         "c = astype(t2m > 0, uint8); d = astype(t2m, int64)",
         "part": "r = t2m[time=3:9, lat=-30.0:30.0]", "profile": "r = t2m[:, 5, 7]",
         "turned": "r = transpose(t2m)", "shifted": "r = shift(t2m, time=1)",
         "kept": "r = mean(t2m, time, keepdims=true)", "empty": "r = t2m[3:3]"}
PLAIN = {"plain": "r = x * 2; m = matmul(x, transpose(x))", "created": "a = arange(7); z = zeros(3, 4)",
         "nothing": "z = x[5:5]", "bool": "b = x > 0", "unsigned": "u = astype(abs(x), uint64)"}


def tool(*words, cwd=None):
    process = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60,
                             cwd=cwd)
    if process.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {process.stderr[-800:]}")
    return process.stdout, process.stderr


class Readers(Test):
    def setUp(self):
        super().setUp()
        sample = self.folder / "sample.nc"
        check_run("sample", "-o", sample, "--shape", "12,19,36", "--chunks", "5,7,10",
                  "--missing", "0.05")
        plain = self.folder / "plain.h5"
        support.write_plain(plain, {"x": rng(41).normal(size=(9, 4)) * 100}, rng(41))
        self.outputs = {}
        for programs, words in ((NAMED, [sample]), (PLAIN, ["-v", f"x={plain}:/x"])):
            for name, program in programs.items():
                self.outputs[name] = self.folder / f"{name}.nc"
                check_run("eval", program, *words, "-o", self.outputs[name], "--quiet")

    def test_every_reader_agrees(self):
        for name, path in self.outputs.items():
            values = read_output(path)  # h5py
            self.assertTrue(values, name)
            with self.each(f"{name} in netCDF4"):
                with netCDF4.Dataset(path) as file:
                    for variable, wanted in values.items():
                        got = file.variables[variable][...]
                        got = np.ma.filled(got, np.nan) if wanted.dtype.kind == "f" else np.asarray(got)
                        if wanted.dtype != bool:
                            assert_same(np.asarray(got), wanted, f"{name}:{variable} in netCDF4")
            for engine in ("netcdf4", "h5netcdf"):
                with self.each(f"{name} in xarray, {engine}"):
                    with xr.open_dataset(path, engine=engine, decode_times=False) as file:
                        for variable, wanted in values.items():
                            got = file[variable].values
                            if got.ndim == 0:  # xarray widens single numbers that may be missing
                                got = got.astype(wanted.dtype)
                            assert_same(got, wanted, f"{name}:{variable} in xarray, {engine}")
            with self.each(f"{name} with times"):
                xr.open_dataset(path).close()

    def test_the_tools_accept_it(self):
        for name, path in self.outputs.items():
            for words in (["ncdump", path], ["ncks", "-O", path, "copy.nc"], ["h5dump", path]):
                with self.each(f"{name} in {words[0]}"):
                    out, err = tool(*words, cwd=self.folder)
                    self.assertEqual(err, "", f"{name}: {words}")
        for name in ("field", "numbers", "nothing"):
            path = self.outputs[name]
            with self.each(f"{name} in nccopy and ncks -m"):
                self.assertEqual(tool("ncdump", "-k", path)[0].strip(), "netCDF-4")
                tool("nccopy", path, self.folder / "copied.nc")
                tool("ncks", "-m", path)

    def test_cdo_sees_the_variables(self):
        # It needs a variable with dimensions and at least one element.
        for name in ("field", "reduced", "mask", "part", "profile", "shifted", "kept", "plain",
                     "types"):
            with self.each(f"{name} in cdo"):
                out, err = tool("cdo", "-s", "sinfo", self.outputs[name])
                self.assertNotIn("rror", out + err)
        with self.each("grid and time of the field"):
            out, _ = tool("cdo", "-s", "sinfo", self.outputs["field"])
            self.assertIn("36x19", out)
            self.assertIn("12 step", out)

    def test_cdo_computes_with_it(self):
        path = self.outputs["field"]
        tool("cdo", "-s", "timmean", path, self.folder / "timmean.nc")
        with netCDF4.Dataset(self.folder / "timmean.nc") as file:
            means = np.ma.filled(file.variables["r"][...], 0)
        self.assertLess(np.abs(means).max(), 1e-3)

    def test_attributes_can_be_edited(self):
        for name, path in self.outputs.items():
            variable = next(iter(read_output(path)))
            before = read_output(path)
            with self.each(f"ncatted {name}"):
                changes = (f"note,{variable},c,c,a note", f"title,global,o,c,{'a longer title' * 9}",
                           f"units,{variable},o,c,degree_Celsius", "history,global,d,,")
                tool("ncatted", "-h", *(w for change in changes for w in ("-a", change)), path)
                with netCDF4.Dataset(path) as file:
                    self.assertEqual(file.variables[variable].note, "a note")
                    self.assertEqual(file.variables[variable].units, "degree_Celsius")
                    self.assertNotIn("history", file.ncattrs())
                for label, values in read_output(path).items():
                    assert_same(values, before[label], f"{name}:{label} after ncatted")

    def test_records_can_be_joined_and_renamed(self):
        path = self.outputs["field"]
        tool("ncrcat", "-O", path, path, self.folder / "twice.nc")
        tool("ncrename", "-v", "r,renamed", path)
        with netCDF4.Dataset(self.folder / "twice.nc") as file:
            self.assertEqual(file.variables["r"].shape, (24, 19, 36))
        with netCDF4.Dataset(path) as file:
            self.assertIn("renamed", file.variables)

    def test_chunks_and_compression(self):
        with h5py.File(self.outputs["field"]) as file:
            self.assertEqual(file["r"].chunks, (5, 7, 10))
            self.assertEqual((file["r"].compression, file["r"].compression_opts), ("gzip", 4))
            self.assertTrue(file["r"].shuffle)

    def test_coordinates_that_cannot_come_along_are_named(self):
        names = self.folder / "names.nc"
        with netCDF4.Dataset(names, "w") as file:
            file.createDimension("member", 2)
            file.createDimension("time", 5)
            file.createVariable("member", str, ("member",))[:] = np.array(["a", "b"], dtype=object)
            pair = file.createCompoundType(np.dtype([("a", "f4"), ("b", "i2")]), "pair")
            file.createVariable("other", pair, ("member",))
            v = file.createVariable("v", "f4", ("time", "member"))
            v.coordinates = "other"
            v[:] = np.arange(10).reshape(5, 2)
        for words, warned in (([], True), (["--quiet"], False)):
            out = self.folder / f"out{len(words)}.nc"
            result = check_run("eval", "m = mean(v, time)", names, "-o", out, *words)
            self.assertEqual("/other is left out: it holds no numbers" in result.err, warned)
            with netCDF4.Dataset(out) as file:
                assert_same(np.asarray(file["m"][:]), np.array([4, 5], "f4"), "the mean")
                self.assertEqual(list(file["member"][:]), ["a", "b"])

    def test_history(self):
        sample = self.folder / "sample.nc"
        first, second, third = (self.folder / f"{n}.nc" for n in "123")
        epoch = {"SOURCE_DATE_EPOCH": "0", "TZ": "UTC"}
        check_run("eval", "r = t2m * 2", sample, "-o", first, "--threads", "2", "--memory", "2GiB",
                  "--quiet", env=epoch)
        check_run("eval", "s = r / 2", first, "-o", second, "-d", "time,0,3", env=epoch)
        check_run("eval", "s = s + 1", second, "-o", third, "--no-history", env=epoch)
        histories = []
        for path in (first, second, third):
            with netCDF4.Dataset(path) as file:
                histories.append(file.history)
        lines = histories[1].split("\n")
        self.assertEqual(lines[1:], histories[0].split("\n"))
        self.assertIn("1970", lines[0])
        self.assertIn("s = r / 2", lines[0])
        self.assertIn("-d time,0,3", lines[0])
        for option in ("--threads", "--memory", "-o", "2GiB"):
            self.assertNotIn(option, histories[0].split())
        self.assertEqual(histories[2], histories[1])


if __name__ == "__main__":
    support.main()
