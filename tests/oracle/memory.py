"""A plan that was accepted finishes inside the memory it was promised, under a hard limit of the
kernel; one that cannot is refused, and nothing is ever killed. Between what all threads need at once
and what one task at a time needs, tasks are admitted as there is memory.

Chunks of 64 and 256 MiB, more than the limit in all. The limit is RLIMIT_DATA: it counts what a
process has asked for, not only what it has touched, so it is the stricter one.
"""
import filecmp
import json
import re
import shutil
import zlib

import h5py
import numpy as np

import support
from support import Test, check_run, load_json, run

MIB = 1 << 20
STACK = {"OMP_STACKSIZE": "1M"}


def make_square(path, chunks, size):
    """x of size x size, a chunk of whole rows; returns its sums along axis 0 of x + x.T."""
    rows = size // chunks
    columns = np.arange(size) // 256
    down = np.zeros(size)
    across = np.zeros(size)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", (size, size), "f8", chunks=(rows, size), compression=1)
        for first in range(0, size, rows):
            line = np.arange(first, first + rows) // 64 * 3
            block = ((line[:, None] + columns[None, :]) % 251).astype("f8")
            data.id.write_direct_chunk((first, 0), zlib.compress(block, 1))
            down += block.sum(0)
            across[first:first + rows] = block.sum(1)
    return down + across


