"""Files that are cut, flipped or lie: exit 3 that names the file, or an answer; never a signal, never
a hang, and never a wrong number where a checksum stands over the data and the metadata.

RANKINE_LONG=1: every byte of a small file and 10,000 random flips instead of a sample.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess

import h5py
import netCDF4
import numpy as np

import support
from support import Test, rng

LONG = os.environ.get("RANKINE_LONG") == "1"
PATIENCE = 60  # seconds for one file
BATCH = 25     # files of one process
SUMMED = rng(61).integers(0, 40, (6, 9, 10)).astype("f4")
# Of a fixed size, whatever shape a flipped byte declares.
PROGRAM = "r = summed[0:6, 0:9, 0:10] + 0"


def write_hdf5(path, libver):
    """Data with and without checksums, groups, and attributes in the global heap. With the latest
    format all metadata but the heap carry checksums."""
    with h5py.File(path, "w", libver=(libver, "latest")) as file:
        file.create_dataset("zip", data=SUMMED, chunks=(2, 4, 5), compression=4, shuffle=True)
        file.create_dataset("summed", data=SUMMED, chunks=(2, 4, 5), fletcher32=True)
        file["plain"] = SUMMED
        for i in range(4):
            file["zip"].attrs[f"text{i}"] = "some text " * i
        file["plain"].attrs["scale_factor"] = np.float64(0.5)
        file["g/h/scalar"] = 1.0
        file["t"] = np.arange(6)
        file["t"].make_scale("t")
        file["zip"].dims[0].attach_scale(file["t"])


def write_netcdf(path):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        file.createDimension("x", 30)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = np.arange(8)
        summed = file.createVariable("summed", "i2", ("time", "x"), zlib=True, fletcher32=True,
                                     fill_value=-1, chunksizes=(3, 30))
        summed.setncatts({"long_name": "a name", "scale_factor": 0.5, "valid_min": np.int16(0)})
        summed.setncattr_string("words", ["one", "two"])
        summed[:] = rng(62).integers(0, 90, (8, 30))
        file.createGroup("g").createVariable("y", "f4", ("x",))[:] = np.arange(30)
        file.setncattr_string("title", "text of a length that nobody fixed")


class BadFiles(Test):
    def run_one(self, *words):
        """Exit code and text of one run; a signal or a hang is a failure that names the words."""
        label = " ".join(map(str, words))
        try:
            result = support.run(*words, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{label}: it hangs") from None
        # bash and Python say differently that a signal ended it.
        self.assertTrue(0 <= result.code < 128, f"{label}\n{result}")
        self.assertNotIn("HDF5-DIAG", result.err, label)
        return result

    def check_error(self, result, *named):
        block = self.block_of(result)
        for text in named:
            self.assertIn(str(text), block)

    def info_and_verify(self, path, codes=(0, 3)):
        for verb in ("info", "verify"):
            with self.each(f"{verb} {path.name}"):
                result = self.run_one(verb, path, *(["--quiet"] if verb == "verify" else []))
                self.assertIn(result.code, codes, str(result))
                if result.code == 3:
                    self.block_of(result)
                    self.assertIn(path.name, result.out + result.err)

    def check_batch(self, paths):
        """Every file of a batch is verified: whole, or bad for a reason."""
        try:
            result = support.run("verify", "--json", "--quiet", *paths, timeout=PATIENCE * 5)
            told = {pathlib.Path(file["path"]).name: file
                    for file in json.loads(result.out or "[]")} if result.code in (0, 3) else None
        except subprocess.TimeoutExpired:
            told = None
        if told is None and len(paths) > 1:
            for path in paths:  # which one it is
                self.check_batch([path, path])
            return
        self.assertIsNotNone(told, f"{paths[0]}: a signal or a hang")
        for path in paths:
            file = told[path.name]
            self.assertTrue(file["whole"] or all(bad["what"] for bad in file["bad"]), str(file))
            self.assertEqual(file["whole"], not file["bad"], str(file))

    def flipped(self, good, places):
        """One file for each (offset, pattern)."""
        whole = good.read_bytes()
        paths = []
        for offset, pattern in places:
            bad = bytearray(whole)
            bad[offset] ^= pattern
            paths.append(self.folder / f"{good.stem}-{offset}-{pattern}{good.suffix}")
            paths[-1].write_bytes(bad)
        return paths

    def keep(self, path):
        """What made a check fail stays for who looks into it."""
        kept = pathlib.Path(os.environ.get("RANKINE_KEEP", ""))
        if kept.is_absolute():
            (kept / path.name).write_bytes(path.read_bytes())

    def verify_flips(self, good, places):
        batches = [places[i:i + BATCH] for i in range(0, len(places), BATCH)]

        def check(batch):
            paths = self.flipped(good, batch)
            with self.each(f"{good.name}: flips {batch}"):
                try:
                    self.check_batch(paths)
                except AssertionError:
                    for path in paths:
                        self.keep(path)
                    raise
            for path in paths:
                path.unlink()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(check, batches))

    def some_places(self, good, count, salt):
        random = rng(salt)
        offsets = random.integers(0, good.stat().st_size, count)
        drawn = [(int(at), int(random.integers(1, 256))) for at in offsets]
        return list(dict.fromkeys(drawn))  # each is a file of its own

    def good_files(self):
        early, late = self.folder / "early.h5", self.folder / "late.h5"
        write_hdf5(early, "earliest")
        write_hdf5(late, "latest")
        net = self.folder / "net.nc"
        write_netcdf(net)
        ours = self.folder / "ours.nc"
        support.check_run("sample", "-o", ours, "--shape", "6,8,10", "--chunks", "2,8,10")
        return early, late, net, ours

    def test_truncated_at_every_block(self):
        good = self.folder / "good.nc"
        write_netcdf(good)
        with netCDF4.Dataset(good, "a") as file:
            more = file.createVariable("more", "f4", ("time", "x"), contiguous=False)
            more[:] = rng(63).normal(size=(8, 30))
        whole = good.read_bytes()
        for end in range(0, len(whole), 4096):
            cut = self.folder / f"cut{end}.nc"
            cut.write_bytes(whole[:end])
            self.info_and_verify(cut, codes=(3,))
            with self.each(f"eval {cut.name}"):
                self.check_error(self.run_one("eval", "r = mean(summed)", cut, "-o",
                                              self.folder / "r.nc", "--quiet"), cut.name)
        self.assertFalse((self.folder / "r.nc").exists())

    def test_random_flips(self):
        for salt, good in enumerate(self.good_files()):
            self.verify_flips(good, self.some_places(good, 2500 if LONG else 75, 70 + salt))

    def test_every_byte_of_small_files(self):
        if not LONG:
            self.skipTest("RANKINE_LONG=1 flips every byte")
        for good in self.good_files()[:2]:
            for pattern in (0xff, 0x01):
                self.verify_flips(good, [(at, pattern) for at in range(good.stat().st_size)])

    def test_no_wrong_number_behind_checksums(self):
        good = self.folder / "late.h5"
        write_hdf5(good, "latest")

        def check(place):
            path, = self.flipped(good, [place])
            out = path.with_suffix(".out.nc")
            with self.each(path.name):
                try:
                    result = self.run_one("eval", PROGRAM, path, "-o", out, "--quiet")
                    self.assertIn(result.code, (0, 3), str(result))
                    if result.code == 0:
                        support.assert_same(support.read_output(out)["r"], SUMMED, path.name)
                    else:
                        self.check_error(result, path.name)
                except AssertionError:
                    self.keep(path)
                    raise
            path.unlink()
            out.unlink(missing_ok=True)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(check, self.some_places(good, 2000 if LONG else 40, 80)))

    def test_chunk_sizes_that_lie(self):
        for size in (0, 1, 79, 81, 4000):
            path = self.folder / f"size{size}.h5"
            with h5py.File(path, "w") as file:
                x = file.create_dataset("x", (20,), "f8", chunks=(10,), fletcher32=size == 4000)
                x[:] = 1
                if size:
                    x.id.write_direct_chunk((10,), b"\1" * size)
            if size == 0:  # the index itself, in the node of the B-tree
                bytes_ = path.read_bytes()
                key = (80).to_bytes(4, "little") + bytes(4) + (10).to_bytes(8, "little")
                self.assertEqual(bytes_.count(key), 1)
                path.write_bytes(bytes_.replace(key, b"\xff\xff\xff\x7f" + key[4:]))
            with self.each(path.name):
                result = self.run_one("eval", "r = x + 1", path, "-o", self.folder / "r.nc",
                                      "--quiet")
                self.assertEqual(result.code, 3, str(result))
                self.check_error(result, path.name, "/x", "chunk")
            self.info_and_verify(path)

    def test_shapes_of_10_to_the_12(self):
        long = 10**12
        for name, options in (("one", {"chunks": (1,)}), ("many", {"chunks": (10**6,)}),
                              ("big", {"chunks": (2**28,)}), ("flat", {})):
            path = self.folder / f"{name}.h5"
            with h5py.File(path, "w") as file:
                file.create_dataset("x", (long,), "f8", **options)
            self.info_and_verify(path)
            with self.each(f"eval {name}"):
                result = self.run_one("eval", "r = x[5:9]", path, "-o", self.folder / "r.nc",
                                      "--overwrite", "--quiet", "--memory", "512MiB")
                self.assertIn(result.code, (0, 3, 4), str(result))
                if result.code:
                    self.check_error(result, path.name if result.code == 3 else "memory")
        # A small data set whose header was changed to say so.
        path = self.folder / "says.h5"
        with h5py.File(path, "w") as file:
            file["x"] = np.zeros(12345)
        declared = (12345).to_bytes(8, "little")
        bytes_ = path.read_bytes()
        self.assertGreaterEqual(bytes_.count(declared), 1)
        path.write_bytes(bytes_.replace(declared, long.to_bytes(8, "little")))
        with self.each("eval says"):
            result = self.run_one("eval", "r = x[5:9]", path, "-o", self.folder / "s.nc", "--quiet")
            self.check_error(result, path.name)
            self.assertEqual(result.code, 3, str(result))
        self.info_and_verify(path)

    def test_deep_groups_and_links_in_a_circle(self):
        deep = self.folder / "deep.h5"
        with h5py.File(deep, "w") as file:
            group = file
            for _ in range(2000):
                group = group.create_group("g")
            group["x"] = np.arange(4.0)
        circle = self.folder / "circle.h5"
        with h5py.File(circle, "w") as file:
            file["x"] = np.arange(4.0)
            file["a/b/c/x"] = np.arange(3.0)
            file["a/b/c/up"] = file["a"]
            file["a/root"] = file["/"]
            file["self"] = h5py.SoftLink("/self")
            file["there"] = h5py.SoftLink("/back")
            file["back"] = h5py.SoftLink("/there")
            file["out"] = h5py.ExternalLink("circle.h5", "/out")
        for path in (deep, circle):
            self.info_and_verify(path)
        with self.each("eval circle"):
            result = self.run_one("eval", "r = x + 1", circle, "-o", self.folder / "r.nc",
                                  "--quiet", "--allow-external")
            self.assertEqual(result.code, 0, str(result))
            support.assert_same(support.read_output(self.folder / "r.nc")["r"],
                                np.arange(4.0) + 1, "circle")

    def test_hostile_attributes(self):
        values = np.arange(12, dtype="i2")
        hostile = {
            "_FillValue": ["text", np.float64(np.nan), np.arange(1000), h5py.Empty("i2")],
            "missing_value": ["\0" * 10, np.arange(60000, dtype="i2")],
            "scale_factor": ["1", np.float64(np.nan), np.float64(0), np.arange(3.0), np.inf],
            "add_offset": [b"\xff\xfe", 1e308],
            "valid_range": [np.arange(3), np.array([5, 2], "i2"), np.float64(1)],
            "units": ["days since", "days since 9999999999999-99-99", "x" * 60000,
                      "seconds since 2000-01-01 99:99:99", "\x1b[31m", ["a", "b"]],
            "calendar": ["nonsense", 5],
            "_Unsigned": ["true", "perhaps", 7],
            "coordinates": ["x x x", "/../..", "y"],
            "bounds": ["x", "x" * 5000],
            "DIMENSION_LIST": ["text", np.arange(3)],
            "_Netcdf4Dimid": ["text", np.int32(-5), np.int32(2**31 - 1)],
            "REFERENCE_LIST": [5], "CLASS": ["DIMENSION_SCALE", 3], "dtype": ["bool", "nonsense"],
        }
        path = self.folder / "attributes.h5"
        with h5py.File(path, "w") as file:
            number = 0
            for name, attributes in hostile.items():
                for attribute in attributes:
                    file[f"x{number}"] = values
                    try:
                        file[f"x{number}"].attrs[name] = attribute
                    except (ValueError, RuntimeError):  # h5py does not write it
                        pass
                    number += 1
        self.info_and_verify(path, codes=(0,))
        program = "; ".join(f"r{i} = mean(x{i})" for i in range(number))
        codes = {self.run_one("eval", program, path, "-o", self.folder / "all.nc", "--quiet").code}
        for i in range(number) if codes != {0} else ():
            with self.each(f"x{i}"):
                result = self.run_one("eval", f"r = mean(x{i})", path, "-o",
                                      self.folder / "r.nc", "--overwrite", "--quiet")
                self.assertIn(result.code, (0, 3), str(result))
                if result.code:
                    self.check_error(result, path.name, f"/x{i}")


if __name__ == "__main__":
    support.main()
