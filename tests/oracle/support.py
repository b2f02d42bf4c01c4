"""What the end-to-end tests share: running rankine, input and output files, random arrays, and
comparison by the accuracy the language promises.

A test program is called with the executable. Its tests are unittest cases; `main()` runs them,
prints what was skipped and why, and fails if anything failed.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

import h5py
import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import launcher

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
SEED = int(os.environ.get("RANKINE_SEED") or np.random.SeedSequence().entropy % 2**32)
DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float32", "float64"]
FLOATS = ["float32", "float64"]
MOST_TEXT = 60_000  # of one expression, in bytes; the language refuses 64 KiB

np.seterr(all="ignore")
warnings.filterwarnings("ignore", category=RuntimeWarning)  # NumPy's, of empty slices


def rng(salt=0):
    return np.random.default_rng([SEED, salt])


def executable():
    return main.executable


# ---------------------------------------------------------------------------------- running rankine

class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout.decode(errors="replace")
        self.err = process.stderr.decode(errors="replace")

    def __str__(self):
        return f"exit code {self.code}\nstdout: {self.out[-2000:]}\nstderr: {self.err[-4000:]}"


def run(*arguments, ranks=0, timeout=120, env=None, prefix=(), cwd=None):
    """Runs rankine; ranks=0: alone, without a launcher. A run that exceeds `timeout` seconds raises
    subprocess.TimeoutExpired, which fails the test."""
    command = list(prefix) + ([*launcher.LAUNCH, "-n", str(ranks)] if ranks else [])
    command += [executable(), *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, timeout=timeout, cwd=cwd,
                             stdin=subprocess.DEVNULL,
                             env={**launcher.SETTINGS, **os.environ, **(env or {})})
    return Result(process)


def check_run(*arguments, **options):
    result = run(*arguments, **options)
    if result.code != 0:
        words = " ".join(map(str, arguments))
        raise AssertionError(f"rankine {words[:1500]}\n{result}")
    return result


# -------------------------------------------------------------------------------------------- files

def write_plain(path, arrays, rng=None, chunks=None):
    """An HDF5 file without dimension names. With `rng`, most data sets are cut into random chunks
    that rarely divide the shape, some of them compressed."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            options = {}
            if chunks and name in chunks:
                options["chunks"] = chunks[name]
            elif rng is not None and array.ndim and array.size and rng.random() < 0.8:
                options["chunks"] = tuple(int(rng.integers(1, n + 1)) for n in array.shape)
            if "chunks" in options and rng is not None and rng.random() < 0.5:
                options.update(compression="gzip", compression_opts=1, shuffle=True)
            file.create_dataset(name, data=array, **options)


def read_output(path):
    """Every variable of an output file, decoded as its attributes say: missing is NaN, bool is
    bool."""
    result = {}
    with h5py.File(path, "r") as file:
        for name, item in file.items():
            if not isinstance(item, h5py.Dataset) or is_pure_dimension(item):
                continue
            result[name] = decoded(item)
    return result


def is_pure_dimension(item):
    name = item.attrs.get("NAME", b"")
    name = name if isinstance(name, bytes) else str(name).encode()
    return name.startswith(b"This is a netCDF dimension but not a netCDF variable")


def decoded(item):
    values = np.asarray(item[()])
    kind = item.attrs.get("dtype")
    if kind in ("bool", b"bool"):
        # Anything else stays as it is, and has the wrong type for who compares it.
        proper = values.dtype == np.int8 and np.isin(values, (0, 1)).all()
        return values.astype(bool) if proper else values
    if values.dtype.kind == "f" and "_FillValue" in item.attrs:
        fill = np.asarray(item.attrs["_FillValue"]).reshape(-1)[0]
        assert np.isfinite(fill), f"{item.name}: _FillValue is {fill}"
        assert not np.isnan(values).any(), f"{item.name}: NaN was not written as _FillValue"
        values = np.where(values == fill, values.dtype.type(np.nan), values)
    return values


def evaluate(folder, statements, inputs, *options, name="out.nc", ranks=0):
    """Computes {name: expression} in as few runs as the limit on an expression's length allows.
    inputs: {name: "FILE:/path"}, or a list of words for the command line."""
    words = []
    if isinstance(inputs, dict):
        for variable, where in inputs.items():
            words += ["-v", f"{variable}={where}"]
    else:
        words = list(inputs)
    parts, text = [], ""
    for variable, expression in statements.items():
        statement = f"{variable} = {expression}"
        if text and len(text) + len(statement) > MOST_TEXT:
            parts.append(text)
            text = ""
        text += ("; " if text else "") + statement
    parts.append(text)
    result = {}
    for part in parts:
        output = pathlib.Path(folder) / name
        check_run("eval", part, *words, "-o", output, "--overwrite", "--quiet", *options,
                  ranks=ranks, timeout=200)
        result.update(read_output(output))
    return result


# ----------------------------------------------------------------------------------- random arrays

def random_shape(rng, rank=None, most=9, zeros=True):
    rank = int(rng.integers(0, 5)) if rank is None else rank
    shape = [int(rng.integers(1, most + 1)) for _ in range(rank)]
    if zeros and rank and rng.random() < 0.1:
        shape[int(rng.integers(rank))] = 0
    return tuple(shape)


