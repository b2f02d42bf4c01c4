#!/usr/bin/python3
"""Mean over time of shuffle+deflate float32: rankine beside h5py + NumPy, on the same file.

    /usr/bin/python3 tests/bench/read.py [--rankine build/release/bin/rankine] [--threads 2]

Prints GB of decoded data per second. The results are compared before anything is timed; the two
take turns, the medians of all turns are printed. rankine is timed as a whole process (start,
metadata, reading, the output file) and by its execute stage alone; h5py without its start.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import h5py
import numpy as np


def rankine_mean(options, sample, folder):
    output = os.path.join(folder, "mean.nc")
    stages = os.path.join(folder, "stages.json")
    start = time.perf_counter()
    subprocess.run([options.rankine, "eval", "m = mean(t2m, time)", sample, "-o", output,
                    "--overwrite", "--quiet", "--threads", str(options.threads),
                    "--stages", stages], check=True)
    wall = time.perf_counter() - start
    with open(stages, encoding="ascii") as file:
        execute = [s for s in json.load(file)["stages"] if s["name"] == "execute"][0]["wall_s"]
    with h5py.File(output) as file:
        return file["m"][...], wall, execute


def h5py_mean(sample):
    """Chunk rows of time in order, accumulated in float64: what a careful user writes."""
    start = time.perf_counter()
    with h5py.File(sample) as file:
        data = file["t2m"]
        total = np.zeros(data.shape[1:], dtype=np.float64)
        step = data.chunks[0]
        for first in range(0, data.shape[0], step):
            total += data[first:first + step].sum(axis=0, dtype=np.float64)
        mean = (total / data.shape[0]).astype(np.float32)
    return mean, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rankine", default="build/release/bin/rankine")
    parser.add_argument("--sample", default="build/sample/sample.nc")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    os.makedirs(os.path.dirname(options.sample) or ".", exist_ok=True)
    subprocess.run([options.rankine, "sample", "-o", options.sample], check=True)
    with h5py.File(options.sample) as file:
        gigabytes = file["t2m"].size * 4e-9
        stored = file["t2m"].id.get_storage_size() * 1e-9

    with tempfile.TemporaryDirectory() as folder:
        ours, _, _ = rankine_mean(options, options.sample, folder)
        theirs, _ = h5py_mean(options.sample)
        np.testing.assert_allclose(ours, theirs, rtol=4 * np.finfo(np.float32).eps)
        walls, executes, peers = [], [], []
        for _ in range(options.turns):
            _, wall, execute = rankine_mean(options, options.sample, folder)
            walls.append(wall)
            executes.append(execute)
            peers.append(h5py_mean(options.sample)[1])

    def line(name, seconds):
        middle = statistics.median(seconds)
        print(f"{name:<34}{gigabytes / middle:8.3f} GB/s   median {middle:.3f} s "
              f"({min(seconds):.3f} to {max(seconds):.3f})")

    print(f"{gigabytes:.3f} GB decoded, {stored:.3f} GB stored, {options.threads} threads, "
          f"{options.turns} turns, results agree")
    line("rankine, whole process", walls)
    line("rankine, execute stage", executes)
    line("h5py + NumPy, in process", peers)
    ratio = statistics.median(p / w for p, w in zip(peers, walls))
    stage = statistics.median(p / e for p, e in zip(peers, executes))
    print(f"rankine / h5py: {ratio:.2f} x as a whole process, {stage:.2f} x by the execute stage")


if __name__ == "__main__":
    main()
