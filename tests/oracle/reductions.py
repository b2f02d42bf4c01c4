"""Reductions against NumPy: axes, keepdims, missing data, types, accuracy, empty input."""
import netCDF4
import numpy as np

import support
from support import DTYPES, FLOATS, Test, assert_same, assert_within, evaluate, random_array, rng

NAMES = ["sum", "prod", "mean", "var", "std", "min", "max", "any", "all", "count"]
NAN_NAMES = ["nan" + n for n in NAMES[:7]]
WIDE = np.longdouble


def result_type(name, dtype):
    dtype = np.dtype(dtype)
    if name in ("any", "all"):
        return np.dtype(bool)
    if name == "count":
        return np.dtype("i8")
    if name in ("min", "max"):
        return dtype
    if name in ("sum", "prod"):
        return {"f": dtype, "u": np.dtype("u8")}.get(dtype.kind, np.dtype("i8"))
    return np.dtype("f4") if dtype == np.float32 else np.dtype("f8")


def plain(name, x, axes, keepdims, ddof):
    """NumPy's plain function, floats in a type with room to spare."""
    options = {"axis": axes, "keepdims": keepdims}
    if name == "count":
        return np.sum(~np.isnan(x), dtype="i8", **options)
    if name in ("any", "all", "min", "max"):
        return getattr(np, name)(x, **options)
    if name in ("sum", "prod") and x.dtype.kind != "f":
        return getattr(np, name)(x, **options)
    if name in ("var", "std"):
        options["ddof"] = ddof
    return getattr(np, name)(x.astype(WIDE), **options)


def skipping(name, x, axes, keepdims, ddof):
    """The same of what is not NaN; of nothing: sum 0, prod 1, count 0, else NaN."""
    if x.dtype.kind != "f" or name in ("any", "all", "count"):
        return plain(name, x, axes, keepdims, ddof)
    missing = np.isnan(x)
    y = x.astype(WIDE)
    options = {"axis": axes, "keepdims": keepdims}
    count = np.sum(~missing, **options)
    if name in ("sum", "prod"):
        return getattr(np, name)(np.where(missing, 0 if name == "sum" else 1, y), **options)
    if name in ("min", "max"):
        end = np.inf if name == "min" else -np.inf
        value = getattr(np, name)(np.where(missing, end, y), **options)
        return np.where(count == 0, np.nan, value)
    sums = {"axis": axes, "keepdims": True}
    mean = np.sum(np.where(missing, 0, y), **sums) / np.sum(~missing, **sums)
    if name == "mean":
        return mean if keepdims else np.sum(mean, axis=axes)
    squares = np.sum(np.where(missing, 0, (y - mean) ** 2), **options)
    freedom = np.where(count - ddof > 0, count - ddof, np.nan).astype(WIDE)
    variance = squares / freedom
    return variance if name == "var" else np.sqrt(variance)


def tolerance(name, x, axes, keepdims, skipna, wanted):
    """By the language's promise; relative for var and std, for products a step for each factor."""
    eps = np.finfo(result_type(name, x.dtype)).eps
    options = {"axis": axes, "keepdims": keepdims}
    size = np.abs(x.astype(WIDE))
    if skipna and x.dtype.kind == "f":
        size = np.where(np.isnan(x), 0, size)
    counted = np.ones(x.shape) if x.dtype.kind != "f" or not skipna else ~np.isnan(x)
    if name == "sum":
        return 4 * eps * np.sum(size, **options)
    if name == "mean":
        return 4 * eps * np.sum(size, **options) / np.maximum(np.sum(counted, **options), 1)
    if name == "prod":
        return np.abs(wanted) * eps * (np.sum(counted, **options) + 4)
    return np.abs(wanted) * (1e-6 if x.dtype == np.float32 else 1e-12)