def random_array(rng, dtype, shape, special=True):
    """All bits for integers; floats of all sizes with NaN, infinities, zeros of both signs."""
    dtype = np.dtype(dtype)
    if dtype == bool:
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        wide = rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
        small = rng.integers(max(limits.min, -9), 10, shape).astype(dtype)
        return np.asarray(np.where(rng.random(shape) < 0.5, wide, small), dtype)
    values = rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, shape)
    if special:
        odd = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5], shape)
        values = np.where(rng.random(shape) < 0.2, odd, values)
    return np.asarray(values, dtype)


# --------------------------------------------------------------------------------------- comparison

def ulp_distance(got, wanted):
    """Steps between neighbouring floats from one array to the other. wanted may be of a wider
    type, and is rounded."""
    wanted = wanted.astype(got.dtype)
    bits = np.dtype(f"i{got.dtype.itemsize}")
    low = np.iinfo(bits).min

    def ordered(x):
        i = np.ascontiguousarray(x).view(bits).reshape(x.shape)
        return np.where(i < 0, low - i, i).astype(np.float64)  # far apart: exactness is not needed
    distance = np.abs(ordered(got) - ordered(wanted))
    near = distance < 2.0**40
    exact = np.abs(np.where(near, ordered_integers(got, bits, low), 0)
                   - np.where(near, ordered_integers(wanted, bits, low), 0))
    return np.where(near, exact, distance)


def ordered_integers(x, bits, low):
    i = np.ascontiguousarray(x).view(bits).reshape(x.shape)
    return np.where(i < 0, low - i, i)


def assert_type(got, wanted, label):
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        raise AssertionError(f"{label}: {got.dtype} {got.shape}, expected {wanted.dtype} "
                             f"{wanted.shape} (seed {SEED})")


def fail_at(bad, got, wanted, label):
    at = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(bad)))
    got, wanted = np.atleast_1d(got), np.atleast_1d(wanted)
    raise AssertionError(f"{label}: element {at} is {got[at]!r}, expected {wanted[at]!r}; "
                         f"{np.count_nonzero(bad)} of {got.size} differ (seed {SEED})")


def assert_same(got, wanted, label):
    """Type, shape and every bit, but for the bits of NaN."""
    wanted = np.asarray(wanted)
    assert_type(got, wanted, label)
    if got.dtype.kind == "f":
        same = (got == wanted) & (np.signbit(got) == np.signbit(wanted))
        same |= np.isnan(got) & np.isnan(wanted)
    else:
        same = got == wanted
    if not np.all(same):
        fail_at(~same, got, wanted, label)


def assert_ulp(got, wanted, label, most=4):
    """wanted is of a wider type than got, or the same."""
    assert got.shape == wanted.shape, f"{label}: shape {got.shape}, expected {wanted.shape}"
    rounded = wanted.astype(got.dtype)
    same = (np.isnan(got) & np.isnan(rounded)) | (got == rounded)
    near = np.isfinite(got) & np.isfinite(rounded) & (ulp_distance(got, rounded) <= most)
    # A result at the edge of the range may round to infinity or not.
    edge = np.finfo(got.dtype).max
    near |= (np.abs(got) >= edge) & (np.abs(rounded) >= edge) & (np.sign(got) == np.sign(rounded))
    if not np.all(same | near):
        fail_at(~(same | near), got, wanted, label)


def assert_within(got, wanted, tolerance, label):
    """NaN where NaN is expected, equal infinities, else |got - wanted| <= tolerance."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"{label}: shape {got.shape}, expected {wanted.shape}"
    wide = np.longdouble
    same = (np.isnan(got) & np.isnan(wanted)) | (got == wanted.astype(got.dtype))
    near = np.isfinite(got) & np.isfinite(wanted)
    near &= np.abs(got.astype(wide) - wanted.astype(wide)) <= tolerance
    if not np.all(same | near):
        fail_at(~(same | near), got, wanted, label)


# ---------------------------------------------------------------------------------------------- run

class Test(unittest.TestCase):
    """A case with a folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rankine-oracle-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.wrong = []
        self.addCleanup(self.report_wrong)

    @contextlib.contextmanager
    def each(self, label):
        """One of many comparisons: the others go on, and the first few failures are told."""
        try:
            yield
        except AssertionError as failure:
            self.wrong.append(f"{label}: {failure}")

    def report_wrong(self):
        if self.wrong:
            told = "\n".join(text[:1500] for text in self.wrong[:8])
            self.fail(f"{len(self.wrong)} comparisons failed (seed {SEED}), first:\n{told}")

    def block_of(self, result):
        """The one error block on stderr, which nothing stands beside."""
        lines = [line for line in result.err.splitlines() if line.strip()]
        blocks = [line for line in lines if line.startswith("rankine: error: ")]
        self.assertEqual(len(blocks), 1, f"expected one error block\n{result}")
        return result.err


def words_of(text):
    """Names that look like identifiers."""
    return re.findall(r"[A-Za-z_][A-Za-z_0-9]*", text)


def load_json(path):
    return json.loads(pathlib.Path(path).read_text())


def main():
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} RANKINE [unittest arguments]")
    main.executable = os.path.abspath(sys.argv[1])
    print(f"seed {SEED}; again with RANKINE_SEED={SEED}", flush=True)
    program = unittest.main(module="__main__", argv=[sys.argv[0], *sys.argv[2:]], exit=False,
                            verbosity=1, warnings=False)
    for case, reason in program.result.skipped:
        print(f"{case.id()}: Skipped\n{reason}")
    sys.exit(0 if program.result.wasSuccessful() else 1)
