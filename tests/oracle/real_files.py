"""Every real file: `info` describes or refuses it, `verify` reads it, copies keep its texts, `eval`
gives the mean of every data set of numbers that numpy.ma gives, or refuses it with one error
block."""
import concurrent.futures
import json
import subprocess

import h5py
import numpy as np

import support
from missing import by_the_contract, missing_mask
from support import DATA, Test, assert_within, read_output

# Decoded outside the HDF5 library: deflate, shuffle, fletcher32, bzip2, lzf, blosc, lz4, bitshuffle,
# zstd.
DIRECT = {1, 2, 3, 307, 32000, 32001, 32004, 32008, 32015}
MOST_ELEMENTS = 20_000_000
DEFAULT_FILL = 9.969209968386869e36  # netCDF's, which stands for missing in every output
AT_ONCE = 400  # data sets of one command line


def files():
    return [p for p in sorted(DATA.rglob("*")) if p.is_file() and p.suffix not in (".md", ".txt")
            and h5py.is_hdf5(p)]


def numeric_datasets(path):
    """(name, whether only our own filters are needed) of what can be averaged."""
    found = {}

    def visit(name, item):
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        try:
            kind = item.dtype
            plist = item.id.get_create_plist()
            filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
            unusual = (plist.get_layout() == h5py.h5d.VIRTUAL or plist.get_external_count() > 0)
        except (TypeError, ValueError, RuntimeError, OSError):
            return
        if kind.kind not in "biuf" or h5py.check_enum_dtype(kind) or item.size > MOST_ELEMENTS:
            return
        # NumPy has no bit fields, bfloat16 or odd precisions; h5py makes something else of them.
        half = kind.newbyteorder("=") == np.float16
        usual = kind.itemsize <= 8 and not half and item.id.get_type().equal(
            h5py.h5t.py_create(kind))
        found["/" + name] = filters <= DIRECT and not unusual and usual
    with h5py.File(path, "r") as file:
        try:
            file.visititems(visit)
        except (RuntimeError, KeyError, OSError):
            pass  # an object that this HDF5 cannot open
    # By the name of such a dimension goes the variable that netCDF hides from it.
    hiding = {name.replace("_nc4_non_coord_", "") for name in found if "_nc4_non_coord_" in name}
    return {n: d for n, d in found.items() if ":/" not in n and "\n" not in n and n not in hiding}


def numbers_of(item):
    """Attributes that declare something: numbers only."""
    attributes = {}
    for name in ("_FillValue", "missing_value", "valid_min", "valid_max", "valid_range",
                 "scale_factor", "add_offset", "_Unsigned"):
        try:
            value = item.attrs.get(name)
        except (OSError, TypeError, RuntimeError):
            continue
        if value is None or isinstance(value, h5py.Empty):
            continue
        if name == "_Unsigned":
            attributes[name] = value.decode() if isinstance(value, bytes) else str(value)
            continue
        value = np.asarray(value)
        if value.dtype.kind not in "iuf" or value.size == 0:
            continue
        value = value.reshape(-1)
        if name in ("valid_range",):
            if value.size == 2:
                attributes[name] = value
        elif name in ("missing_value", "_FillValue"):
            attributes[name] = value.astype(value.dtype.newbyteorder("="))
        elif value.size == 1:
            attributes[name] = value.astype(value.dtype.newbyteorder("="))[0]
    return attributes


def expected_mean(path, name):
    """(mean, tolerance) by numpy.ma on the packed values, unpacked afterwards; None if h5py cannot
    read it."""
    with h5py.File(path, "r") as file:
        item = file[name]
        try:
            values = np.asarray(item[()])
        except (OSError, TypeError, ValueError, RuntimeError):
            return None
        attributes = numbers_of(item)
    values = values.astype(values.dtype.newbyteorder("="))
    packed, mask = missing_mask(values, attributes)
    result = by_the_contract(values[:0] if values.ndim else values, attributes).dtype
    result = np.dtype("f4") if result in (np.float16, np.float32) else np.dtype("f8")
    masked = np.ma.masked_array(packed, mask).astype(np.longdouble)
    scale = np.longdouble(attributes.get("scale_factor", 1))
    offset = np.longdouble(attributes.get("add_offset", 0))
    if masked.count() == 0:
        return np.longdouble(np.nan), 0, result
    mean = masked.mean() * scale + offset
    size = np.ma.abs(masked * scale + offset).mean()
    return mean, 8 * np.finfo(result).eps * size, result


