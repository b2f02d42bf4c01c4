"""Virtual data sets, tables, complex numbers and texts whose files have flipped bytes: an answer or an
error block, never a crash or a hang. verify takes many files at a time: a process is what costs."""
import json
import os

import h5py
import netCDF4
import numpy as np

import support
from support import Test, rng

FILES = int(os.environ.get("RANKINE_FLIPS", "100"))  # with two flips each, on average
ALONE = 16  # of them also go through info and eval
PATIENCE = 120  # seconds


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
        for number in range(FILES):
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

    def evaluate(self, item):
        path, dataset = item
        words = ("eval", "y = x * 2", "-v", f"x={path}:{dataset}", "--quiet", "-o",
                 path.with_suffix(".nc"))
        self.is_answer(support.run(*words, timeout=PATIENCE), f"eval {path.name}")

    def test_flipped_bytes_give_answers_or_errors(self):
        files = self.damaged()
        result = support.run("verify", "--json", "--quiet", *(path for path, _ in files),
                             timeout=PATIENCE)
        self.is_answer(result, "verify")
        self.assertEqual([check["path"] for check in json.loads(result.out)],
                         [str(path) for path, _ in files])
        for path, dataset in files[::max(1, len(files) // ALONE)]:
            self.is_answer(support.run("info", path, timeout=PATIENCE), f"info {path.name}")
            self.evaluate((path, dataset))

    def test_texts_of_damaged_heaps_are_left_out_or_refused(self):
        """Every byte of the heap that holds labels, each by itself, a few at a time."""
        random = rng(92)
        good = small(self.folder / "texts.h5", texts).read_bytes()
        heap = good.index(b"GCOL")
        for i in sorted(random.choice(200, 6, replace=False)):
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
