"""Bad input: the exit code, one error block that says what and where or what to do, nothing
left behind, no hang; alone and on three ranks."""
import os
import pathlib
import shutil
import subprocess

import h5py
import numpy as np

import support
from support import Test, check_run, rng

PATIENCE = 30  # seconds
OTHER_USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def unused_filter(path, identifier):
    """A data set with one chunk that says it went through a filter nobody has."""
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((10,))
        plist.set_filter(identifier, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((10,))
        dataset = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, plist)
        dataset.write_direct_chunk((0,), b"\1" * 40, 0)


def corrupt_chunk(path, name, chunk):
    """Damages the compressed bytes of one chunk; returns its first element."""
    with h5py.File(path) as file:
        info = file[name].id.get_chunk_info(chunk)
    with open(path, "r+b") as file:
        file.seek(info.byte_offset + info.size // 3)
        file.write(b"\xff\x00\xff\x00" * max(1, info.size // 12))
    return info.chunk_offset


class BadInput(Test):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)
        self.inputs = self.folder / "in"
        self.outputs = self.folder / "out"
        self.inputs.mkdir()
        self.outputs.mkdir()
        self.plain = self.inputs / "plain.h5"
        support.write_plain(self.plain, {"x": rng(51).normal(size=(40, 30)), "y": np.zeros(7),
                                         "i": np.arange(5)}, chunks={"x": (7, 30)})
        self.named = self.inputs / "named.nc"
        check_run("sample", "-o", self.named, "--shape", "9,19,36", "--chunks", "4,10,12")
        self.names = ["-v", f"x={self.plain}:/x", "-v", f"y={self.plain}:/y", "-v",
                      f"i={self.plain}:/i"]

    def refused(self, code, words, *told, ranks=(0, 3), output="r.nc", untouched=(), **options):
        """words: of eval, without -o. told: what the error block must contain."""
        for count in ranks:
            with self.each(f"{count} ranks: {' '.join(map(str, words))[:300]}"):
                before = self.listing()
                contents = [pathlib.Path(p).read_bytes() for p in untouched]
                target = ["-o", self.outputs / output] if output else []
                try:
                    result = support.run("eval", *words, *target, "--quiet", ranks=count,
                                         timeout=PATIENCE, **options)
                except subprocess.TimeoutExpired:
                    self.fail("it hangs")
                self.check_result(result, code, told, alone=count == 0)
                self.assertEqual(self.listing(), before, "something was left behind or removed")
                self.assertEqual([pathlib.Path(p).read_bytes() for p in untouched], contents)

    def check_result(self, result, code, told, alone):
        self.assertEqual(result.code, code, str(result))
        self.assertEqual(result.out, "", str(result))
        block = self.block_of(result)
        self.assertRegex(block, r"\n  (at|try): ")
        if alone:
            lines = block.splitlines()
            self.assertTrue(lines[0].startswith("rankine: error: "), str(result))
            for line in lines[1:]:
                self.assertTrue(line.startswith("  "), f"not of the block: {line!r}\n{result}")
        self.assertNotIn("HDF5-DIAG", result.err)
        for text in told:
            self.assertIn(str(text), block)

    def listing(self):
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*"))

    def test_files_that_are_missing_or_no_hdf5(self):
        self.refused(3, ["r = x", self.inputs / "nope.nc"], "nope.nc")
        (self.inputs / "text.nc").write_text("this is no HDF5 file\n" * 100)
        self.refused(3, ["r = x", self.inputs / "text.nc"], "text.nc")
        (self.inputs / "empty.nc").touch()
        self.refused(3, ["r = x", self.inputs / "empty.nc"], "empty.nc", ranks=(0,))
        self.refused(3, ["r = x", self.inputs], str(self.inputs), ranks=(0,))
        os.mkfifo(self.inputs / "pipe.nc")
        self.refused(3, ["r = x", self.inputs / "pipe.nc"], "pipe.nc", ranks=(0,))
        # Of another file beside a good one.
        self.refused(3, ["r = t2m + x", self.named, "-v", f"x={self.inputs}/nope.h5:/x"], "nope.h5",
                     ranks=(0,))

    def test_truncated_files(self):
        whole = self.named.read_bytes()
        for share in (0.999, 0.5, 0.01):
            cut = self.inputs / "cut.nc"
            cut.write_bytes(whole[:int(len(whole) * share)])
            self.refused(3, ["r = mean(t2m)", cut], "cut.nc", ranks=(0, 3) if share == 0.5 else (0,))

    def test_things_that_are_not_in_the_file(self):
        self.refused(3, ["r = x", "-v", f"x={self.plain}:/nope"], "/nope", "plain.h5")
        self.refused(3, ["r = nope", self.named], "nope", "named.nc", ranks=(0,))
        self.refused(3, ["r = t3m", self.named], "t2m", ranks=(0,))  # did you mean
        self.refused(3, ["r = mean(t2m, nodim)", self.named], "nodim", "time")
        self.refused(3, ["r = t2m", self.named, "-d", "nodim,0"], "nodim", ranks=(0,))
        self.refused(2, ["r = mean(x, 2)", *self.names], "2", ranks=(0,))
        self.refused(2, ["r = fourier(x)", *self.names], "fourier")
        self.refused(2, ["r = mena(x)", *self.names], "mean", ranks=(0,))  # did you mean

    def test_types_and_shapes_that_do_not_fit(self):
        self.refused(2, ["r = x + y", *self.names], "30", "7")
        for text in ("!x", "x & 1", "x | y", "matmul(x, x)", "matmul(x, y)", "-(x > 0)",
                     "concatenate(x, y, axis=0)", "x[50]", "x[0, 0, 0]", "transpose(x, 0)",
                     "transpose(x, 0, 0)", "where(x > 0, x)", "mean(x, 0, 0)", "x[3.5]", "astype(x, int32) ^ -1",
                     "astype(x, complex64)", "rechunk(x, 0)", "sum(x, keepdims=1)",
                     "sum(x, nokey=1)", "min(x[0:0])", "(x > 0) - (x > 1)"):
            self.refused(2, [f"r = {text}", *self.names], ranks=(0,))

    def test_syntax(self):
        self.refused(2, ["r = (x", *self.names], "column")
        for text in ("", " ", ";", "r =", "= x", "r = x +", "r = x)", "r = x y", "r = 1.2.3 * x",
                     "r = x[", "r = x[0", "r = x[0:1:2:3]", "r = mean(x", "r = mean(,)", "r = $x",
                     "r = x; r2 = ", "mean = = x", "r = x < y < 3", "r = \x01", "r = x = y",
                     "r = \"x", "9r = x", "_t = x", "r = é(x)", "r = " + "(" * 1001 + "x" + ")" * 1001,
                     "r = x" + " + x" * 20_000, "r = " + "-" * 5000 + "x", "r = x; r = x * 2"):
            self.refused(2, [text, *self.names], ranks=(0,))

    def test_options(self):
        self.refused(2, ["r = x", *self.names, "--nonsense"], "--nonsense", ranks=(0, 3))
        for words in (["--threads", "0"], ["--threads", "many"], ["--memory", "12 parsecs"],
                      ["--reuse", "perhaps"], ["-d", "time"], ["-v", "x"], ["-v", "=/x"],
                      ["--dedicated-scheduler"]):
            self.refused(2, ["r = x", *self.names, *words], ranks=(0,))
        self.refused(3, ["r = x", *self.names, str(self.named), str(self.named)], "named.nc",
                     "do not fit together", ranks=(0,))
        for words in (["frobnicate"], [], ["eval"], ["--frobnicate"]):
            result = support.run(*words, timeout=PATIENCE)
            self.check_result(result, 2, [], alone=True)

    def test_plans_that_do_not_fit_the_memory(self):
        self.refused(4, ["r = x * 2", *self.names, "--memory", "1MiB"], "MiB")

    def test_corrupt_chunks(self):
        for name in ("t2m",):
            at = corrupt_chunk(self.named, name, 5)
            for program in ("r = t2m - mean(t2m, time)", "r = t2m + 1", "r = mean(t2m)"):
                self.refused(3, [program, self.named], "named.nc", "/t2m", "chunk",
                             ranks=(0, 3) if "mean(t2m, time)" in program else (0,))
            # What does not touch the chunk is right.
            time = 0 if at[0] else 8
            check_run("eval", f"m = mean(t2m[{time}])", self.named, "--quiet")

    def test_wrong_checksums(self):
        path = self.inputs / "sum.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=np.arange(1000.0), chunks=(100,), fletcher32=True)
            info = file["x"].id.get_chunk_info(4)
        with open(path, "r+b") as file:
            file.seek(info.byte_offset + 10)
            file.write(b"\x55")
        self.refused(3, ["r = x + 1", path], "sum.h5", "/x", "chunk")

    def test_filters_nobody_has(self):
        path = self.inputs / "filter.h5"
        unused_filter(path, 31999)
        self.refused(3, ["r = x + 1", path], "31999", "/x")
        unused_filter(path, 32013)
        self.refused(3, ["r = x + 1", path], "zfp", "32013", "/x", "--allow-plugins", ranks=(0,))

    def test_types_that_are_no_numbers(self):
        path = self.inputs / "types.h5"
        with h5py.File(path, "w") as file:
            file["s"] = ["a", "b"]
            file["c"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
            file.create_dataset("e", dtype="f4", data=h5py.Empty("f4"))
        for name in "sce":
            self.refused(3, ["r = x", "-v", f"x={path}:/{name}"], f"/{name}", ranks=(0,))

    def test_outputs(self):
        there = self.outputs / "there.nc"
        there.write_text("precious")
        words = ["r = t2m + 1", self.named]
        self.refused(2, words, "there.nc", "--overwrite", output="there.nc", untouched=[there])
        self.refused(3, words, "nofolder", output="nofolder/r.nc")
        (self.outputs / "folder").mkdir()
        self.refused(2, words, output="folder", ranks=(0,))
        self.refused(2, [*words, "--overwrite"], output="folder", ranks=(0,))
        for name, extra in (("../in/named.nc", []), ("../in/named.nc", ["--overwrite"])):
            self.refused(2, words + extra, output=name, untouched=[self.named])
        os.link(self.named, self.outputs / "hard.nc")
        os.symlink(self.named, self.outputs / "soft.nc")
        for name in ("hard.nc", "soft.nc"):
            self.refused(2, words + ["--overwrite"], output=name, untouched=[self.named], ranks=(0,))

    def test_permissions(self):
        if os.geteuid() != 0:
            self.skipTest("permissions are tested as another user, which needs root")
        if shutil.which("setpriv") is None:
            self.skipTest("there is no setpriv")
        # Through a shell: setpriv itself may still go where the other user may not.
        probe = subprocess.run([*OTHER_USER, "sh", "-c", 'exec "$0" --version',
                                support.executable()], capture_output=True, timeout=PATIENCE)
        if probe.returncode != 0:
            self.skipTest("another user cannot start the executable: a folder above it is closed")
        self.outputs.chmod(0o777)
        for path in (self.plain, self.named):
            path.chmod(0o644)
        other = {"prefix": OTHER_USER, "env": {"HOME": str(self.outputs)}, "cwd": self.folder}
        self.plain.chmod(0o600)
        self.refused(3, ["r = x", self.plain], "plain.h5", ranks=(0,), **other)
        self.outputs.chmod(0o755)
        self.refused(5, ["r = t2m + 1", self.named], str(self.outputs), ranks=(0,), **other)
        self.outputs.chmod(0o777)
        # Open MPI keeps its session folders where the other user may write.
        self.refused(3, ["r = x", self.plain], "plain.h5", ranks=(3,), prefix=OTHER_USER,
                     cwd=self.folder, env={"HOME": "/tmp", "TMPDIR": "/tmp"})

    def test_full_disks(self):
        if os.geteuid() != 0:
            self.skipTest("a small tmpfs needs root")
        disk = self.outputs / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
                                 capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"a tmpfs cannot be mounted: {mounted.stderr.strip()}")
        try:
            big = self.inputs / "big.h5"
            support.write_plain(big, {"x": rng(52).normal(size=(600, 700))})
            self.refused(5, ["r = x * 3", big], "disk", output="disk/r.nc")
            self.assertEqual(list(disk.iterdir()), [])
        finally:
            subprocess.run(["umount", disk], check=True)


if __name__ == "__main__":
    support.main()