class Case:
    def __init__(self, name, array, axes=(), keepdims=False, skipna=None, ddof=0, words=None):
        self.name, self.array, self.keepdims, self.skipna, self.ddof = (
            name, array, keepdims, skipna, ddof)
        self.axes = tuple(axes)
        self.words = [str(a) for a in axes] if words is None else words

    def text(self):
        words = [self.array, *self.words]
        words += ["keepdims=true"] if self.keepdims else []
        takes_skipna = self.skipna is not None and self.name not in ("any", "all", "count")
        words += [f"skipna={str(self.skipna).lower()}"] if takes_skipna else []
        words += [f"ddof={self.ddof}"] if self.ddof else []
        return f"{self.name}({', '.join(words)})"

    def check(self, got, x):
        name = self.name.removeprefix("nan")
        axes = tuple(a % x.ndim for a in self.axes) or None
        skipna = self.name.startswith("nan") or self.skipna is not False
        oracle = skipping if skipna else plain
        wanted = np.asarray(oracle(name, x, axes, self.keepdims, self.ddof))
        dtype = result_type(name, x.dtype)
        label = f"{self.text()} of {x.dtype}{x.shape}"
        assert got.dtype == dtype, f"{label}: {got.dtype}, expected {dtype}"
        if dtype.kind != "f" or name in ("min", "max"):
            # Which zero is the smaller one, NumPy leaves open.
            zero = np.zeros((), dtype) if dtype != bool else np.False_
            assert_same(got + zero, wanted.astype(dtype) + zero, label)
        else:
            bound = tolerance(name, x, axes, self.keepdims, skipna, wanted)
            assert_within(got, wanted, bound, label)


