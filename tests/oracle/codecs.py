"""What --codec, --shuffle and --fletcher32 write: read back by h5py with the plugins of Debian, by
Python's zstandard and bitshuffle where no plugin is packaged, and by rankine; the same bytes for any
ranks and threads."""
import filecmp
import struct
import subprocess

import h5py
import numpy as np

import support
from support import Test, check_run, run

try:
    import zstandard
except ImportError:
    zstandard = None
try:
    import bitshuffle
except ImportError:
    bitshuffle = None

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
KINDS = ["int8", "int16", "float32", "float64"]
SHAPE, CHUNKS = (37, 29), (8, 13)

# Codec -> the filter's number and the name its plugin gives it.
PLUGINS = {"lz4": (32004, b"HDF5 lz4 filter"), "blosc": (32001, b"blosc"),
           "blosc-zstd": (32001, b"blosc"), "blosc-blosclz-9": (32001, b"blosc"),
           "blosc-lz4hc": (32001, b"blosc"), "blosc-zlib-1": (32001, b"blosc"),
           "blosc-snappy": (32001, b"blosc"), "bitshuffle": (32008, b"bitshuffle"),
           "bitshuffle-lz4": (32008, b"bitshuffle"), "none": (None, b""), "deflate-1": (1, b""),
           "zstd": (32015, b"Zstandard"), "bitshuffle-zstd": (32008, b"bitshuffle")}
BOTH_WAYS = {"deflate-1", "zstd", "lz4", "blosc", "bitshuffle-zstd"}


def values(kind):
    noise = support.rng(3).integers(-2, 3, SHAPE)
    return (np.cumsum(noise, 1) % 100).astype(kind)


def filters_of(item):
    plist = item.id.get_create_plist()
    return {f[0]: f for f in map(plist.get_filter, range(plist.get_nfilters()))}


def unshuffled(data, size):
    return np.frombuffer(data, "u1").reshape(size, -1).T.tobytes()


def by_zstandard(data, item):
    data = zstandard.ZstdDecompressor().decompress(data)
    return unshuffled(data, item.dtype.itemsize) if 2 in filters_of(item) else data


def by_bitshuffle(data, item):
    """Blocks of zstd, each of them bitshuffled; fewer than 8 elements as they are."""
    size = item.dtype.itemsize
    total, block = struct.unpack_from(">QI", data)
    at, out = 12, b""
    while len(out) < total - total % (8 * size):
        stored, = struct.unpack_from(">I", data, at)
        planes = zstandard.ZstdDecompressor().decompress(data[at + 4:at + 4 + stored])
        planes = np.frombuffer(planes, item.dtype)
        assert planes.nbytes <= block
        out += bitshuffle.bitunshuffle(planes, planes.size).tobytes()
        at += 4 + stored
    return out + data[at:]


def read_chunks(item, decode):
    """The data set from its stored chunks."""
    out = np.empty(item.shape, item.dtype)
    for i in range(item.id.get_num_chunks()):
        offset = item.id.get_chunk_info(i).chunk_offset
        mask, data = item.id.read_direct_chunk(offset)
        assert mask == 0
        if 3 in filters_of(item):
            data = data[:-4]
        chunk = np.frombuffer(decode(data, item), item.dtype).reshape(item.chunks)
        inside = tuple(slice(o, o + c) for o, c in zip(offset, item.chunks))
        shape = out[inside].shape
        out[inside] = chunk[tuple(map(slice, shape))]
    return out


def read_back(item, codec):
    if codec.startswith("zstd"):
        return zstandard and read_chunks(item, by_zstandard)
    if codec == "bitshuffle-zstd":
        return zstandard and bitshuffle and read_chunks(item, by_bitshuffle)
    number = PLUGINS[codec][0]
    return item[()] if number is None or h5py.h5z.filter_avail(number) else None


