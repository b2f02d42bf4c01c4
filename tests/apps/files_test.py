"""Many files and many variables under a small limit of descriptors, patterns for names of files, and
what copies make of filters."""

import json
import os
import resource
import unittest

import h5py
import numpy as np

import support
from support import Case

FILES = VARIABLES = 150
DESCRIPTORS = 64
DEFLATE, SHUFFLE, FLETCHER32, BLOSC = 1, 2, 3, 32001


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def record(path, number, coordinate=True):
    with h5py.File(path, "w") as f:
        a = f.create_dataset("a", data=np.full((1, 3), number, "f4"), maxshape=(None, 3),
                             chunks=(1, 3), compression=3)
        if not coordinate:
            return
        time = f.create_dataset("time", data=np.array([number], "f8"), maxshape=(None,))
        time.attrs["units"] = "days since 2000-01-01"
        time.make_scale("time")
        a.dims[0].attach_scale(time)


class Many(Case):
    def limited(self, *words):
        result = self.run_here(*words, preexec_fn=few_descriptors)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result

    def records(self, count, **options):
        os.mkdir(self.path("many"))
        for number in range(count):
            record(self.path(f"many/f{number:04d}.nc"), number, **options)

    def test_files_beyond_the_limit_of_descriptors(self):
        self.records(FILES)
        self.limited("concat", "many/f*.nc", "all.nc")
        self.limited("rechunk", "many/f*.nc", "-o", "chunks.nc", "--chunks", "time=64")
        self.limited("eval", "b = a * 2", "many/f*.nc", "-o", "twice.nc")
        wanted = np.repeat(np.arange(FILES, dtype="f4"), 3).reshape(FILES, 3)
        for name, variable, factor in (("all", "a", 1), ("chunks", "a", 1), ("twice", "b", 2)):
            with h5py.File(self.path(name + ".nc")) as f:
                np.testing.assert_array_equal(f[variable][()], wanted * factor)
                np.testing.assert_array_equal(f["time"][()], np.arange(FILES))
        self.assertEqual(h5py.File(self.path("chunks.nc"))["a"].chunks, (64, 3))

    def test_variables_beyond_the_limit_of_descriptors(self):
        with h5py.File(self.path("wide.h5"), "w") as f:
            for i in range(VARIABLES):
                f.create_dataset(f"v{i}", data=np.full(4, i, "f4"), chunks=(2,))
                f.create_dataset(f"s{i}", data=np.full(4, i, "i4"), chunks=(2,), scaleoffset=9)
        self.limited("rechunk", "wide.h5", "out.nc", "--chunks", "4")
        self.limited("verify", "wide.h5")
        with h5py.File(self.path("out.nc")) as f:
            for i in range(VARIABLES):
                for name in (f"v{i}", f"s{i}"):
                    self.assertEqual(f[name].chunks, (4,))
                    np.testing.assert_array_equal(f[name][()], np.full(4, i))

    def test_patterns_stand_for_the_files_they_match(self):
        self.records(3)
        for words in (["concat", "many/f*.nc", "out.nc"], ["rechunk", "many/f*.nc", "-o", "out.nc"],
                      ["subset", "many/f000[0-2].nc:/a", "out.nc"]):
            self.assertEqual(self.run_here(*words).returncode, 0)
            with h5py.File(self.path("out.nc")) as f:
                self.assertEqual(f["a"][:, 0].tolist(), [0, 1, 2])
            os.unlink(self.path("out.nc"))
        for verb in ("verify", "info"):
            result = self.run_here(verb, "many/f*.nc", "--json")
            names = [file["path"] for file in json.loads(result.stdout)]
            self.assertEqual(names, [f"many/f{i:04d}.nc" for i in range(3)])
        for words in (["concat", "none*.nc", "out.nc"], ["rechunk", "none*.nc", "out.nc"],
                      ["subset", "none*.nc", "out.nc"], ["verify", "none*.nc", "--quiet"],
                      ["info", "none*.nc"]):
            self.assert_block(self.run_here(*words), 3, "no file matches", "none*.nc")


def filters(path, name):
    with h5py.File(path) as f:
        creation = f[name].id.get_create_plist()
        return {number: values for number, _, values, _ in
                (creation.get_filter(i) for i in range(creation.get_nfilters()))}