def is_sound(path, name):
    """Whether h5py can read it and its chunk index agrees with its shape: in some files of the
    HDF Group's own tests it does not, and HDF5 1.10 reads zeros where there are data."""
    if expected_mean(path, name) is None:
        return False
    with h5py.File(path, "r") as file:
        item = file[name]
        if item.chunks is None:
            return True
        offsets = [item.id.get_chunk_info(i).chunk_offset for i in range(item.id.get_num_chunks())]
        return all(o < n for offset in offsets for o, n in zip(offset, item.shape))


class RealFiles(Test):
    def setUp(self):
        super().setUp()
        if not DATA.is_dir():
            self.skipTest(f"the real files are not there: {DATA}")

    def test_info(self):
        everything = files()
        self.assertGreater(len(everything), 100)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda p: support.run("info", "--json", p), everything))
        for path, result in zip(everything, results):
            with self.each(str(path.relative_to(DATA))):
                self.assertIn(result.code, (0, 3), str(result))
                if result.code == 3:
                    self.block_of(result)
                    self.assertEqual(result.out, "")
                else:
                    self.assertEqual(result.err, "")
                    self.assertTrue(result.out.startswith("{"))

    def test_verify_finds_bad_only_what_h5py_cannot_read(self):
        everything = files()
        result = support.run("verify", "--json", "--quiet", *everything, timeout=300)
        self.assertIn(result.code, (0, 3), result.err)
        checks = json.loads(result.out)
        self.assertEqual([check["path"] for check in checks], list(map(str, everything)))
        for path, check in zip(everything, checks):
            bad = {finding["place"].split(", chunk")[0] for finding in check["bad"]}
            for name, direct in numeric_datasets(path).items() if bad else ():
                with self.each(f"{path.relative_to(DATA)}:{name}"):
                    self.assertFalse(name in bad and direct and is_sound(path, name), check["bad"])

    def test_copies_have_the_texts_and_numbers_and_open_in_netcdf(self):
        for number, path in enumerate(files()):
            if number % 9 != 4:
                continue
            output = self.folder / f"copy{number}.nc"
            result = support.run("rechunk", path, "-o", output, "--quiet")
            with self.each(str(path.relative_to(DATA))):
                self.assertIn(result.code, (0, 2, 3), str(result))
                if result.code:
                    self.block_of(result)
                    continue
                subprocess.run(["ncdump", "-h", output], check=True, capture_output=True)
                self.compare_texts(path, output)

    def compare_texts(self, path, output):
        with h5py.File(path) as a, h5py.File(output) as b:
            def look(name, item):
                kind = h5py.check_string_dtype(item.dtype) if isinstance(item, h5py.Dataset) else None
                if kind is None or name not in a or "/_nc4_non_coord_" in "/" + name:
                    return
                wanted, got = np.asarray(a[name][()]).reshape(-1), np.asarray(item[()]).reshape(-1)
                for x, y in zip(wanted, got, strict=True):
                    x, y = (t.encode() if isinstance(t, str) else bytes(t) for t in (x, y))
                    x = x.split(b"\0")[0]
                    if all(c < 128 for c in x):
                        self.assertEqual(y.rstrip(b" \0"), x.rstrip(b" "), name)
            b.visititems(look)

    def test_means(self):
        everything = files()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for _ in pool.map(self.check_file, enumerate(everything)):
                pass

    def check_file(self, numbered):
        number, path = numbered
        datasets = numeric_datasets(path)
        for direct in (True, False):
            names = [n for n, d in datasets.items() if d == direct]
            for start in range(0, len(names), AT_ONCE):
                self.check_means(path, names[start:start + AT_ONCE], direct, number)

    def check_means(self, path, names, direct, number):
        label = str(path.relative_to(DATA))
        output = self.folder / f"{number}.nc"
        words = ["; ".join(f"m{i} = mean(a{i})" for i in range(len(names)))]
        for i, name in enumerate(names):
            words += ["-v", f"a{i}={path}:{name}"]
        result = support.run("eval", *words, "-o", output, "--overwrite", "--quiet")
        if result.code != 0 and len(names) > 1:
            for name in names:  # which one is it?
                self.check_means(path, [name], direct, number)
            return
        if result.code != 0:
            with self.each(f"{label}:{names[0]}"):
                self.assertFalse(direct and is_sound(path, names[0]), str(result))
                self.assertEqual(result.code, 3, str(result))
                self.block_of(result)
            return
        got = read_output(output)
        for i, name in enumerate(names):
            with self.each(f"{label}:{name}"):
                expected = expected_mean(path, name)
                if expected is None:
                    continue
                mean, tolerance, dtype = expected
                if mean == dtype.type(DEFAULT_FILL):  # never written, and not declared
                    continue
                self.assertEqual(got[f"m{i}"].dtype, dtype)
                assert_within(got[f"m{i}"], np.asarray(mean), tolerance, f"mean of {name}")


if __name__ == "__main__":
    support.main()
