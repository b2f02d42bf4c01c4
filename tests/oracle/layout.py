"""Selection, order, joining, shifting, products and creation against NumPy and xarray; and random
compositions of them, which must not depend on how the work was cut."""
import filecmp

import netCDF4
import numpy as np
import xarray as xr

import support
from support import Test, assert_same, assert_within, evaluate, random_array, rng

TYPES = ["int8", "int16", "int32", "int64", "uint8", "uint32", "float32", "float64"]


def slice_text(index):
    """The language's words for a NumPy index."""
    def bound(value):
        return "" if value is None else str(value)

    def item(one):
        if one is Ellipsis:
            return "..."
        if isinstance(one, slice):
            step = "" if one.step is None else f":{one.step}"
            return f"{bound(one.start)}:{bound(one.stop)}{step}"
        return str(one)
    return "[" + ", ".join(item(i) for i in index) + "]"


def random_index(random, shape, integers=True):
    index = []
    for n in shape:
        if integers and n and random.random() < 0.2:
            index.append(int(random.integers(-n, n)))
            continue
        step = int(random.choice([-3, -2, -1, 1, 1, 1, 2, 5]))
        ends = [int(random.integers(-n - 2, n + 3)) if random.random() < 0.6 else None
                for _ in range(2)]
        index.append(slice(ends[0], ends[1], None if step == 1 else step))
    if index and random.random() < 0.3:
        cut = int(random.integers(len(index) + 1))
        skipped = int(random.integers(0, len(index) - cut + 1))
        index[cut:cut + skipped] = [Ellipsis]
    elif random.random() < 0.3:
        index = index[:int(random.integers(0, len(index) + 1))]
    return tuple(index)


def shifted(x, offsets):
    dims = [f"d{k}" for k in range(x.ndim)]
    return xr.DataArray(x, dims=dims).shift({f"d{k}": o for k, o in offsets.items()}).values