class Filters(Case):
    def copied(self, *words, told=""):
        result = self.run_here("rechunk", "in.h5", "out.h5", "--overwrite", *words)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        lines = [line for line in result.stderr.decode().splitlines() if "cannot be written" in line]
        self.assertEqual(lines, [f"rankine: warning: {told}"] if told else [])
        with h5py.File(self.path("in.h5")) as a, h5py.File(self.path("out.h5")) as b:
            for name in a:
                np.testing.assert_array_equal(b[name][()], a[name][()])
        return lambda name: filters(self.path("out.h5"), name)

    def make(self, **variables):
        with h5py.File(self.path("in.h5"), "w") as f:
            for name, options in variables.items():
                f.create_dataset(name, data=np.arange(12, dtype="f4").reshape(4, 3), **options)

    def test_what_can_be_written_stays(self):
        self.make(piece={}, chunked={"chunks": (2, 3)}, summed={"chunks": (2, 3), "fletcher32": True},
                  deflate={"compression": 7, "fletcher32": True},
                  shuffled={"compression": 2, "shuffle": True})
        for words in ((), ("--chunks", "3,3")):
            out = self.copied(*words)
            self.assertEqual((out("piece"), out("chunked")), ({}, {}))
            self.assertEqual(out("summed"), {FLETCHER32: ()})
            self.assertEqual(out("deflate"), {DEFLATE: (7,), FLETCHER32: ()})
            self.assertEqual(out("shuffled"), {SHUFFLE: (4,), DEFLATE: (2,)})
        out = self.copied("--fletcher32", "--shuffle", "on")
        self.assertEqual(out("piece"), {FLETCHER32: ()})
        self.assertEqual(out("deflate"), {SHUFFLE: (4,), DEFLATE: (7,), FLETCHER32: ()})
        self.assertEqual(self.copied("--codec", "deflate-3")("deflate"), {SHUFFLE: (4,), DEFLATE: (3,)})

    def test_what_cannot_be_written_is_named_once(self):
        self.make(a={"compression": "lzf", "fletcher32": True}, b={"compression": "lzf"},
                  c={"compression": 5})
        out = self.copied(told="lzf cannot be written here: /a, /b get deflate-4; choose with --codec")
        self.assertEqual(out("a"), {SHUFFLE: (4,), DEFLATE: (4,), FLETCHER32: ()})
        self.assertEqual(out("b"), {SHUFFLE: (4,), DEFLATE: (4,)})
        self.assertEqual(out("c"), {DEFLATE: (5,)})
        self.make(a={"chunks": (2, 3), "scaleoffset": 2, "compression": 6})
        out = self.copied(told="scaleoffset cannot be written here: /a get deflate-6; "
                               "choose with --codec")
        self.assertEqual(out("a"), {DEFLATE: (6,)})

    @unittest.skipUnless(h5py.h5z.filter_avail(BLOSC), "no blosc plugin")
    def test_blosc_keeps_compressor_level_and_shuffle(self):
        zstd = 5
        for shuffle in (0, 1, 2):
            self.make(a={"chunks": (2, 3), "compression": BLOSC,
                         "compression_opts": (0, 0, 0, 0, 7, shuffle, zstd)})
            told = "the bit shuffle of blosc cannot be written here: /a get blosc-zstd-7; " \
                   "choose with --codec" if shuffle == 2 else ""
            values = self.copied(told=told)("a")[BLOSC]
            self.assertEqual(values[4:], (7, min(shuffle, 1), zstd))
        self.make(a={"chunks": (2, 3), "compression": BLOSC})
        self.assertEqual(self.copied()("a")[BLOSC][4:], (5, 1, 0), "what blosc does by itself")

    def test_a_file_of_which_nothing_can_be_copied_is_an_error(self):
        with h5py.File(self.path("in.h5"), "w") as f:
            f.create_dataset("r", (2,), dtype=h5py.ref_dtype)
            f["o"] = np.void(b"abc")
        for verb in ("rechunk", "subset"):
            result = self.run_here(verb, "in.h5", "out.h5")
            self.assert_block(result, 3, "nothing of the file can be copied",
                              "/o is left out: it holds no numbers", "/r")
            self.assertEqual(self.entries(), ["in.h5"])
        h5py.File(self.path("in.h5"), "w").close()
        self.assertEqual(self.run_here("rechunk", "in.h5", "out.h5").returncode, 0)

    def test_damage_behind_the_library_names_its_chunks(self):
        with h5py.File(self.path("in.h5"), "w") as f:
            creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            creation.set_chunk((2, 5))
            creation.set_scaleoffset(h5py.h5z.SO_INT, 6)
            creation.set_fletcher32()
            data = h5py.h5d.create(f.id, b"x", h5py.h5t.NATIVE_INT64,
                                   h5py.h5s.create_simple((8, 5)), creation)
            data.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(40).reshape(8, 5))
            f.flush()
            places = [data.get_chunk_info(i).byte_offset for i in (1, 3)]
        with open(self.path("in.h5"), "r+b") as f:
            for place in places:
                f.seek(place)
                byte = f.read(1)
                f.seek(place)
                f.write(bytes([byte[0] ^ 255]))
        result = self.run_here("eval", "y = x + 1", "in.h5")
        self.assert_block(result, 3, "in.h5:/x, chunk (1, 0)")
        result = self.run_here("verify", "in.h5", "--quiet")
        self.assertEqual(result.returncode, 3)
        self.assertIn("bad: /x, chunk (1, 0): ", result.stdout.decode())
        self.assertIn("(3, 0)", result.stdout.decode())


class Options(Case):
    def test_verbs_list_what_acts_and_refuse_the_rest(self):
        never = ["--resume", "--no-history", "--resources"]
        for verb, names in (("verify", [*never, "--default-fill"]), ("diff", never),
                            ("plan", [*never, "--stages"])):
            text = self.run_here(verb, "--help").stdout.decode()
            for name in names:
                self.assertNotIn(name, text)
                self.assert_block(self.run_here(verb, "a", "b", name), 2, name)

    def test_options_of_an_output_need_one(self):
        for words in (["--codec", "zstd-3"], ["--chunks", "x=1"], ["--overwrite"], ["--resume"],
                      ["--fletcher32"], ["--shuffle", "on"]):
            self.assert_block(self.run_here("eval", "1 + 1", *words), 2, words[0], "-o")


if __name__ == "__main__":
    support.main()
