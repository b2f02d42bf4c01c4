"""rankine sample: the same bytes by any threads, values as NumPy computes them, safe to repeat."""

import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

import h5py
import numpy as np
import xarray

import support
from support import Case, RANKINE, environment, rankine

SHAPE = (40, 19, 36)
SMALL = ["--shape", "40,19,36", "--chunks", "7,5,11"]


def mixed(bits):
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def field(seed, shape):
    """The field in float64, before it is rounded to 1/64 K."""
    days, rows, columns = shape
    weyl = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        key = mixed(np.uint64(seed) + weyl)
        bits = mixed(key + np.arange(np.prod(shape), dtype=np.uint64) * weyl).reshape(shape)
    words = sum(((bits >> np.uint64(16 * i)) & np.uint64(0xFFFF)).astype(float) for i in range(4))
    noise = (words - 2 * 65535) * 0.5 / 37837
    t = np.arange(days)[:, None, None]
    lat = np.radians(np.linspace(90, -90, rows))[:, None]
    lon = np.radians(360 * np.arange(columns) / columns)
    turn = 2 * np.pi
    zonal = 301 - 48 * np.sin(lat) ** 2 - 14 * np.sin(lat) * np.cos(turn * (t - 15) / 365.25)
    slow = 5 * np.cos(lat) * np.cos(5 * lon - turn * t / 11)
    fast = 3 * np.cos(lat) * np.sin(lat) * np.cos(9 * lon + turn * t / 5)
    return zonal + slow + fast + noise