def make_series(path, chunks, chunk):
    """x of chunks one after the other; returns its greatest deviations from the mean, times w."""
    steps = chunk[0]
    total = np.zeros(chunk[1:])
    top = np.full(chunk[1:], -np.inf)
    places = (np.arange(chunk[1] * chunk[2]) // 512 % 97).reshape(chunk[1:])
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", (chunks * steps, *chunk[1:]), "f4", chunks=chunk,
                                   compression=1)
        for number in range(chunks):
            level = (np.arange(steps) // 16 + number * 5) % 61
            block = (level[:, None, None] + places).astype("f4")
            data.id.write_direct_chunk((number * steps, 0, 0), zlib.compress(block, 1))
            total += block.sum(0, dtype="f8")
            top = np.maximum(top, block.max(0))
    mean = (total / (chunks * steps)).astype("f4")
    return (top - mean) * np.arange(chunk[2])


def make_grid(path, rows, columns, chunk):
    """x of rows x columns chunks; returns the greatest deviations from the mean along axis 0."""
    places = (np.arange(chunk[1] * chunk[2]) // 512 % 97).reshape(chunk[1:])
    levels = (np.arange(chunk[0]) // 16 + np.arange(rows)[:, None] * 5) % 61
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", (rows * chunk[0], columns * chunk[1], chunk[2]), "f4",
                                   chunks=chunk, compression=1)
        for row in range(rows):
            for column in range(columns):
                block = (levels[row][:, None, None] + places).astype("f4")
                data.id.write_direct_chunk((row * chunk[0], column * chunk[1], 0),
                                           zlib.compress(block, 1))
    return levels.max() - levels.mean(dtype="f8")


class Limits(Test):
    def run_limited(self, memory, ranks, *arguments):
        """As support.run, on ranks to which the kernel gives no more than they were promised."""
        limits = ["prlimit", f"--data={memory}", f"--stack={MIB}"]
        return run("eval", *arguments, "--memory", memory, "--no-history", ranks=ranks,
                   prefix=limits, env=STACK)

    def bound(self, program, path, threads, ranks, reuse):
        result = check_run("plan", program, path, "-o", self.folder / "none.nc", "--json",
                           "--threads", threads, "--ranks", ranks, "--reuse", reuse,
                           "--memory", "1000GiB")
        return json.loads(result.out)["memory_bound_bytes"]

    def needed(self, program, path, threads, ranks, *words):
        """What a refusal says that the plan needs."""
        result = run("plan", program, path, "-o", self.folder / "none.nc", "--threads", threads,
                     "--ranks", ranks, "--memory", "1MiB", *words)
        self.assertEqual(result.code, 4, str(result))
        return int(re.search(r"the plan needs (\d+) bytes", result.err).group(1))

    def check_peaks(self, stages, memory, spills):
        for rank in load_json(stages)["ranks_detail"]:
            self.assertLessEqual(rank["peak_rss_bytes"], rank["promised_bytes"])
            self.assertLessEqual(rank["promised_bytes"], memory)
            self.assertEqual(rank["bytes_spilled"] > 0, spills)

    def check_admitted(self, program, path, runs):
        """Held, with as little as is needed and with more, but never enough for all at once."""
        free = self.folder / "free.nc"
        check_run("eval", program, path, "-o", free, "--overwrite", "--no-history", "--threads", 2,
                  "--reuse", "hold", "--memory", "1000GiB")
        for ranks, threads in runs:
            held = self.bound(program, path, threads, max(1, ranks), "hold")
            # The process is not equally large each time (see below).
            least = self.needed(program, path, threads, max(1, ranks), "--reuse", "hold") + 96 * MIB
            for memory in (least, (least + held) // 2):
                with self.subTest(program, ranks=ranks, threads=threads, memory=memory):
                    self.assertLess(memory, held - 64 * MIB, "the limit must matter")
                    output = self.folder / "admitted.nc"
                    stages = self.folder / "stages.json"
                    result = self.run_limited(memory, ranks, program, path, "-o", output,
                                              "--reuse", "hold", "--overwrite", "--threads",
                                              threads, "--stages", stages)
                    self.assertEqual(result.code, 0, str(result))
                    self.assertTrue(filecmp.cmp(free, output, shallow=False))
                    self.check_peaks(stages, memory, False)
        return free

    def check_case(self, program, path, reuse, runs):
        """Byte for byte what a run without a limit gives; returns that."""
        free = self.folder / "free.nc"
        check_run("eval", program, path, "-o", free, "--overwrite", "--no-history", "--threads", 2,
                  "--reuse", "hold", "--memory", "1000GiB")
        for ranks, threads in runs:
            with self.subTest(program, ranks=ranks, threads=threads):
                held = self.bound(program, path, threads, max(1, ranks), "hold")
                wanted = self.bound(program, path, threads, max(1, ranks), reuse)
                # What the process itself takes is not the same in `plan` and on a rank of MPI.
                memory = wanted + 96 * MIB
                self.assertLess(memory, held - 64 * MIB, "the limit must matter")
                output = self.folder / "limited.nc"
                stages = self.folder / "stages.json"
                result = self.run_limited(memory, ranks, program, path, "-o", output,
                                          "--overwrite", "--threads", threads, "--stages", stages)
                self.assertEqual(result.code, 0, str(result))
                self.assertTrue(filecmp.cmp(free, output, shallow=False))
                self.check_peaks(stages, memory, reuse == "spill")
                needed = self.needed(program, path, threads, max(1, ranks))
                refused = self.run_limited(int(0.8 * needed), ranks, program, path, "-o",
                                           self.folder / "refused.nc", "--threads", threads)
                self.assertEqual(refused.code, 4, str(refused))
                self.assertIn("  try: ", refused.err)
        return free

    def setUp(self):
        super().setUp()
        if shutil.which("prlimit") is None:
            self.skipTest("no prlimit")
        if shutil.disk_usage(self.folder).free < 8 << 30:
            self.skipTest("no 8 GiB of disk")

    def read(self, path, name):
        with h5py.File(path) as file:
            return file[name][...]

    def test_transposes_of_20_chunks_of_64_MiB_go_through_scratch(self):
        path = self.folder / "x.h5"
        expected = make_square(path, 20, 12800)
        free = self.check_case("s = sum(x + transpose(x), 0)", path, "spill",
                               [(0, 1), (0, 2), (2, 1)])
        np.testing.assert_array_equal(self.read(free, "s"), expected)

    def test_transposes_of_8_chunks_of_256_MiB_go_through_scratch(self):
        path = self.folder / "x.h5"
        expected = make_square(path, 8, 16384)
        free = self.check_case("s = sum(x + transpose(x), 0)", path, "spill",
                               [(0, 1), (2, 1)])
        np.testing.assert_array_equal(self.read(free, "s"), expected)

    def test_anomalies_of_20_chunks_of_64_MiB_are_read_twice(self):
        path = self.folder / "x.h5"
        expected = make_series(path, 20, (256, 256, 256))
        free = self.check_case("s = max((x - mean(x, 0)) * arange(256), 0)", path, "reread",
                               [(0, 1), (0, 2), (2, 1)])
        np.testing.assert_allclose(self.read(free, "s"), expected, rtol=1e-5, atol=1e-3)

    def test_anomalies_of_8_chunks_of_256_MiB_are_read_twice(self):
        path = self.folder / "x.h5"
        expected = make_series(path, 8, (256, 512, 512))
        free = self.check_case("s = max((x - mean(x, 0)) * arange(512), 0)", path, "reread",
                               [(0, 1), (2, 1)])
        np.testing.assert_allclose(self.read(free, "s"), expected, rtol=1e-5, atol=1e-3)

    def test_rows_of_a_grid_of_20_chunks_of_64_MiB_are_admitted_one_by_one(self):
        path = self.folder / "x.h5"
        expected = make_grid(path, 5, 4, (64, 256, 1024))
        free = self.check_admitted("s = max(x - mean(x, 0), 0)", path, [(0, 2), (2, 1), (3, 2)])
        np.testing.assert_allclose(self.read(free, "s"), expected, rtol=1e-5, atol=1e-3)

    def test_rows_of_a_grid_of_8_chunks_of_256_MiB_are_admitted_one_by_one(self):
        path = self.folder / "x.h5"
        expected = make_grid(path, 2, 4, (64, 512, 2048))
        free = self.check_admitted("s = max(x - mean(x, 0), 0)", path, [(0, 2), (2, 1)])
        np.testing.assert_allclose(self.read(free, "s"), expected, rtol=1e-5, atol=1e-3)

    def test_transposes_of_20_chunks_of_64_MiB_are_held_by_few_tasks_at_a_time(self):
        path = self.folder / "x.h5"
        expected = make_square(path, 20, 12800)
        free = self.check_admitted("s = sum(x + transpose(x), 0)", path, [(0, 3), (2, 3)])
        np.testing.assert_array_equal(self.read(free, "s"), expected)


if __name__ == "__main__":
    support.main()
