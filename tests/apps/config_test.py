"""rankine config: versions as other programs see them, defaults as the surroundings change."""

import json
import os
import re
import subprocess
import unittest

import h5py

import support
from support import Case, environment, launcher, rankine


def config(case, **extra):
    result = rankine("config", "--json", env=environment(**extra))
    case.assertEqual(result.returncode, 0, result.stderr)  # OpenMP may have a word to say
    return json.loads(result.stdout)


class Config(Case):
    def test_the_version_is_that_of_the_program(self):
        version = rankine("--version").stdout.decode().split()[1]
        self.assertEqual(config(self)["version"], version)

    def test_hdf5_is_the_library_other_programs_use(self):
        self.assertEqual(config(self)["hdf5"]["version"], h5py.version.hdf5_version)

    @unittest.skipUnless(launcher.THERE, "no mpirun")
    def test_mpi_is_named_without_being_started(self):
        mpi = config(self)["mpi"]
        self.assertRegex(mpi["library"], "^MPICH" if launcher.HYDRA else "^Open MPI")
        self.assertIn(launcher.VERSION, mpi["library"])
        self.assertNotRegex(mpi["library"], r"\s\s|[\t\n]")
        self.assertGreaterEqual(float(mpi["standard"]), 3.1)

    def test_parallel_hdf5_is_named(self):
        libraries = subprocess.run(["ldd", support.RANKINE], capture_output=True, text=True).stdout
        parallel = re.search(r"libhdf5_(openmpi|mpich)", libraries) is not None  # as Debian names it
        self.assertEqual(config(self)["hdf5"]["parallel"], parallel)
        self.assertIn("parallel," if parallel else "serial,", rankine("config").stdout.decode())

    def test_filters_are_listed(self):
        features = config(self)["features"]
        written = {"deflate", "shuffle", "fletcher32", "zstd", "lz4", "blosc", "bitshuffle"}
        self.assertEqual(set(features["filters_encoded"]), written)
        self.assertEqual(set(features["filters_decoded"]), written | {"lzf", "bzip2"})
        self.assertEqual("szip" in features["filters_through_hdf5"],
                         bool(h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP)))

    def test_threads_come_from_the_cores_of_this_process(self):
        threads = config(self)["threads"]
        self.assertEqual(threads["default"], len(os.sched_getaffinity(0)))
        self.assertIn("affinity", threads["from"])
        one = min(os.sched_getaffinity(0))
        result = rankine("config", preexec_fn=lambda: os.sched_setaffinity(0, {one}))
        self.assertRegex(result.stdout.decode(), r"\nthreads +1, from the affinity mask")

    def test_threads_come_from_OMP_NUM_THREADS_before_that(self):
        threads = config(self, OMP_NUM_THREADS="37")["threads"]
        self.assertEqual(threads, {"default": 37, "from": "OMP_NUM_THREADS"})
        cores = config(self, OMP_NUM_THREADS="nonsense")["threads"]["default"]
        self.assertEqual(cores, len(os.sched_getaffinity(0)))

    def test_memory_and_threads_are_divided_by_the_ranks_of_the_node(self):
        self.divided({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0",
                      "OMPI_COMM_WORLD_LOCAL_SIZE": "4"})
        self.divided({"PMI_SIZE": "8", "PMI_RANK": "0", "MPI_LOCALNRANKS": "4",
                      "MPI_LOCALRANKID": "0"})

    def divided(self, ranks):
        slurm = {"SLURM_MEM_PER_NODE": "64"}  # MiB
        whole = config(self, **slurm)["memory"]
        self.assertIn("Slurm", whole["from"])
        self.assertLessEqual(whole["default_bytes"], 64 * 2**20 * 0.8)
        self.assertGreater(whole["default_bytes"], 64 * 2**20 * 0.8 - 1000)
        part = config(self, **slurm, **ranks)["memory"]
        self.assertAlmostEqual(part["default_bytes"], whole["default_bytes"] / 4, delta=1000)
        threads = config(self, **ranks)["threads"]["default"]
        self.assertEqual(threads, max(1, len(os.sched_getaffinity(0)) // 4))

    def test_the_text_has_the_versions_too(self):
        text = rankine("config").stdout.decode()
        values = config(self)
        for value in (values["version"], values["compiler"], values["hdf5"]["version"],
                      *values["codecs"].values(), values["mpi"]["standard"], values["simd"]):
            self.assertIn(value, text)


if __name__ == "__main__":
    support.main()