class Compositions:
    """Random expressions with what NumPy makes of them. All values are small whole numbers or NaN,
    so that every operation is exact in every order."""

    def __init__(self, random, pool):
        self.random, self.pool = random, pool

    def make(self):
        text, value = self.leaf()
        for _ in range(int(self.random.integers(3, 6))):
            step = getattr(self, "op_" + str(self.random.choice(self.operations)))
            made = step(text, value)
            if made is not None and made[1].ndim <= 5 and made[1].size < 20_000:
                text, value = made
        return text, np.asarray(value)

    operations = ["slice", "slice", "transpose", "concatenate", "rechunk", "shift", "arithmetic",
                  "arithmetic", "reduce", "reduce", "matmul", "where", "astype", "anomaly",
                  "literal"]

    def leaf(self):
        name = str(self.random.choice(list(self.pool)))
        return name, self.pool[name]

    def small(self, text, value):
        return f"(({text}) % 11)", self.lifted(lambda v: v % 11, value)

    @staticmethod
    def lifted(function, value):
        """0-d arrays take part in promotion as all others do."""
        if value.ndim == 0:
            return function(value.reshape(1)).reshape(())
        return function(value)

    def op_slice(self, text, value):
        if value.ndim == 0:
            return None
        index = random_index(self.random, value.shape)
        return (f"({text}){slice_text(index)}", value[index]) if index else None

    def op_transpose(self, text, value):
        order = [int(k) for k in self.random.permutation(value.ndim)]
        if not order or self.random.random() < 0.2:
            return f"transpose({text})", value.T
        return f"transpose({text}, {', '.join(map(str, order))})", value.transpose(order)

    def op_concatenate(self, text, value):
        if value.ndim == 0:
            return None
        axis = int(self.random.integers(value.ndim))
        index = [slice(None)] * value.ndim
        index[axis] = slice(None, None, -2)
        parts = [(text, value), (f"({text}){slice_text(index)}", value[tuple(index)])]
        if self.random.random() < 0.5:
            parts.reverse()
        if self.random.random() < 0.3:
            parts.append((f"astype({text}, float64)", value.astype("f8")))
        return (f"concatenate({', '.join(t for t, _ in parts)}, axis={axis})",
                np.concatenate([v for _, v in parts], axis))

    def op_rechunk(self, text, value):
        if value.ndim == 0:
            return None
        chunks = [str(self.random.choice([-1, 1, 2, 3, 100])) for _ in value.shape]
        return f"rechunk({text}, {', '.join(chunks)})", value

    def op_shift(self, text, value):
        if value.ndim == 0 or value.dtype == bool:
            return None
        offsets = {k: int(self.random.integers(-n - 1, n + 2)) if k == 0 or
                   self.random.random() < 0.3 else 0 for k, n in enumerate(value.shape)}
        return (f"shift({text}, {', '.join(str(o) for o in offsets.values())})",
                shifted(value, offsets))

    def op_arithmetic(self, text, value):
        other_text, other = self.leaf()
        if self.random.random() < 0.5:
            other_text, other = f"({text})", value
        symbol, function = [("+", np.add), ("-", np.subtract), ("*", np.multiply)][
            int(self.random.integers(3))]
        try:
            shape = np.broadcast_shapes(value.shape, other.shape)
        except ValueError:
            return None
        if np.prod(shape, dtype=float) > 20_000:
            return None
        if value.dtype == bool and other.dtype == bool:
            return None
        made = function(np.atleast_1d(value), np.atleast_1d(other)).reshape(shape)
        return self.small(f"({text}) {symbol} {other_text}", made)

    def op_reduce(self, text, value):
        if value.ndim == 0:
            return None
        count = int(self.random.integers(1, value.ndim + 1))
        axes = tuple(int(a) for a in self.random.permutation(value.ndim)[:count])
        if any(value.shape[a] == 0 for a in axes):
            return None
        name = str(self.random.choice(["sum", "min", "max", "count", "mean"]))
        keep = bool(self.random.random() < 0.4)
        made = f"{name}({text}, {', '.join(map(str, axes))}{', keepdims=true' if keep else ''})"
        options = {"axis": axes, "keepdims": keep}
        if name == "count":
            return made, np.asarray(np.sum(~np.isnan(value), dtype="i8", **options))
        if name == "mean":
            result = np.asarray(np.nanmean(value, **options))
            return f"floor({made})", np.floor(result)
        if name == "sum":
            return self.small(made, np.asarray(np.nansum(value, **options)))
        function = getattr(np, name if value.dtype.kind != "f" else "nan" + name)
        return made, np.asarray(function(value, **options))

    def op_anomaly(self, text, value):
        if value.ndim == 0 or 0 in value.shape or value.dtype == bool:
            return None
        axis = int(self.random.integers(value.ndim))
        function = np.nanmax if value.dtype.kind == "f" else np.max
        return self.small(f"({text}) - max({text}, {axis}, keepdims=true)",
                          value - function(value, axis=axis, keepdims=True))

    def op_matmul(self, text, value):
        if value.ndim == 0 or value.dtype == bool:
            return None
        other_text, other = f"transpose({text})", value.T
        if value.ndim > 2:
            order = [*range(value.ndim - 2), value.ndim - 1, value.ndim - 2]
            other_text = f"transpose({text}, {', '.join(map(str, order))})"
            other = value.transpose(order)
        made = np.asarray(np.matmul(value, other))
        return self.small(f"matmul({text}, {other_text})", made)

    def op_where(self, text, value):
        threshold = int(self.random.integers(-3, 9))
        made = self.lifted(lambda v: np.where(v > threshold, v, np.multiply(v, 0)), value)
        return f"where(({text}) > {threshold}, {text}, ({text}) * 0)", made

    def op_astype(self, text, value):
        types = [t for t in TYPES if value.dtype.kind != "f" or t.startswith("float")]
        dtype = str(self.random.choice(types))
        return f"astype({text}, {dtype})", value.astype(dtype)

    def op_literal(self, text, value):
        if value.dtype == bool:
            return None
        return f"({text}) * 2 + 1", self.lifted(lambda v: v * 2 + 1, value)


