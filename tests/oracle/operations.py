"""Elementwise operations against NumPy: values, types, broadcasting, alignment, literals, casts."""
import re

import netCDF4
import numpy as np
import xarray as xr

import support
from support import DTYPES, FLOATS, Test, assert_same, assert_ulp, evaluate, random_array, rng

EXACT_BINARY = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide,
                "%": np.remainder, "==": np.equal, "!=": np.not_equal, "<": np.less,
                "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
                "&": np.bitwise_and, "|": np.bitwise_or,
                "minimum": np.minimum, "maximum": np.maximum}
EXACT_UNARY = {"-": np.negative, "!": np.bitwise_not, "not": np.logical_not, "abs": np.absolute,
               "sqrt": np.sqrt, "square": np.square, "floor": np.floor, "ceil": np.ceil,
               "round": np.round, "sign": np.sign, "isnan": np.isnan, "isfinite": np.isfinite}
NEAR_UNARY = {name: getattr(np, numpy) for name, numpy in {
    "exp": "exp", "log": "log", "log10": "log10", "log1p": "log1p", "expm1": "expm1",
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh"}.items()}
NEAR_BINARY = {"^": np.power, "atan2": np.arctan2}
# The names of the table that the symbols above stand for.
SYMBOLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "mod": "%", "pow": "^",
           "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
           "greater_equal": ">=", "and": "&", "or": "|", "invert": "!", "negative": "-"}


def call(name, *operands):
    # logical_not has a reserved word for a name of its own, so NumPy's stands in the language.
    name = {"not": "logical_not"}.get(name, name)
    if name[0].isalpha():
        return f"{name}({', '.join(operands)})"
    return f"({name}({operands[0]}))" if len(operands) == 1 else f" {name} ".join(operands)


def numpy_apply(function, *arrays):
    """NumPy with 0-d arrays promoting by their type alone: as arrays of rank 1."""
    ranks = [np.ndim(a) for a in arrays]
    lifted = [np.reshape(a, (1,)) if isinstance(a, np.ndarray) and a.ndim == 0 else a
              for a in arrays]
    result = function(*lifted)
    return result.reshape(()) if max(ranks) == 0 else result


def widened(function, *arrays):
    """The same in a type with room to spare; None if NumPy has no such loop."""
    result = numpy_apply(function, *arrays)
    if result.dtype == np.float16:
        result = result.astype(np.float32)
    wide = np.float64 if result.dtype == np.float32 else np.longdouble
    # The operands are first converted to the type the operation computes in.
    operands = [np.asarray(a, result.dtype).astype(wide) for a in arrays]
    return result.dtype, function(*operands)


def accepts(function, *dtypes):
    try:
        function(*(np.ones(1, d) for d in dtypes))
    except TypeError:
        return False
    return True


class Operations(Test):
    def compute(self, arrays, statements, *options, salt=0):
        path = self.folder / "in.h5"
        support.write_plain(path, arrays, rng(salt))
        return evaluate(self.folder, statements, {n: f"{path}:/{n}" for n in arrays}, *options)

    def test_that_every_operation_of_the_table_is_tested(self):
        text = (support.ROOT / "runtime/kernels/op_table.h").read_text()
        names = re.findall(r'X\(k\w+, "\w+", "(\w+)"', text)
        self.assertGreater(len(names), 40)
        tested = {*EXACT_UNARY, *EXACT_BINARY, *NEAR_UNARY, *NEAR_BINARY, "where", "clip"}
        self.assertEqual([n for n in names if SYMBOLS.get(n, n) not in tested], [])

    def test_unary_operations_of_every_type(self):
        random = rng(1)
        arrays = {f"x_{d}": random_array(random, d, (3, 37, 11)) for d in DTYPES}
        cases = {}
        for table in (EXACT_UNARY, NEAR_UNARY):
            for number, (name, function) in enumerate(table.items()):
                for d in DTYPES:
                    if accepts(function, d):
                        label = f"r{number}_{'e' if table is EXACT_UNARY else 'n'}_{d}"
                        cases[label] = (name, function, arrays[f"x_{d}"], call(name, f"x_{d}"))
        got = self.compute(arrays, {k: v[3] for k, v in cases.items()})
        for label, (name, function, x, text) in cases.items():
            with self.each(text):
                if name in EXACT_UNARY:
                    wanted = function(x)
                    if wanted.dtype == np.float16:  # of 8-bit integers; exact there
                        wanted = function(x.astype(np.float32))
                    assert_same(got[label], wanted, text)
                else:
                    dtype, wanted = widened(function, x)
                    self.assertEqual(got[label].dtype, dtype)
                    assert_ulp(got[label], wanted, text)

    def test_binary_operations_of_every_pair_of_types(self):
        random = rng(2)
        arrays = {}
        for d in DTYPES:
            arrays[f"x_{d}"] = random_array(random, d, (5, 13))
            arrays[f"y_{d}"] = random_array(random, d, (5, 13))
        cases = {}
        for name, function in EXACT_BINARY.items():
            for a in DTYPES:
                for b in DTYPES:
                    if accepts(function, a, b):
                        cases[f"r{len(cases)}"] = (name, function, f"x_{a}", f"y_{b}")
        got = self.compute(arrays, {k: call(v[0], v[2], v[3]) for k, v in cases.items()})
        for label, (name, function, a, b) in cases.items():
            with self.each(call(name, a, b)):
                wanted = function(arrays[a], arrays[b])
                if wanted.dtype == np.float16:
                    wanted = function(arrays[a].astype("f4"), arrays[b].astype("f4"))
                self.compare_exact(name, got[label], wanted, call(name, a, b))

    def compare_exact(self, name, got, wanted, label):
        if name in ("minimum", "maximum", "%"):
            # Which zero the smaller of +0 and -0 is, NumPy leaves to the vector unit.
            got, wanted = got + got.dtype.type(0), wanted + wanted.dtype.type(0)
        assert_same(got, wanted, label)

    def test_powers_and_angles_of_every_pair_of_types(self):
        random = rng(3)
        arrays = {}
        for d in DTYPES:
            arrays[f"x_{d}"] = random_array(random, d, (7, 9))
            y = random_array(random, d, (7, 9))
            if np.dtype(d).kind in "iu":
                y = (y % np.array(9, d)).astype(d)
            arrays[f"y_{d}"] = y
        cases = {}
        for name, function in NEAR_BINARY.items():
            for a in DTYPES:
                for b in DTYPES:
                    cases[f"r{len(cases)}"] = (name, function, f"x_{a}", f"y_{b}")
        got = self.compute(arrays, {k: call(v[0], v[2], v[3]) for k, v in cases.items()})
        for label, (name, function, a, b) in cases.items():
            text = call(name, a, b)
            with self.each(text):
                x, y = arrays[a], arrays[b]
                exact = numpy_apply(function, x, y)
                if exact.dtype.kind in "iu":
                    assert_same(got[label], exact, text)
                    continue
                dtype, wanted = widened(function, x, y)
                self.assertEqual(got[label].dtype, dtype)
                assert_ulp(got[label], wanted, text)

    def test_random_shapes_broadcast_by_position(self):
        random = rng(4)
        arrays, cases = {}, {}
        while len(cases) < 120:
            i = len(cases)
            whole = support.random_shape(random)
            shapes = [tuple(1 if n and random.random() < 0.25 else n
                            for n in whole[int(random.integers(0, len(whole) + 1)):])
                      for _ in range(2)]
            if random.random() < 0.5:
                shapes[int(random.integers(2))] = whole
            for side, shape in zip("xy", shapes):
                arrays[f"{side}{i}"] = random_array(random, random.choice(DTYPES), shape)
            name = random.choice(list(EXACT_BINARY))
            x, y = arrays[f"x{i}"], arrays[f"y{i}"]
            if accepts(EXACT_BINARY[name], x.dtype, y.dtype):
                cases[f"r{i}"] = (name, f"x{i}", f"y{i}")
        got = self.compute(arrays, {k: call(*v) for k, v in cases.items()}, salt=4)
        for label, (name, a, b) in cases.items():
            x, y = arrays[a], arrays[b]
            text = f"{call(name, a, b)} {x.dtype}{x.shape} {y.dtype}{y.shape}"
            with self.each(text):
                wanted = numpy_apply(EXACT_BINARY[name], x, y)
                if wanted.dtype == np.float16:
                    wanted = numpy_apply(EXACT_BINARY[name], x.astype("f4"), y.astype("f4"))
                self.compare_exact(name, got[label], wanted, text)

    def test_where_and_clip_of_mixed_types_and_shapes(self):
        random = rng(5)
        arrays, cases = {}, {}
        for i in range(80):
            shape = support.random_shape(random)
            a, b, c = (random.choice(DTYPES) for _ in range(3))
            arrays[f"a{i}"] = random_array(random, a, shape)
            arrays[f"b{i}"] = random_array(random, b, shape[1:])
            arrays[f"c{i}"] = random_array(random, c if i % 2 else "bool", shape)
            low, high = sorted(int(v) for v in random.integers(0, 50, 2))
            cases[f"w{i}"] = (f"where(c{i}, a{i}, b{i})",
                              lambda i=i: numpy_apply(np.where, arrays[f"c{i}"].astype(bool),
                                                      arrays[f"a{i}"], arrays[f"b{i}"]))
            cases[f"k{i}"] = (f"clip(a{i}, {low}, {high})",
                              lambda i=i, r=(low, high): numpy_apply(np.clip, arrays[f"a{i}"], *r))
        got = self.compute(arrays, {k: v[0] for k, v in cases.items()}, salt=5)
        for label, (text, oracle) in cases.items():
            with self.each(text):
                assert_same(got[label], oracle(), text)

    def test_literals_are_weak(self):
        random = rng(6)
        literals = ["0", "1", "-1", "100", "127", "128", "-128", "-129", "255", "256", "-32769",
                    "40000", "65535", "65536", "70000", "3000000000", "-3000000000", "5000000000",
                    "9223372036854775807", "1.5", "-0.5", "2.0", "1e10", "1e39", "1e300", "true",
                    "false", "nan", "inf"]
        arrays = {f"x_{d}": random_array(random, d, (4, 9)) for d in DTYPES}
        value = {"true": True, "false": False, "nan": np.nan, "inf": np.inf}
        cases = {}
        for d in DTYPES:
            for text in literals:
                number = value[text] if text in value else (
                    float(text) if set(text) & set(".e") else int(text))
                for name in ("+", "*", "<", "/"):
                    if name == "/" and number in (0, False):
                        continue
                    cases[f"r{len(cases)}"] = (name, f"x_{d}", text, number)
        got = self.compute(arrays, {k: call(*v[:3]) for k, v in cases.items()})
        for label, (name, x, text, number) in cases.items():
            with self.each(call(name, x, text)):
                wanted = EXACT_BINARY[name](arrays[x], number)
                if wanted.dtype == np.float16:
                    wanted = EXACT_BINARY[name](arrays[x].astype("f4"), number)
                assert_same(got[label], wanted, call(name, x, text))

    def test_integer_literals_find_the_first_loop_that_takes_them(self):
        random = rng(7)
        literals = ["1", "-1", "5", "127", "128", "-129", "255", "256", "300", "40000", "65536",
                    "70000", "-70000", "3000000000", "5000000000", "9223372036854775807"]
        arrays = {f"x_{d}": random_array(random, d, (4, 9)) for d in DTYPES if d[0] in "iu"}
        cases = {}
        for x, array in arrays.items():
            for text in literals:
                for name in ("%", "&", "|"):
                    try:
                        wanted = EXACT_BINARY[name](array, int(text))
                    except TypeError:  # uint64 and a negative number have no integer in common
                        continue
                    cases[f"r{len(cases)}"] = (call(name, x, text), wanted)
        got = self.compute(arrays, {label: text for label, (text, _) in cases.items()})
        for label, (text, wanted) in cases.items():
            with self.each(text):
                assert_same(got[label], wanted, text)

    def test_arrays_of_one_number_promote_as_arrays(self):
        arrays = {"x": np.arange(5, dtype="i1"), "s": np.array(3, "i8"), "f": np.array(2.5, "f8"),
                  "y": np.arange(4, dtype="f4")}
        got = self.compute(arrays, {"a": "x + s", "b": "y * f", "c": "s + f", "d": "x + max(x)",
                                    "e": "y + mean(astype(y, float64))"})
        assert_same(got["a"], np.arange(5) + 3, "int8 + int64 of rank 0")
        assert_same(got["b"], np.arange(4) * 2.5, "float32 * float64 of rank 0")
        assert_same(got["c"], np.array(5.5), "rank 0 on both sides")
        assert_same(got["d"], np.arange(4, 9, dtype="i1"), "int8 + int8 of rank 0")
        assert_same(got["e"], np.arange(4) + 1.5, "float32 + float64 of rank 0")

    def test_casts_between_all_types(self):
        random = rng(7)
        arrays = {}
        for d in DTYPES:
            x = random_array(random, d, (6, 7), special=False)
            # What NumPy itself leaves undefined is not compared: only values every type can hold.
            arrays[f"x_{d}"] = np.abs(x) % np.array(100, x.dtype) if d != "bool" else x
            arrays[f"w_{d}"] = random_array(random, d, (6, 7))
        cases = {}
        for a in DTYPES:
            for b in DTYPES:
                cases[f"r_{a}_{b}"] = (f"x_{a}", b)
                if a not in FLOATS or b in FLOATS or b == "bool":
                    cases[f"q_{a}_{b}"] = (f"w_{a}", b)
        got = self.compute(arrays, {k: f"astype({x}, {b})" for k, (x, b) in cases.items()})
        for label, (x, b) in cases.items():
            with self.each(label):
                assert_same(got[label], arrays[x].astype(b), label)

    def test_precedence_is_that_of_python(self):
        random = rng(8)
        x, y, z = (random.integers(1, 5, 40) for _ in range(3))
        arrays = {"x": x, "y": y, "z": z}
        texts = ["x + y * z", "-x ^ 2", "x ^ y ^ 2 % 7", "2 ^ y - 1", "x - y - z", "x / y / z",
                 "x % y * z", "x < y & y < z", "x < y | y < z & x == z", "(x | y) & z",
                 "!x & y", "x + y < z * 2", "-x + +y", "x / y * z", "!(x < y)", "x | y & 3"]
        got = self.compute(arrays, {f"r{i}": t for i, t in enumerate(texts)})
        for i, text in enumerate(texts):
            python = text.replace("^", "**").replace("!", "~")
            # Python's & and | bind tighter than comparisons; here they bind looser.
            python = {"x < y & y < z": "(x < y) & (y < z)",
                      "x < y | y < z & x == z": "(x < y) | ((y < z) & (x == z))"}.get(python, python)
            assert_same(got[f"r{i}"], eval(python, dict(arrays)), text)


class Alignment(Test):
    """Arrays whose axes all have names align by name, as in xarray."""

    def test_named_arrays_align_as_in_xarray(self):
        random = rng(9)
        lengths = {"time": 7, "lat": 5, "lon": 6, "level": 1}
        path = self.folder / "named.nc"
        arrays = {}
        with netCDF4.Dataset(path, "w") as file:
            for name, length in lengths.items():
                file.createDimension(name, None if name == "time" else length)
            for i in range(14):
                dims = [str(d) for d in random.permutation(list(lengths))[:random.integers(0, 5)]]
                dtype = str(random.choice(["i2", "i4", "u1", "f4", "f8"]))
                shape = tuple(lengths[d] for d in dims)
                values = random_array(random, dtype, shape, special=False)
                chunks = [int(random.integers(1, n + 1)) for n in shape]
                variable = file.createVariable(f"v{i}", dtype, dims, fill_value=False,
                                               **({"chunksizes": chunks} if dims else {}))
                variable.set_auto_maskandscale(False)
                variable[...] = values
                arrays[f"v{i}"] = xr.DataArray(values, dims=dims)
        functions = {"+": np.add, "*": np.multiply, "<": np.less, "maximum": np.maximum}
        cases = {}
        for a in arrays:
            for b in arrays:
                name = str(random.choice(list(functions)))
                cases[f"r_{a}_{b}"] = (name, a, b)
        got = evaluate(self.folder, {k: call(*v) for k, v in cases.items()}, [str(path)])
        dims_of = {}
        with netCDF4.Dataset(self.folder / "out.nc") as file:
            for label in cases:
                dims_of[label] = file.variables[label].dimensions
        for label, (name, a, b) in cases.items():
            with self.each(label):
                wanted = self.by_name(functions[name], arrays[a], arrays[b])
                self.assertEqual(dims_of[label], wanted.dims)
                assert_same(got[label], wanted.values, label)

    @staticmethod
    def by_name(function, a, b):
        # xarray's names, with types promoted as for arrays of rank 1 and more.
        dtype = function(np.ones(1, a.dtype), np.ones(1, b.dtype)).dtype
        result = xr.apply_ufunc(function, a.expand_dims(one=1), b.expand_dims(one=1))
        dims = [*a.dims, *(d for d in b.dims if d not in a.dims)]
        result = result.isel(one=0).transpose(*dims)
        return result.astype(dtype)

    def test_names_of_unequal_length_are_refused(self):
        path = self.folder / "named.nc"
        with netCDF4.Dataset(path, "w") as file:
            for name, length in (("a", 3), ("b", 4)):
                file.createDimension(name, length)
                file.createVariable(f"x_{name}", "f4", (name,))[:] = np.zeros(length)
        got = evaluate(self.folder, {"r": "x_a + x_b"}, [str(path)])
        self.assertEqual(got["r"].shape, (3, 4))
        result = support.run("eval", "r = x_a + x_a[0:1]", path, "-o", self.folder / "no.nc")
        self.assertEqual(result.code, 2, str(result))
        self.block_of(result)
        result = support.run("eval", "r = unnamed(x_a) + unnamed(x_b)", path)
        self.assertEqual(result.code, 2, str(result))


if __name__ == "__main__":
    support.main()