class Reductions(Test):
    def compute(self, arrays, cases, salt=0, *options):
        path = self.folder / "in.h5"
        support.write_plain(path, arrays, rng(salt))
        got = evaluate(self.folder, {f"r{i}": case.text() for i, case in enumerate(cases)},
                       {n: f"{path}:/{n}" for n in arrays}, *options)
        for i, case in enumerate(cases):
            with self.each(case.text()):
                case.check(got[f"r{i}"], arrays[case.array])

    def test_every_reduction_of_every_type(self):
        random = rng(11)
        arrays = {d: random_array(random, d, (7, 11, 5), special=False) for d in DTYPES}
        arrays = {f"x_{d}": x for d, x in arrays.items()}
        cases = [Case(name, x, axes) for name in NAMES + NAN_NAMES for x in arrays
                 for axes in ((), (0,), (-1,), (0, 2))]
        self.compute(arrays, cases, 11)

    def test_random_shapes_axes_and_missing_data(self):
        random = rng(12)
        arrays, cases = {}, []
        for i in range(60):
            shape = support.random_shape(random, rank=int(random.integers(1, 5)), zeros=False)
            x = random_array(random, random.choice(FLOATS), shape, special=False)
            share = random.choice([0, 0.1, 0.5, 1])
            arrays[f"x{i}"] = np.where(random.random(shape) < share, x.dtype.type(np.nan), x)
            for _ in range(5):
                axes = random.permutation(len(shape))[:int(random.integers(0, len(shape) + 1))]
                axes = [int(a) - (len(shape) if random.random() < 0.3 else 0) for a in axes]
                name = str(random.choice(NAMES + NAN_NAMES))
                skipna = None if name.startswith("nan") else [None, True, False][
                    int(random.integers(3))]
                ddof = int(random.integers(0, 3)) if name[-3:] in ("var", "std") else 0
                reduced = [shape[a] for a in axes] if axes else shape
                if skipna is False and np.prod(reduced) <= ddof:
                    ddof = 0  # a test of its own
                cases.append(Case(name, f"x{i}", axes, bool(random.random() < 0.3), skipna, ddof))
        self.compute(arrays, cases, 12)

    def test_long_axes_with_infinities(self):
        random = rng(13)
        arrays = {"x": random_array(random, "float64", (5000, 3)),
                  "y": np.array([1, np.inf, 2]), "z": np.array([1, np.inf, -np.inf])}
        cases = [Case(name, x, (0,), skipna=skipna) for name in ("sum", "mean", "min", "max", "count")
                 for x in arrays for skipna in (True, False)]
        self.compute(arrays, cases, 13)

    def test_no_degrees_of_freedom(self):
        """NumPy divides by zero, its skipping functions give NaN."""
        arrays = {"x": np.array([[1.0, 2.0], [1.0, 2.5]]), "y": np.array([[1.0], [np.nan]])}
        cases = [Case(name, x, axes, skipna=skipna, ddof=2) for name in ("var", "std")
                 for x in arrays for axes in ((0,), (1,)) for skipna in (True, False)]
        self.compute(arrays, cases, 19)

    def test_axes_by_name(self):
        random = rng(14)
        path = self.folder / "named.nc"
        x = random.normal(size=(8, 5, 6)).astype("f4")
        with netCDF4.Dataset(path, "w") as file:
            for name, length in zip(("time", "lat", "lon"), x.shape):
                file.createDimension(name, length)
            file.createVariable("x", "f4", ("time", "lat", "lon"), chunksizes=(3, 2, 4))[:] = x
        number = {"time": 0, "lat": 1, "lon": 2}
        for keepdims in (False, True):  # in files of their own: one name, two lengths
            cases = [Case(n, "x", [number[w] for w in words], keepdims, words=list(words))
                     for n in NAMES for words in (("time",), ("lon", "time"), ("lat",))]
            got = evaluate(self.folder, {f"r{i}": c.text() for i, c in enumerate(cases)},
                           [str(path)])
            for i, case in enumerate(cases):
                with self.each(case.text()):
                    case.check(got[f"r{i}"], x)
            if keepdims:
                continue
            with netCDF4.Dataset(self.folder / "out.nc") as file:
                for i, case in enumerate(cases):
                    kept = tuple(d for d in number if d not in case.words)
                    self.assertEqual(file.variables[f"r{i}"].dimensions, kept)

    def test_a_large_mean_costs_no_digits_of_the_variance(self):
        random = rng(15)
        arrays = {}
        for dtype in FLOATS:
            arrays[f"x_{dtype}"] = random.normal(1e6, 1, 1_000_000).astype(dtype)
            small = random.normal(1, 1e-3, (1000, 1000)).astype(dtype)
            small[random.random(small.shape) < 0.2] = np.nan
            arrays[f"y_{dtype}"] = small
        cases = [Case(name, x, axes) for name in ("sum", "mean", "var", "std", "min", "max", "count")
                 for x in arrays for axes in ((), (0,))]
        self.compute(arrays, cases, 15)

    def test_integers_are_exact_and_wrap(self):
        limits = np.iinfo("i8")
        arrays = {"a": np.array([limits.max, 1, 5]), "b": np.array([2**63, 2**63, 7], "u8"),
                  "c": np.full(1000, 127, "i1"), "d": np.full(70, 3, "i4"),
                  "e": np.array([limits.min, -1, 2**53 + 1])}
        cases = [Case(n, x) for n in ("sum", "prod", "min", "max", "any", "all", "count")
                 for x in arrays]
        self.compute(arrays, cases, 16)

    def test_empty_axes(self):
        arrays = {f"x_{d}": np.zeros((4, 0, 3), d) for d in ("f4", "f8", "i4", "bool")}
        cases = [Case(n, x, axes) for n in ("sum", "prod", "mean", "var", "any", "all", "count")
                 for x in arrays for axes in ((1,), ())]
        cases += [Case(n, x, (0,)) for n in NAMES for x in arrays]  # nothing is kept, either
        self.compute(arrays, cases, 17)

    def test_the_least_of_nothing_is_refused(self):
        path = self.folder / "in.h5"
        support.write_plain(path, {"x": np.zeros((4, 0, 3)), "i": np.zeros((0,), "i4")})
        for expression in ("min(x, 1)", "max(x)", "nanmin(x, 1)", "max(x, skipna=false)", "min(i)"):
            result = support.run("eval", f"r = {expression}", "-v", f"x={path}:/x", "-v",
                                 f"i={path}:/i", "-o", self.folder / "no.nc")
            self.assertEqual(result.code, 2, f"{expression}\n{result}")
            self.block_of(result)
            self.assertFalse((self.folder / "no.nc").exists())

    def test_reductions_of_reductions_and_of_expressions(self):
        random = rng(18)
        path = self.folder / "in.h5"
        x = random.normal(size=(30, 20, 10))
        x[random.random(x.shape) < 0.1] = np.nan
        support.write_plain(path, {"x": x}, rng(18))
        texts = {"a": ("max(mean(x, 0), 1)", np.nanmax(np.nanmean(x, 0), 1)),
                 "b": ("x - mean(x, 0)", x - np.nanmean(x, 0)),
                 "c": ("(x - mean(x, 0)) / std(x, 0)", (x - np.nanmean(x, 0)) / np.nanstd(x, 0)),
                 "d": ("mean(x * x) - mean(x) ^ 2", np.nanmean(x * x) - np.nanmean(x) ** 2),
                 "e": ("mean(where(x > 0, x, 0), 2)", np.nanmean(np.where(x > 0, x, 0), 2)),
                 "f": ("count(x > 0) - sum(x > 0)", np.asarray(x.size - np.sum(x > 0))),
                 "g": ("sum(isnan(x), 1, 2)", np.sum(np.isnan(x), (1, 2)))}
        got = evaluate(self.folder, {k: t for k, (t, _) in texts.items()}, {"x": f"{path}:/x"})
        for label, (text, wanted) in texts.items():
            with self.each(text):
                assert_within(got[label], np.asarray(wanted), 1e-12, text)


if __name__ == "__main__":
    support.main()
