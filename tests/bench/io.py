#!/usr/bin/python3
"""Reading, writing, indexing and copying HDF5, beside the peers that Debian has, in one run.

    /usr/bin/python3 tests/bench/io.py [--parts read,write,index,rechunk,cold] [--codecs none,lz4,...]

Each file is a field of smooth and noise, quantized, in chunks along time ("time-major") or along
space ("space-major"). Results are compared before anything is timed; all systems take turns, the
medians are printed. rankine, CDO, nccopy and h5repack are timed as whole processes, h5py, Dask and
codecs alone without their start and imports. A peer that is not there, or cannot read a codec, is left out.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

try:
    import dask.array
except ImportError:
    dask = None

MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
       "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}
# How h5py writes what rankine writes by that name.
H5PY_WRITES = {"none": {}, "deflate-1": {"compression": 1, "shuffle": True},
               "deflate-4": {"compression": 4, "shuffle": True},
               "lz4": {"compression": 32004, "shuffle": True},
               "blosc-lz4": {"compression": 32001, "compression_opts": (0, 0, 0, 0, 5, 1, 1)}}
H5PY_READS = set(H5PY_WRITES)
LAYOUTS = {"time-major": "8,{y},{x}", "space-major": "{t},24,24"}


def run(words, **env):
    start = time.perf_counter()
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE, env=os.environ | MPI | env)
    return time.perf_counter() - start


def timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def take_turns(systems, turns):
    """Seconds of each system: a median over the turns."""
    seconds = {name: [] for name in systems}
    for _ in range(turns):
        for name, once in systems.items():
            seconds[name].append(once())
    return {name: statistics.median(all_turns) for name, all_turns in seconds.items()}


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.figures = options, folder, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def rankine(self, *words, threads=2):
        return [self.options.rankine, *words, "--quiet", "--overwrite", "--threads", threads]

    def ranks(self, *words):
        return ["mpirun", "-n", 2, "--bind-to", "core", *self.rankine(*words, threads=1)]

    def sample(self, codec, layout):
        t, y, x = self.options.shape
        path = self.path(f"{codec}-{layout}.nc")
        if not os.path.exists(path):
            run([self.options.rankine, "sample", "-o", path, "--shape", f"{t},{y},{x}", "--chunks",
                 LAYOUTS[layout].format(t=t, y=y, x=x), "--codec", codec])
        return path

    def report(self, part, codec, layout, seconds, gigabytes, notes=""):
        for name, median in seconds.items():
            ratio = seconds["h5py"] / median if "h5py" in seconds else None
            beside = "" if ratio is None else f"{ratio:7.2f} x h5py"
            print(f"{part:<8}{codec:<16}{layout:<13}{name:<22}{median:8.3f} s "
                  f"{gigabytes / median:7.2f} GB/s{beside}")
            self.figures.append({"part": part, "codec": codec, "layout": layout, "system": name,
                                 "seconds": median, "gb_per_s": gigabytes / median})
        if notes:
            print(" " * 8 + notes)
        sys.stdout.flush()

    # --- read and reduce ---

    @staticmethod
    def h5py_mean(path):
        """Chunk by chunk in order, in float64: what a careful user writes."""
        with h5py.File(path) as file:
            data = file["t2m"]
            mean = np.empty(data.shape[1:], np.float32)
            rows, lats, lons = data.chunks
            if rows == data.shape[0]:
                for i in range(0, data.shape[1], lats):
                    for j in range(0, data.shape[2], lons):
                        box = data[:, i:i + lats, j:j + lons]
                        mean[i:i + lats, j:j + lons] = box.mean(axis=0, dtype=np.float64)
                return mean
            total = np.zeros(data.shape[1:], np.float64)
            for first in range(0, data.shape[0], rows):
                total += data[first:first + rows].sum(axis=0, dtype=np.float64)
            return (total / data.shape[0]).astype(np.float32)

    @staticmethod
    def dask_mean(path):
        with h5py.File(path) as file:
            data = dask.array.from_array(file["t2m"], chunks=file["t2m"].chunks)
            mean = data.mean(axis=0, dtype=np.float64).astype(np.float32)
            return mean.compute(scheduler="threads", num_workers=2)

    def codec_alone(self, action, path, *codec):
        """Two threads that read the chunks of t2m, undo or apply filters, and nothing else."""
        with h5py.File(path) as file:
            data = file["t2m"].id
            plist = data.get_create_plist()
            filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
            size = data.get_type().get_size() * int(np.prod(plist.get_chunk()))
            chunks = [data.get_chunk_info(i) for i in range(data.get_num_chunks())]
        words = [size, len(filters)]
        for number, _, parameters, _ in filters:
            words += [number, len(parameters), *parameters]
        words += [n for chunk in chunks for n in (chunk.byte_offset, chunk.size)]
        listed = " ".join(str(word) for word in words)
        return lambda: float(subprocess.run([self.options.codec, action, path, "2", *codec],
                                            input=listed, text=True, check=True,
                                            stdout=subprocess.PIPE).stdout)

    def read(self, codec, layout):
        path, out = self.sample(codec, layout), self.path("mean.nc")
        words = ["eval", "m = mean(t2m, time)", path, "-o", out]
        run(self.rankine(*words))
        with h5py.File(out) as file:
            ours = file["m"][...]
        right = self.h5py_mean(self.sample("none", layout))
        np.testing.assert_allclose(ours, right, rtol=4 * np.finfo(np.float32).eps)
        systems = {"rankine, 2 threads": lambda: run(self.rankine(*words)),
                   "rankine, 2 ranks": lambda: run(self.ranks(*words)),
                   "decode alone": self.codec_alone("decode", path)}
        if codec in H5PY_READS:
            np.testing.assert_allclose(self.h5py_mean(path), right, rtol=1e-6)
            systems["h5py"] = lambda: timed(self.h5py_mean, path)
            if dask:
                np.testing.assert_allclose(self.dask_mean(path), right, rtol=1e-6)
                systems["Dask, 2 threads"] = lambda: timed(self.dask_mean, path)
        # CDO takes step by step: along space it decodes all chunks for each, which takes minutes.
        if shutil.which("cdo") and layout == "time-major" and codec in ("none", "deflate-1", "deflate-4"):
            words_cdo = ["cdo", "-s", "-O", "timmean", path, self.path("cdo.nc")]
            run(words_cdo)
            with h5py.File(self.path("cdo.nc")) as file:
                np.testing.assert_allclose(file["t2m"][0], right, rtol=1e-6)
            systems["CDO timmean"] = lambda: run(words_cdo)
        seconds = take_turns(systems, self.options.turns)
        share = seconds["decode alone"] / seconds["rankine, 2 threads"]
        self.report("read", codec, layout, seconds, self.gigabytes(),
                    f"rankine at {share:.2f} of two threads that only decode")

    # --- write ---

    def h5py_write(self, values, codec, chunks):
        with h5py.File(self.path("h5py.h5"), "w") as file:
            file.create_dataset("x", data=values, chunks=chunks, **H5PY_WRITES[codec])

    def write(self, codec, layout):
        source, out = self.sample("none", layout), self.path("out.nc")
        words = ["eval", "x = t2m + 0", source, "-o", out, "--codec", codec]
        run(self.rankine(*words))
        systems = {"rankine, 2 threads": lambda: run(self.rankine(*words)),
                   "rankine, 2 ranks": lambda: run(self.ranks(*words)),
                   "encode alone": self.codec_alone("encode", source, codec)}
        with h5py.File(source) as file:
            values, chunks = file["t2m"][...], file["t2m"].chunks
        # h5py has no plugin for the others: then what reads them back is rankine itself.
        back = out if codec in H5PY_READS else self.path("back.nc")
        if back != out:
            run(self.rankine("rechunk", out, "-o", back, "--codec", "none"))
        with h5py.File(back) as file:
            np.testing.assert_array_equal(file["x"][...], values)
        if codec in H5PY_READS:
            self.h5py_write(values, codec, chunks)
            with h5py.File(self.path("h5py.h5")) as file:
                np.testing.assert_array_equal(file["x"][...], values)
            systems["h5py"] = lambda: timed(self.h5py_write, values, codec, chunks)
        seconds = take_turns(systems, self.options.turns)
        share = seconds["encode alone"] / seconds["rankine, 2 threads"]
        self.report("write", codec, layout, seconds, self.gigabytes(),
                    f"{os.path.getsize(out) * 1e-6:.0f} MB written and synced to the disk; rankine "
                    f"reads its input, too; it is at {share:.2f} of two threads that only encode")

    # --- index ---

    def index(self):
        """Files of many chunks, of which one is read, beside a file that is one chunk."""
        side = int(self.options.chunks ** 0.5)
        values = np.arange(side * side, dtype=np.int16).reshape(side, side)
        kinds = {"one chunk": ("latest", (side, side), None),
                 "B-tree, version 1": ("earliest", (1, 1), None),
                 "fixed array": ("latest", (1, 1), None),
                 "extensible array": ("latest", (1, 1), (None, side)),
                 "B-tree, version 2": ("latest", (1, 1), (None, None))}
        systems = {}
        for kind, (version, chunk, most) in kinds.items():
            path = self.path(kind + ".h5")
            with h5py.File(path, "w", libver=version) as file:
                file.create_dataset("x", data=values, chunks=chunk, maxshape=most)
            words = self.rankine("eval", "a = x[0:1, 0:1]", path, "-o", self.path("corner.nc"))
            systems[kind] = lambda words=words: run(words)
        seconds = take_turns(systems, self.options.turns)
        alone = seconds.pop("one chunk")
        for kind, median in seconds.items():
            cost = median - alone
            print(f"index   {side * side} chunks, {kind:<18}: {cost:.3f} s, "
                  f"{cost / side / side * 1e6:.2f} us each")
            self.figures.append({"part": "index", "chunks": side * side, "kind": kind,
                                 "seconds": cost})

    # --- cold storage ---

    def cold(self, codec, layout):
        """Reading what is not in memory; only root can drop it from there."""
        path = self.sample(codec, layout)
        words = self.rankine("eval", "m = mean(t2m, time)", path, "-o", self.path("mean.nc"))
        systems = {"rankine, 2 threads": lambda: run(words),
                   "the file alone": lambda: run(["dd", "if=" + path, "of=/dev/null", "bs=4M"])}
        if codec in H5PY_READS:
            systems["h5py"] = lambda: timed(self.h5py_mean, path)
        def dropped(once):
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
                file.write("1")
            return once()
        seconds = take_turns({name: lambda once=once: dropped(once)
                              for name, once in systems.items()}, self.options.turns)
        self.report("cold", codec, layout, seconds, self.gigabytes())

    # --- rechunk ---

    def rechunk(self):
        t, y, x = self.options.shape
        source = self.sample("deflate-1", "time-major")
        chunks = f"time={t},lat=16,lon=16"
        systems = {"rankine": lambda: run(self.rankine(
            "rechunk", source, "-o", self.path("ours.nc"), "--chunks", chunks, "--memory",
            self.options.memory))}
        if shutil.which("nccopy"):
            systems["nccopy"] = lambda: run(["nccopy", "-c", f"time/{t},lat/16,lon/16", source,
                                             self.path("nccopy.nc")])
        if self.options.h5repack:
            systems["h5repack"] = lambda: run(["h5repack", "-l", f"t2m:CHUNK={t}x16x16", source,
                                               self.path("h5repack.nc")])
        for once in systems.values():
            once()
        with h5py.File(source) as right:
            values = right["t2m"][...]  # each order of chunks is read once, as it lies
        for name in ["ours.nc"] + [name + ".nc" for name in systems if name != "rankine"]:
            with h5py.File(self.path(name)) as made:
                for first in range(0, y, 16):
                    np.testing.assert_array_equal(made["t2m"][:, first:first + 16],
                                                  values[:, first:first + 16])
        del values
        seconds = take_turns(systems, self.options.turns)
        self.report("rechunk", "deflate-1", "to space", seconds, self.gigabytes(),
                    "" if "nccopy" not in seconds else
                    f"rankine is {seconds['nccopy'] / seconds['rankine']:.2f} x nccopy")

    def gigabytes(self):
        t, y, x = self.options.shape
        return t * y * x * 4e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rankine", default="build/release/bin/rankine")
    parser.add_argument("--codec", default="build/release/tests/bench_codec")
    parser.add_argument("--parts", default="read,write,index")
    parser.add_argument("--codecs",
                        default="none,deflate-1,deflate-4,zstd-3,lz4,blosc-lz4,bitshuffle-lz4")
    parser.add_argument("--layouts", default=",".join(LAYOUTS))
    parser.add_argument("--shape", default="800,361,720", help="T,Y,X")
    parser.add_argument("--chunks", type=int, default=1_000_000, help="of the index part")
    parser.add_argument("--memory", default="1GiB", help="of the rechunk part")
    parser.add_argument("--h5repack", action="store_true", help="in the rechunk part, too: slow")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--folder", help="where the files go; the system's if not given")
    parser.add_argument("--json", help="figures as JSON into this file")
    options = parser.parse_args()
    options.shape = tuple(int(n) for n in options.shape.split(","))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        bench = Bench(options, folder)
        for part in options.parts.split(","):
            if part in ("index", "rechunk"):
                getattr(bench, part)()
                continue
            for layout in options.layouts.split(","):
                for codec in options.codecs.split(","):
                    getattr(bench, part)(codec, layout)
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(bench.figures, file, indent=1)


if __name__ == "__main__":
    main()