class Codecs(Test):
    def setUp(self):
        super().setUp()
        self.input = self.folder / "in.h5"
        support.write_plain(self.input, {k: values(k) for k in KINDS},
                            chunks={k: CHUNKS for k in KINDS})
        self.program = "; ".join(f"out_{k} = {k}" for k in KINDS)
        self.words = [w for k in KINDS for w in ("-v", f"{k}={self.input}:/{k}")]

    def write(self, name, *options, **how):
        output = self.folder / name
        result = check_run("eval", self.program, *self.words, "-o", output, *options, env=EPOCH,
                           **how)
        return output, result

    def test_other_programs_read_them(self):
        skipped = []
        for codec, (number, name) in PLUGINS.items():
            other = ("--shuffle", "off", "--fletcher32")
            for i, extra in enumerate(((), other) if codec in BOTH_WAYS else ((),)):
                with self.each(f"{codec} {' '.join(extra)}"):
                    output, result = self.write(f"{codec}-{i}.nc", "--codec", codec, *extra)
                    needs = number not in (None, 1)
                    self.assertEqual(f"HDF5 plugin of filter {number}" in result.err, needs,
                                     result.err)
                    with h5py.File(output) as file:
                        for kind in KINDS:
                            item = file[f"out_{kind}"]
                            filters = filters_of(item)
                            self.assertEqual(3 in filters, i == 1)
                            if number is not None:
                                self.assertTrue(filters[number][3].startswith(name), filters)
                            shuffled = i == 0 and kind != "int8" and (
                                codec.startswith(("zstd", "lz4", "deflate")))
                            self.assertEqual(2 in filters, shuffled, filters)
                            got = read_back(item, codec)
                            if got is None:
                                skipped.append(codec)
                                continue
                            np.testing.assert_array_equal(got, values(kind))
                    again = self.folder / "again.nc"
                    check_run("eval", "; ".join(f"{k} = out_{k} + 0" for k in KINDS), output, "-o",
                              again, "--overwrite", "--quiet")
                    for kind, got in support.read_output(again).items():
                        np.testing.assert_array_equal(got, values(kind))
        if skipped:
            self.skipTest(f"nothing here reads {sorted(set(skipped))}")

    def test_parameters_are_those_of_the_plugins(self):
        for codec, options in (("blosc-lz4-5", (32001, (0, 0, 0, 0, 5, 1, 1))),
                               ("blosc-zstd-2", (32001, (0, 0, 0, 0, 2, 1, 5))),
                               ("lz4", (32004, (0,))), ("bitshuffle-lz4", (32008, (0, 2))),
                               ("bitshuffle", (32008, (0, 0)))):
            number, numbers = options
            if not h5py.h5z.filter_avail(number):
                self.skipTest(f"no plugin for filter {number}")
            with self.each(codec):
                output, _ = self.write(f"{codec}.nc", "--codec", codec)
                with h5py.File(output) as ours, h5py.File(self.folder / "theirs.h5", "w") as file:
                    for kind in KINDS:
                        item = ours[f"out_{kind}"]
                        theirs = file.create_dataset(kind, item.shape, item.dtype,
                                                     chunks=item.chunks, compression=number,
                                                     compression_opts=numbers)
                        wanted = list(filters_of(theirs)[number][2])
                        got = list(filters_of(item)[number][2])
                        if number == 32008:  # the version of the plugin
                            wanted[:2] = got[:2] = [0, 0]
                        if number == 32001 and kind == "int8":
                            wanted[5] = got[5] = 0  # there is nothing to shuffle
                        self.assertEqual(got, wanted)
                        self.assertEqual(filters_of(item)[number][3], filters_of(theirs)[number][3])

    def test_h5dump_and_h5repack_read_them(self):
        if not h5py.h5z.filter_avail(32001):
            self.skipTest("no plugin for blosc")
        output, _ = self.write("blosc.nc", "--codec", "blosc", "--fletcher32")
        text = subprocess.run(["h5dump", "-p", "-d", "/out_int16", output], capture_output=True)
        self.assertEqual(text.returncode, 0, text.stderr)
        self.assertIn(b"FILTER_ID 32001", text.stdout)
        repacked = self.folder / "repacked.h5"
        subprocess.run(["h5repack", "-f", "GZIP=1", output, repacked], check=True)
        with h5py.File(repacked) as file:
            np.testing.assert_array_equal(file["out_float64"][()], values("float64"))

    def test_one_file_for_all_ranks_and_threads(self):
        every = [(ranks, threads) for ranks in (1, 2, 3) for threads in (1, 2)]
        for codec in ("zstd", "lz4", "blosc", "blosc-zstd", "bitshuffle-lz4", "bitshuffle-zstd"):
            with self.each(codec):
                first = None
                for ranks, threads in every if codec == "zstd" else ((0, 1), (3, 2)):
                    output, _ = self.write(f"{codec}-{ranks}-{threads}.nc", "--codec", codec,
                                           "--threads", threads, "--fletcher32", ranks=ranks)
                    first = first or output
                    self.assertTrue(filecmp.cmp(first, output, shallow=False),
                                    f"{ranks} ranks x {threads} threads give other bytes")

    def test_chunks_as_they_are_wished(self):
        with h5py.File(self.input) as file:
            shape = next(iter(file.values())).shape
        dims = [f"dim_{n}" for n in shape]
        wishes = {",".join(map(str, [2] * len(shape))): tuple(min(2, n) for n in shape),
                  f"{dims[0]}=3": (min(3, shape[0]), *CHUNKS[1:])}
        for wish, chunks in wishes.items():
            with self.each(wish):
                output, _ = self.write("wish.nc", "--chunks", wish, "--overwrite")
                with h5py.File(output) as file:
                    for kind in KINDS:
                        self.assertEqual(file[f"out_{kind}"].chunks, chunks)
        for wrong in ("nothing=3", "1,2,3,4,5,6", "0,1,1", f"{dims[0]}=0", f"{dims[0]}=1,2"):
            with self.each(wrong):
                result = run("eval", self.program, *self.words, "-o", self.folder / "no.nc",
                             "--chunks", wrong)
                self.assertEqual(result.code, 2, str(result))
                self.assertIn("--chunks", result.err)

    def test_codecs_that_do_not_exist(self):
        for codec in ("gzip", "zstd-99", "blosc-lzma", ""):
            with self.each(codec):
                result = run("eval", self.program, *self.words, "-o", self.folder / "no.nc",
                             "--codec", codec)
                self.assertEqual(result.code, 2, str(result))
                self.assertIn("bitshuffle[-lz4|-zstd]", result.err)
                self.assertFalse((self.folder / "no.nc").exists())


if __name__ == "__main__":
    support.main()
