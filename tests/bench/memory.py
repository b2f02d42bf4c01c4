#!/usr/bin/python3
"""What a limit on memory costs: the same program with as much as it asks for and with a hard limit.

    /usr/bin/python3 tests/bench/memory.py [--rankine build/release/bin/rankine] [--threads 2]

Data of 20 chunks of 1 GiB (--chunks, --mib), which must not fit: anomalies from a mean, which are
read twice, and x + transpose(x), which goes through scratch. Side by side: everything held where
that fits the machine, the same choice without a limit, the same choice with the memory that the
plan asks for, as RLIMIT_DATA too. And anomalies of a grid of 5 x 4 chunks, of which a row is held at
a time: without a limit, and with less than all threads need at once, so that tasks are admitted as
there is memory: as little as is needed, and a task for each thread more. Runs take turns; medians are
printed, and the last column is what the limit leaves of the throughput of the same choice (aim: 0.9).
Results are compared first.
"""
import argparse
import filecmp
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
import zlib

import h5py
import numpy as np

MIB = 1 << 20


def write_chunks(path, shape, chunk, dtype, block_of):
    if os.path.exists(path):
        return
    with h5py.File(path + ".part", "w") as file:
        data = file.create_dataset("x", shape, dtype, chunks=chunk, compression=1)
        for number in range(shape[0] // chunk[0]):
            block = block_of(number).astype(dtype)
            assert block.shape == chunk
            data.id.write_direct_chunk((number * chunk[0],) + (0,) * (len(shape) - 1),
                                       zlib.compress(block, 1))
    os.rename(path + ".part", path)


def series(folder, chunks, mib):
    path = os.path.join(folder, f"series-{chunks}x{mib}.h5")
    steps = mib  # of 256 x 1024 float32: 1 MiB
    places = (np.arange(256 * 1024) // 512 % 97).reshape(256, 1024)
    write_chunks(path, (chunks * steps, 256, 1024), (steps, 256, 1024), "f4",
                 lambda n: ((np.arange(steps) // 16 + n * 5) % 61)[:, None, None]
                 .astype("f4") + places.astype("f4"))
    return path


def square(folder, chunks, mib):
    path = os.path.join(folder, f"square-{chunks}x{mib}.h5")
    rows = int((mib * MIB / 8 / chunks) ** 0.5)
    size = rows * chunks
    columns = (np.arange(size) // 256).astype("f8")
    write_chunks(path, (size, size), (rows, size), "f8",
                 lambda n: (np.arange(n * rows, (n + 1) * rows) // 64 * 3)[:, None] % 251 + columns)
    return path


def grid(folder, columns, mib):
    path = os.path.join(folder, f"grid-5x{columns}x{mib}.h5")
    steps = mib  # of 256 x 1024 float32: 1 MiB
    if os.path.exists(path):
        return path
    places = (np.arange(256 * 1024) // 512 % 97).reshape(256, 1024).astype("f4")
    with h5py.File(path + ".part", "w") as file:
        data = file.create_dataset("x", (5 * steps, columns * 256, 1024), "f4",
                                   chunks=(steps, 256, 1024), compression=1)
        for row in range(5):
            level = ((np.arange(steps) // 16 + row * 5) % 61)[:, None, None].astype("f4")
            stored = zlib.compress(level + places, 1)
            for column in range(columns):
                data.id.write_direct_chunk((row * steps, column * 256, 0), stored)
    os.rename(path + ".part", path)
    return path


def needed(options, program, path, *words):
    """What a refusal says that the plan needs."""
    result = subprocess.run(
        [options.rankine, "plan", program, path, "--threads", str(options.threads), "-o",
         os.path.join(options.folder, "none.nc"), "--memory", "1MiB", *words],
        check=False, capture_output=True, text=True)
    return int(re.search(r"the plan needs (\d+) bytes", result.stderr).group(1))


def plan(options, program, path, *words):
    result = subprocess.run(
        [options.rankine, "plan", "--json", program, path, "--threads", str(options.threads),
         "-o", os.path.join(options.folder, "none.nc"), *words],
        check=True, capture_output=True)
    return json.loads(result.stdout)


def timed(options, program, path, output, reuse, memory, limit):
    stages = os.path.join(options.folder, "stages.json")
    words = ["prlimit", f"--data={memory}", f"--stack={MIB}"] if limit else []
    start = time.perf_counter()
    subprocess.run([*words, options.rankine, "eval", program, path, "-o", output, "--overwrite",
                    "--quiet", "--no-history", "--threads", str(options.threads), "--stages",
                    stages, "--reuse", reuse, "--memory", str(memory), "--scratch",
                    options.folder],
                   check=True, env={**os.environ, "OMP_STACKSIZE": "1M"})
    wall = time.perf_counter() - start
    with open(stages, encoding="ascii") as file:
        rank = json.load(file)["ranks_detail"][0]
    return wall, rank


def compare(options, name, program, path, reuse):
    ample = 1 << 42
    needed = plan(options, program, path, "--reuse", reuse, "--memory", str(ample))
    memory = needed["memory_bound_bytes"] + 64 * MIB
    held = plan(options, program, path, "--reuse", "hold", "--memory",
                str(ample))["memory_bound_bytes"]
    with open("/proc/meminfo", encoding="ascii") as file:
        available = [int(line.split()[1]) for line in file if line.startswith("MemAvail")][0] * 1024
    runs = [(reuse, ample, False), (reuse, memory, True)]
    if held < 0.8 * available:
        runs.insert(0, ("hold", ample, False))
    outputs = [os.path.join(options.folder, f"out-{i}.nc") for i in range(len(runs))]
    walls = [[] for _ in runs]
    ranks = [None] * len(runs)
    for _ in range(options.turns):
        for i, run in enumerate(runs):
            wall, ranks[i] = timed(options, program, path, outputs[i], *run)
            walls[i].append(wall)
        assert all(filecmp.cmp(outputs[0], other, shallow=False) for other in outputs[1:])
    for i, (choice, _, limit) in enumerate(runs):
        wall = statistics.median(walls[i])
        share = statistics.median(walls[-2]) / wall
        print(f"{name:<12}{choice:<8}{'limit' if limit else 'free':<7}{wall:8.2f} s   peak"
              f"{ranks[i]['peak_rss_bytes'] / MIB:8.0f} of{ranks[i]['promised_bytes'] / MIB:8.0f}"
              f" MiB   spilled{ranks[i]['bytes_spilled'] / MIB:8.0f} MiB   {share:5.2f}",
              flush=True)


def compare_admitted(options, name, program, path, task):
    least = needed(options, program, path, "--reuse", "hold") + 64 * MIB
    at_once = plan(options, program, path, "--reuse", "hold", "--memory",
                   str(1 << 42))["memory_bound_bytes"]
    runs = [(1 << 42, False), (least, True), (least + options.threads * task, True)]
    outputs = [os.path.join(options.folder, f"out-{i}.nc") for i in range(len(runs))]
    walls = [[] for _ in runs]
    ranks = [None] * len(runs)
    for _ in range(options.turns):
        for i, (memory, limit) in enumerate(runs):
            assert not limit or memory < at_once
            wall, ranks[i] = timed(options, program, path, outputs[i], "hold", memory, limit)
            walls[i].append(wall)
        assert all(filecmp.cmp(outputs[0], other, shallow=False) for other in outputs[1:])
    for i, (_, limit) in enumerate(runs):
        wall = statistics.median(walls[i])
        print(f"{name:<12}{'hold':<8}{'admit' if limit else 'free':<7}{wall:8.2f} s   peak"
              f"{ranks[i]['peak_rss_bytes'] / MIB:8.0f} of{ranks[i]['promised_bytes'] / MIB:8.0f}"
              f" MiB   {statistics.median(walls[0]) / wall:5.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rankine", default="build/release/bin/rankine")
    parser.add_argument("--data", default="build/bench", help="where the inputs are kept")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--chunks", type=int, default=20)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--only", choices=["anomalies", "transposes", "rows"])
    options = parser.parse_args()
    os.makedirs(options.data, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.data) as folder:
        options.folder = folder
        if options.only in (None, "rows"):
            compare_admitted(options, "rows", "s = max(x - mean(x, 0), 0)",
                             grid(options.data, 4, options.mib), 2 * options.mib * MIB)
        if options.only in (None, "anomalies"):
            compare(options, "anomalies", "s = max((x - mean(x, 0)) * arange(1024), 0)",
                    series(options.data, options.chunks, options.mib), "reread")
        if options.only in (None, "transposes"):
            compare(options, "transposes", "s = sum(x + transpose(x), 0)",
                    square(options.data, options.chunks, options.mib), "spill")


if __name__ == "__main__":
    main()