class Sample(Case):
    def write(self, name, *arguments, **options):
        path = self.path(name)
        self.assert_silent(rankine("sample", "-o", path, *arguments, **options))
        return path

    def assert_silent(self, result):
        self.assert_done(result)
        self.assertEqual(result.stdout, b"")

    def values(self, path):
        with h5py.File(path) as f:
            return f["t2m"][...]

    def identity(self, path):
        status = os.stat(path)
        return status.st_ino, status.st_size, status.st_mtime_ns

    def bytes_of(self, path):
        with open(path, "rb") as f:
            return f.read()

    def test_any_number_of_threads_writes_the_same_bytes(self):
        files = [self.bytes_of(self.write(f"{n}.nc", *SMALL, "--missing", "0.1", "--threads", n))
                 for n in (1, 2, 5)]
        files.append(self.bytes_of(self.write("env.nc", *SMALL, "--missing", "0.1",
                                              env=environment(OMP_NUM_THREADS="3"))))
        self.assertEqual([f == files[0] for f in files], [True] * 4)
        self.assertEqual(self.entries(), ["1.nc", "2.nc", "5.nc", "env.nc"])

    def test_values_are_those_numpy_computes(self):
        for seed in (0, 1, 2**64 - 1):
            found = self.values(self.write(f"{seed}.nc", *SMALL, "--seed", seed))
            self.assertEqual((found.dtype, found.shape), (np.float32, SHAPE))
            self.assertTrue(np.array_equal(found * 64, np.round(found * 64)))
            self.assertLess(np.abs(found - field(seed, SHAPE)).max(), 1 / 128 + 1e-3)

    def test_chunks_and_compression_do_not_change_values(self):
        first = self.values(self.write("a.nc", *SMALL))
        for i, more in enumerate((["--chunks", "40,19,36"], ["--chunks", "1,1,1"],
                                  ["--deflate", "0"], ["--deflate", "9"],
                                  ["--codec", "deflate-2"], ["--codec", "none"],
                                  ["--chunks", "1000,1000,1000"], [])):
            path = self.write(f"b{i}.nc", "--shape", "40,19,36", *more)
            self.assertTrue(np.array_equal(first, self.values(path)), more)

    def test_missing_values_have_their_fraction_and_change_no_others(self):
        whole = self.values(self.write("whole.nc", *SMALL))
        for fraction in (0.25, 0.001, 1):
            path = self.write(f"{fraction}.nc", *SMALL, "--missing", fraction)
            with xarray.open_dataset(path) as f:
                found = f.t2m.values
            self.assertEqual(f.t2m.encoding["_FillValue"], np.float32(9.969209968386869e36))
            count = np.isnan(found).sum()
            deviation = np.sqrt(found.size * fraction * (1 - fraction))
            self.assertLessEqual(abs(count - found.size * fraction), 6 * deviation + 1e-9)
            self.assertTrue(np.array_equal(found[~np.isnan(found)], whole[~np.isnan(found)]))

    def test_coordinates_follow_cf(self):
        path = self.write("cf.nc", *SMALL)
        with xarray.open_dataset(path) as f:
            self.assertEqual(f.t2m.dims, ("time", "lat", "lon"))
            self.assertEqual(str(f.time.values[1])[:19], "2000-01-02T00:00:00")
            self.assertEqual((f.lat.values[0], f.lat.values[-1]), (90, -90))
            self.assertTrue(np.array_equal(f.lon.values, np.arange(36) * 10))
            self.assertEqual(f.t2m.attrs, {"standard_name": "air_temperature", "units": "K",
                                           "long_name": "temperature at 2 m",
                                           "cell_methods": "time: point"})
            self.assertEqual([f[c].attrs["axis"] for c in ("time", "lat", "lon")], ["T", "Y", "X"])
            self.assertEqual(f.attrs["Conventions"], "CF-1.8")
        for tool in (["ncdump", "-h"], ["cdo", "-s", "sinfo"], ["ncks", "-m"]):
            if shutil.which(tool[0]):
                result = subprocess.run([*tool, path], capture_output=True)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(b"time", result.stdout)

    def test_axes_may_have_no_or_one_element(self):
        for shape in ("0,3,4", "3,0,4", "3,4,0", "0,0,0", "1,1,1"):
            found = self.values(self.write(shape + ".nc", "--shape", shape))
            self.assertEqual(found.shape, tuple(int(n) for n in shape.split(",")))

    def test_a_file_that_is_there_is_kept_if_it_is_the_same(self):
        path = self.write("a.nc", *SMALL)
        before = self.identity(path)
        again = rankine("sample", "-o", path, *SMALL)
        self.assertEqual((again.returncode, again.stdout), (0, b""))
        self.assertEqual(again.stderr.count(b"\n"), 1)
        self.assertIn(b"already there, with seed=1 shape=40,19,36", again.stderr)
        self.assertEqual(self.identity(path), before)
        for other in (["--seed", "2", *SMALL], ["--missing", "0.5", *SMALL],
                      ["--deflate", "5", *SMALL], SMALL[:2], ["--shape", "40,19,35", *SMALL[2:]]):
            self.assert_block(rankine("sample", "-o", path, *other), 2, "exists", "--overwrite")
        self.assertEqual(self.identity(path), before)
        self.assert_silent(rankine("sample", "-o", path, *SMALL, "--seed", "2", "--overwrite"))
        self.assertNotEqual(self.identity(path)[0], before[0])

    def test_a_file_derived_from_a_sample_is_not_taken_for_it(self):
        path = self.write("a.nc", *SMALL)
        with h5py.File(path, "a") as f:
            f.move("t2m", "renamed")
        self.assert_block(rankine("sample", "-o", path, *SMALL), 2, "exists")

    def test_other_files_are_never_replaced_without_being_told(self):
        with open(self.path("text"), "w") as f:
            f.write("precious")
        os.mkdir(self.path("folder"))
        for name in ("text", "folder"):
            self.assert_block(rankine("sample", "-o", self.path(name), *SMALL), 2)
        with open(self.path("text")) as f:
            self.assertEqual(f.read(), "precious")

    def test_bad_arguments_are_exit_2_and_leave_nothing(self):
        for arguments in (["--shape", "1,2"], ["--shape", "1,2,3,4"], ["--shape", "a,b,c"],
                          ["--shape", "-1,2,3"], ["--shape", "1,2,1e3"], ["--shape", ""],
                          ["--shape", "1,2,99999999999999999999"], ["--shape", "1,2,3,"],
                          ["--chunks", "0,1,1"], ["--deflate", "10"], ["--deflate", "-1"],
                          ["--codec", "rar"], ["--codec", "lz4", "--deflate", "1"],
                          ["--missing", "1.5"], ["--missing", "nan"], ["--missing", "x"],
                          ["--seed", "-1"], ["--seed", "x"], ["--threads", "0"],
                          ["--shape", "100000,100000,1000", "--chunks", "10000,10000,1000"]):
            with self.subTest(arguments):
                result = rankine("sample", "-o", self.path("a.nc"), *arguments)
                self.assert_block(result, 2)
        self.assertEqual(self.entries(), [])

    def test_a_missing_folder_is_exit_3(self):
        result = rankine("sample", "-o", self.path("no/a.nc"), *SMALL)
        self.assert_block(result, 3, "folder", "no")

    def test_a_full_disk_is_exit_5_and_leaves_nothing(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        result = rankine("sample", "-o", self.path("a.nc"), *SMALL, "--deflate", "0",
                         preexec_fn=limit, restore_signals=False)
        self.assert_block(result, 5, "cannot write")
        self.assertEqual(self.entries(), [])

    def start_and_signal(self, number):
        path = self.path("a.nc")
        child = subprocess.Popen([RANKINE, "sample", "-o", path, "--shape", "20000,361,720"],
                                 env=environment(), stderr=subprocess.PIPE)
        log = self.path(".a.nc.rankine/log.0")
        deadline = time.monotonic() + 60
        while not os.path.exists(log) or os.path.getsize(log) == 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        child.send_signal(number)
        child.communicate(timeout=60)
        return child.returncode

    def test_a_signal_ends_it_and_leaves_nothing(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.assertEqual(self.start_and_signal(number), 128 + number)
            self.assertEqual(self.entries(), [])

    def test_what_a_killed_run_left_is_discarded_with_one_line(self):
        self.assertEqual(self.start_and_signal(signal.SIGKILL), -signal.SIGKILL)
        self.assertEqual(self.entries(), [".a.nc.rankine"])
        result = rankine("sample", "-o", self.path("a.nc"), *SMALL)
        self.assertEqual((result.returncode, result.stdout), (0, b""))
        self.assertRegex(result.stderr.decode(), r"\A.*a\.nc: discarded what a dead run left\n\Z")
        self.assertEqual(self.entries(), ["a.nc"])


if __name__ == "__main__":
    support.main()
