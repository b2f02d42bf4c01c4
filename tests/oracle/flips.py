"""Virtual data sets, tables, complex numbers and texts whose files have flipped bytes: an answer or an
error block, never a crash or a hang. Many files at a time: a process is what costs."""
import concurrent.futures
import os

import h5py
import netCDF4
import numpy as np

import support
from support import Test, rng

FLIPS = int(os.environ.get("RANKINE_FLIPS", "500"))  # damaged files
AT_ONCE = 25  # files of one info
PATIENCE = 120  # seconds for all of these


def small(path, build):
    with h5py.File(path, "w", libver="latest" if "new" in path.name else "earliest") as file:
        build(file)
    return path


def virtual(file):
    file["a"] = np.arange(12.0).reshape(3, 4)
    file["b"] = np.arange(12.0).reshape(3, 4) + 100
    layout = h5py.VirtualLayout((6, 4), "f8")
    for i, name in enumerate("ab"):
        layout[3 * i:3 * i + 3] = h5py.VirtualSource(".", name, (3, 4))
    file.create_virtual_dataset("v", layout, fillvalue=-1)


def table(file):
    kind = np.dtype([("t", "f8"), ("n", "i2"), ("name", "S4"), ("in", [("x", "f4"), ("y", ">i4")])])
    file.create_dataset("v", data=np.zeros(7, kind), chunks=(3,), compression="gzip")


def numbers(file):
    file["v"] = np.arange(5) + 1j


def texts(file):
    file.create_dataset("name", data=["north", "south", "west"], dtype=h5py.string_dtype())
    file["name"].make_scale("name")
    file["fixed"] = np.array([b"ab", b"c", b""])
    file["v"] = np.arange(6.0).reshape(2, 3)
    file["v"].dims[1].attach_scale(file["name"])


KINDS = {"virtual": (virtual, "/v"), "new_virtual": (virtual, "/v"), "table": (table, "/v.in.y"),
         "new_table": (table, "/v.t"), "complex": (numbers, "/v.i"), "texts": (texts, "/v"),
         "new_texts": (texts, "/v")}


class Flips(Test):
    def damaged(self):
        """(path, data set) of files that differ from a good one in one to three bytes."""
        random = rng(91)
        files = []
        contents = {}
        for kind, (build, dataset) in KINDS.items():
            contents[kind] = small(self.folder / f"{kind}.h5", build).read_bytes()
        for number in range(FLIPS):
            kind = list(KINDS)[number % len(KINDS)]
            data = bytearray(contents[kind])
            for _ in range(int(random.integers(1, 4))):
                data[int(random.integers(0, len(data)))] ^= int(random.integers(1, 256))
            path = self.folder / f"{number}_{kind}.h5"
            path.write_bytes(data)
            files.append((path, KINDS[kind][1]))
        return files

    def is_answer(self, result, what):
        with self.each(what):
            self.assertIn(result.code, (0, 2, 3), str(result))
            if result.code:
                self.block_of(result)

    def info(self, files):
        # One file that cannot be opened fails all: then each by itself.
        result = support.run("info", *(path for path, _ in files), timeout=PATIENCE)
        if result.code == 0 or len(files) == 1:
            return self.is_answer(result, f"info {files[0][0].name}")
        half = len(files) // 2
        self.info(files[:half])
        self.info(files[half:])

    def evaluate(self, item):
        path, dataset = item
        words = ("eval", "y = x * 2", "-v", f"x={path}:{dataset}", "--quiet", "-o",
                 path.with_suffix(".nc"))
        self.is_answer(support.run(*words, timeout=PATIENCE), f"eval {path.name}")

    def test_flipped_bytes_give_answers_or_errors(self):
        files = self.damaged()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            batches = [files[i:i + AT_ONCE] for i in range(0, len(files), AT_ONCE)]
            list(pool.map(self.info, batches))
            list(pool.map(self.evaluate, files[::7 if FLIPS <= 500 else 1]))

    def test_texts_of_damaged_heaps_are_left_out_or_refused(self):
        """Every byte of the heap that holds labels, each by itself, a few at a time."""
        random = rng(92)
        good = small(self.folder / "texts.h5", texts).read_bytes()
        heap = good.index(b"GCOL")
        for i in sorted(random.choice(200, 12, replace=False)):
            data = bytearray(good)
            data[heap + int(i)] ^= 0xff
            path = self.folder / f"heap{i}.h5"
            path.write_bytes(data)
            self.evaluate((path, "/v"))
            if path.with_suffix(".nc").exists():
                with netCDF4.Dataset(path.with_suffix(".nc")) as file:
                    self.assertEqual(file["y"].shape, (2, 3))


if __name__ == "__main__":
    support.main()