class Layout(Test):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "in.h5"

    def compute(self, arrays, statements, *options, salt=0):
        support.write_plain(self.path, arrays, rng(salt))
        return evaluate(self.folder, statements, {n: f"{self.path}:/{n}" for n in arrays}, *options)

    def check_all(self, arrays, cases, salt, compare=assert_same):
        """cases: {label: (text, expected)}"""
        got = self.compute(arrays, {k: t for k, (t, _) in cases.items()}, salt=salt)
        for label, (text, wanted) in cases.items():
            with self.each(text):
                compare(got[label], np.asarray(wanted), text)

    def test_slices_of_random_arrays(self):
        random = rng(21)
        arrays, cases = {}, {}
        for i in range(60):
            shape = support.random_shape(random, rank=int(random.integers(1, 5)), most=12)
            arrays[f"x{i}"] = x = random_array(random, random.choice(TYPES), shape)
            for j in range(5):
                index = random_index(random, shape)
                if index:
                    cases[f"r{i}_{j}"] = (f"x{i}{slice_text(index)}", x[index])
        self.check_all(arrays, cases, 21)

    def test_views_of_views(self):
        random = rng(22)
        x = random_array(random, "float32", (40, 31, 9))
        cases = {"a": ("transpose(x[::-2, 3:, 1], 1, 0)[::-1]", x[::-2, 3:, 1].T[::-1]),
                 "b": ("x[::3][::-1][2:5, ::-4]", x[::3][::-1][2:5, ::-4]),
                 "c": ("concatenate(x[:7], x[30:], axis=0)[5:12:3, ..., -1]",
                       np.concatenate([x[:7], x[30:]])[5:12:3, ..., -1]),
                 "d": ("rechunk(x, 7, 31, 2)[1:39:2]", x[1:39:2]),
                 "e": ("x[5:5]", x[5:5]), "f": ("x[-1, -1, -1]", x[-1, -1, -1]),
                 "g": ("transpose(x)[0, 1:30:7]", x.T[0, 1:30:7]),
                 "h": ("concatenate(x, x[:, ::-1], x, axis=-1)",
                       np.concatenate([x, x[:, ::-1], x], -1))}
        self.check_all({"x": x}, cases, 22)

    def test_joining_of_mixed_types(self):
        random = rng(23)
        arrays, cases = {}, {}
        for i in range(40):
            shape = list(support.random_shape(random, rank=int(random.integers(1, 4))))
            axis = int(random.integers(len(shape)))
            parts = []
            for j in range(int(random.integers(1, 5))):
                shape[axis] = int(random.integers(0, 6))
                arrays[f"x{i}_{j}"] = random_array(random, random.choice(TYPES), tuple(shape))
                parts.append(f"x{i}_{j}")
            cases[f"r{i}"] = (f"concatenate({', '.join(parts)}, axis={axis})",
                              np.concatenate([arrays[p] for p in parts], axis))
        self.check_all(arrays, cases, 23)

    def test_shifts_as_in_xarray(self):
        random = rng(24)
        arrays, cases = {}, {}
        for i in range(50):
            shape = support.random_shape(random, rank=int(random.integers(1, 4)))
            arrays[f"x{i}"] = x = random_array(random, random.choice(TYPES), shape)
            offsets = {k: int(random.integers(-n - 3, n + 4)) for k, n in enumerate(shape)}
            cases[f"r{i}"] = (f"shift(x{i}, {', '.join(str(o) for o in offsets.values())})",
                              shifted(x, offsets))
        self.check_all(arrays, cases, 24)

    def test_products(self):
        random = rng(25)
        arrays, cases = {}, {}
        for i in range(50):
            m, k, n = (int(v) for v in random.integers(1, 40, 3))
            left, right = [((k,), (k,)), ((m, k), (k,)), ((k,), (k, n)), ((m, k), (k, n)),
                           ((3, m, k), (3, k, n)), ((2, 1, m, k), (3, k, n)), ((m, k), (2, k, n)),
                           ((2, m, k), (k,))][i % 8]
            a, b = (str(random.choice(TYPES)) for _ in range(2))
            arrays[f"a{i}"] = random_array(random, a, left, special=False)
            arrays[f"b{i}"] = random_array(random, b, right, special=False)
            cases[f"r{i}"] = (f"matmul(a{i}, b{i})", f"a{i}", f"b{i}")
        got = self.compute(arrays, {k: v[0] for k, v in cases.items()}, salt=25)
        for label, (text, a, b) in cases.items():
            with self.each(text):
                x, y = arrays[a], arrays[b]
                label = f"{text} {x.dtype}{x.shape} {y.dtype}{y.shape}"
                dtype = np.matmul(x, y).dtype
                if dtype.kind != "f":
                    assert_same(got[text_label(cases, text)], np.asarray(np.matmul(x, y)), label)
                    continue
                value = got[text_label(cases, text)]
                self.assertEqual(value.dtype, dtype)
                wide = [v.astype(dtype).astype(np.longdouble) for v in (x, y)]
                wanted = np.asarray(np.matmul(*wide))
                bound = 4 * np.finfo(dtype).eps * np.matmul(np.abs(wide[0]), np.abs(wide[1]))
                assert_within(value, wanted, bound, label)

    def test_creation(self):
        cases = {"a": ("zeros(3, 4)", np.zeros((3, 4))),
                 "b": ("ones(5, dtype=int16, chunk=2)", np.ones(5, "i2")),
                 "c": ("full(2.5, 3, 0)", np.full((3, 0), 2.5)),
                 "d": ("full(7, 2, dtype=uint8)", np.full(2, 7, "u1")),
                 "e": ("full(true, 3)", np.full(3, True)),
                 "f": ("arange(10)", np.arange(10)),
                 "g": ("arange(3, 40, 7)", np.arange(3, 40, 7)),
                 "h": ("arange(10, -10, -3, chunk=2)", np.arange(10, -10, -3)),
                 "i": ("arange(0, 1, 0.125)", np.arange(0, 1, 0.125)),
                 "j": ("arange(1.0, 2.0, 0.1)", 1.0 + np.arange(10) * 0.1),
                 "k": ("arange(5, 5)", np.arange(0)),
                 "l": ("arange(100, chunk=7, dtype=float32) * 2", np.arange(100, dtype="f4") * 2),
                 "m": ("ones(3, 1) * arange(4)", np.ones((3, 1)) * np.arange(4)),
                 "n": ("sum(arange(100000, chunk=999))", np.arange(100000).sum()),
                 "o": ("mean(ones(100, 200, chunk=30), 0)", np.ones(200)),
                 "p": ("arange(50, chunk=8)[::-7]", np.arange(50)[::-7])}
        got = evaluate(self.folder, {k: t for k, (t, _) in cases.items()}, [])
        for label, (text, wanted) in cases.items():
            with self.each(text):
                assert_same(got[label], np.asarray(wanted), text)

    def test_random_compositions_whatever_the_plan(self):
        random = rng(26)
        pool = {}
        for i, shape in enumerate([(), (7,), (13, 6), (6, 13), (5, 1, 4), (4, 3, 5), (1,),
                                   (9, 4, 2, 3), (6,), (13, 1)]):
            for dtype in ("int32", "float32", str(random.choice(TYPES))):
                x = random.integers(0, 10, shape).astype(dtype)
                if dtype == "float32":
                    x = np.where(random.random(shape) < 0.15, np.float32(np.nan), x)
                pool[f"x{i}_{dtype}"] = np.asarray(x)
        compositions = Compositions(random, pool)
        cases = {}
        while len(cases) < 300:
            text, value = compositions.make()
            if len(text) < 600:
                cases[f"r{len(cases)}"] = (text, value)
        support.write_plain(self.path, pool, random)
        inputs = {n: f"{self.path}:/{n}" for n in pool}
        parts = [dict(list(cases.items())[i::3]) for i in range(3)]
        for number, part in enumerate(parts):
            self.check_part(part, inputs, f"part{number}.nc")

    def check_part(self, cases, inputs, name):
        texts = {k: t for k, (t, _) in cases.items()}
        try:
            got = evaluate(self.folder, texts, inputs, name=name)
        except AssertionError as failure:
            self.wrong.append(str(failure)[-1200:])
            got = {}
            for label, text in texts.items():  # which one is it?
                try:
                    got.update(evaluate(self.folder, {label: text}, inputs, name="one.nc"))
                except AssertionError as failure:
                    self.wrong.append(f"{text}\n{str(failure)[-700:]}")
        for label, (text, wanted) in cases.items():
            if label not in got:
                continue
            with self.each(text):
                value = got[label]
                zero = np.zeros((), value.dtype)  # signs of zero depend on the order of sums
                assert_same(value if value.dtype == bool else np.asarray(value + zero),
                            wanted if wanted.dtype == bool else np.asarray(wanted + zero), text)
        for options in (["--no-fuse"], ["--reuse", "hold"], ["--reuse", "reread"],
                        ["--reuse", "spill"], ["--threads", "1"], ["--threads", "3"]):
            with self.each(" ".join(options)):
                self.assert_same_bytes(texts, inputs, name, options)

    def assert_same_bytes(self, texts, inputs, name, options):
        words = [w for n, where in inputs.items() for w in ("-v", f"{n}={where}")]
        program = "; ".join(f"{k} = {t}" for k, t in texts.items())
        other = self.folder / ("other-" + name)
        for path, extra in ((self.folder / name, []), (other, options)):
            support.check_run("eval", program, *words, "-o", path, "--overwrite", "--quiet", *extra,
                              env={"SOURCE_DATE_EPOCH": "1000000000"}, timeout=200)
        self.assertTrue(filecmp.cmp(self.folder / name, other, shallow=False),
                        f"{' '.join(options)} gives other bytes (seed {support.SEED})")


