"""--libver: the versions of HDF5 that read the output. No value depends on it."""

import filecmp
import os
import subprocess

import h5py
import numpy as np

from support import Case, environment, main, rankine

DATED = {"SOURCE_DATE_EPOCH": "1700000000"}
# By what was told of it: variables whose indexes HDF5 1.10 keeps in other ways.
SHAPES = {"single": ((6, 8), (6, 8), (6, 8)), "fixed": ((6, 8), (2, 3), (6, 8)),
          "extensible": ((6, 8), (2, 3), (None, 8)), "tree": ((6, 8), (2, 3), (None, None))}


class Libver(Case):
    def setUp(self):
        super().setUp()
        with h5py.File(self.path("s.nc"), "w") as file:
            for number, (name, (shape, chunks, most)) in enumerate(SHAPES.items()):
                values = np.arange(48, dtype="f4").reshape(shape) + 100 * number
                for codec, how in (("", {}), ("_deflate", {"compression": 1})):
                    data = file.create_dataset(name + codec, data=values, chunks=chunks,
                                               maxshape=most, **how)
                    for axis in range(2):
                        scale = f"d{axis}{'' if most[axis] else 'u'}"
                        if scale not in file:
                            file.create_dataset(scale, data=np.arange(shape[axis], dtype="f8"),
                                                maxshape=(most[axis],), chunks=(4,))
                            file[scale].make_scale(scale)
                        data.dims[axis].attach_scale(file[scale])

    def superblock(self, name):
        with open(self.path(name), "rb") as file:
            return file.read(9)[8]

    def made(self, *words, ranks=0, threads=1):
        output = f"o{ranks}{threads}{len(os.listdir(self.folder))}.nc"
        words = [*words, "-o", output, "--threads", str(threads), "--quiet"]
        result = self.run_ranks(*words, ranks=ranks, variables=DATED) if ranks else self.run_here(
            *words, env=environment(**DATED))
        self.assertEqual(result.returncode, 0, result.stderr)
        return output

    def check(self, *words, ways=((0, 2), (2, 1))):
        """Other bytes, the same for any ranks and threads, the same values by every reader."""
        old = self.made(*words)
        new = self.made(*words, "--libver", "v110")
        for ranks, threads in ways:
            again = self.made(*words, "--libver", "v110", ranks=ranks, threads=threads)
            self.assertTrue(filecmp.cmp(self.path(new), self.path(again), shallow=False))
        self.assertEqual((self.superblock(old), self.superblock(new)), (2, 3))
        with h5py.File(self.path(old)) as a, h5py.File(self.path(new)) as b:
            self.assertEqual(list(a), list(b))
            for name in a:
                self.assertEqual(a[name][()].tobytes(), b[name][()].tobytes(), name)
                self.assertEqual(a[name].chunks, b[name].chunks, name)
        self.assertEqual(self.run_here("verify", new, "--quiet").returncode, 0)
        self.assertEqual(self.run_here("diff", old, new, "--quiet").returncode, 0)
        dump = lambda name: subprocess.run(["ncdump", "-n", "x", self.path(name)], check=True,
                                           capture_output=True).stdout
        lines = [[line for line in dump(name).split(b"\n") if b"history" not in line
                  and b"rankine_sample" not in line] for name in (old, new)]
        self.assertEqual(*lines)
        return old, new

    def test_every_verb_that_writes_takes_it(self):
        variables = [word for name in SHAPES for word in ("-v", f"{name}=s.nc:/{name}")]
        program = "; ".join(f"r_{name} = {name} * 2" for name in SHAPES)
        self.check("eval", program, *variables, "--codec", "none",
                   ways=((0, 2), (1, 1), (2, 1), (3, 2)))
        self.check("eval", program, *variables)
        self.check("concat", "s.nc", "--dim", "d0")
        self.check("subset", "s.nc", "-d", "d1u,1,6")
        self.check("rechunk", "s.nc", "-c", "3,2")

    def test_a_sample_takes_it(self):
        for word, version in (("v18", 2), ("v110", 3)):
            result = self.run_here("sample", "-o", "o.nc", "--shape", "9,10,11", "--libver", word,
                                   "--overwrite")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.superblock("o.nc"), version)
        same = ["sample", "-o", "o.nc", "--shape", "9,10,11", "--libver"]
        self.assertIn(b"already there", self.run_here(*same, "v110").stderr)
        self.assert_block(self.run_here(*same, "v18"), 2, "the output exists")

    def test_it_is_another_job(self):
        words = ["eval", "a = single + 1", "s.nc", "-o", "o.nc", "--quiet"]
        self.assertEqual(self.run_here(*words, "--libver", "v110").returncode, 0)
        self.assertEqual(self.run_here(*words, "--libver", "v110", "--resume").returncode, 0)
        self.assert_block(self.run_here(*words, "--resume"), 2, "made by another job")
        with h5py.File(self.path("o.nc")) as file:
            self.assertIn("--libver v110", file.attrs["history"].decode()
                          if isinstance(file.attrs["history"], bytes) else file.attrs["history"])

    def test_other_versions_are_refused(self):
        for verb in ("eval", "subset", "concat", "rechunk", "sample"):
            self.assertIn(b"--libver v18|v110", rankine(verb, "--help").stdout)
        result = self.run_here("eval", "a = single + 1", "s.nc", "-o", "o.nc", "--libver", "v114")
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"v114", result.stderr)


if __name__ == "__main__":
    main()