def text_label(cases, text):
    return next(label for label, case in cases.items() if case[0] == text)


class Coordinates(Test):
    """Selection by names, indices and values of coordinates."""

    def setUp(self):
        super().setUp()
        random = rng(27)
        self.path = self.folder / "in.nc"
        self.x = random.normal(size=(20, 13, 18)).astype("f4")
        self.coordinates = {"time": np.arange(20.0) * 6 + 100, "lat": np.arange(60.0, -66, -10),
                            "lon": (np.arange(18) * 20).astype("f4")}
        with netCDF4.Dataset(self.path, "w") as file:
            for name, values in self.coordinates.items():
                file.createDimension(name, len(values))
                file.createVariable(name, values.dtype, (name,))[:] = values
            file.createVariable("x", "f4", tuple(self.coordinates), zlib=True,
                                chunksizes=(3, 5, 7))[:] = self.x
        self.array = xr.DataArray(self.x, self.coordinates, list(self.coordinates))

    def check(self, text, wanted, *options):
        output = self.folder / "out.nc"
        support.check_run("eval", f"r = {text}", self.path, "-o", output, "--overwrite", "--quiet",
                          *options)
        with xr.open_dataset(output, decode_times=False) as got:
            label = f"{text} {' '.join(options)}"
            self.assertEqual(got.r.dims, wanted.dims, label)
            assert_same(got.r.values, wanted.values, label)
            for dim in wanted.dims:
                if dim in wanted.coords:
                    self.assertIn(dim, got.coords, label)
                    assert_same(got[dim].values, wanted[dim].values, f"{label}, {dim}")

    def test_ranges_of_values_are_closed(self):
        x = self.array
        with self.each("ascending"):
            self.check("x[time=112.0:136.0]", x.sel(time=slice(112, 136)))
        with self.each("between"):
            self.check("x[time=113.0:137.5, lon=40.0:]",
                       x.sel(time=slice(113, 137.5), lon=slice(40, None)))
        with self.each("descending, from the north"):
            self.check("x[lat=50.0:-10.0]", x.sel(lat=slice(50, -10)))
        with self.each("descending, the other way round"):
            self.check("x[lat=-10.0:50.0]", x.sel(lat=slice(50, -10)))
        with self.each("one value"):
            self.check("x[lat=0.0, lon=20.0]", x.sel(lat=0, lon=20))
        with self.each("step"):
            self.check("x[lon=0.0:200.0:3]", x.sel(lon=slice(0, 200, 3)))
        with self.each("values beside indices"):
            self.check("x[time=3:9, lat=-30.0:30.0, lon=-1]",
                       x.isel(time=slice(3, 9), lon=-1).sel(lat=slice(30, -30)))
        with self.each("values of a slice"):
            self.check("x[::-2][time=112.0:160.0]", x[::-2].sel(time=slice(160, 112)))

    def test_hyperslabs_as_in_nco(self):
        x = self.array
        for options, wanted in [
                (["-d", "time,3,7"], x.isel(time=slice(3, 8))),
                (["-d", "time,2,19,4", "-d", "lon,5"], x.isel(time=slice(2, 20, 4),
                                                              lon=slice(5, 6))),
                (["-d", "lat,-30.0,30.0"], x.sel(lat=slice(30, -30))),
                (["-d", "time,112.0"], x.isel(time=slice(2, 3))),
                (["-d", "lon,,4"], x.isel(lon=slice(0, 5))),
                (["-d", "lat,-3,-1"], x.isel(lat=slice(-3, None)))]:
            with self.each(" ".join(options)):
                self.check("x", wanted, *options)

    def test_names_in_place_of_numbers(self):
        x = self.array
        for text, wanted in [
                ("transpose(x, lon, time, lat)", x.transpose("lon", "time", "lat")),
                ("shift(x, time=2, lon=-1)", x.shift(time=2, lon=-1)),
                ("rechunk(x, time=-1, lat=4)", x),
                ("concatenate(x[time=0:5], x[time=12:], axis=time)",
                 xr.concat([x.isel(time=slice(0, 5)), x.isel(time=slice(12, None))], "time")),
                ("x - mean(x, time)", None),
                ("transpose(x) - x[time=0]", x.transpose() - x.isel(time=0))]:
            with self.each(text):
                if wanted is None:
                    mean = x.astype("f8").mean("time").astype("f4")
                    self.check("x - astype(mean(astype(x, float64), time), float32)", x - mean)
                else:
                    self.check(text, wanted)

    def test_values_that_are_not_there(self):
        for text in ("x[time=113.0]", "x[lat=70.0:80.0]", "x[time=200.0:120.0]", "x[lat=99]",
                     "x[time=0:5, time=3]", "x[0, 0, 0, 0]", "x[0:5:0]"):
            with self.each(text):
                result = support.run("eval", f"r = {text}", self.path)
                self.assertEqual(result.code, 2, f"{text}\n{result}")
                self.block_of(result)


if __name__ == "__main__":
    support.main()
