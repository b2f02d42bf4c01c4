# Spack's recipe: copy to a repository of your own as repos/<name>/packages/rankine/package.py
# (Spack 1.0 or later), then `spack install rankine`.
#
# How far it is checked: tests/slurm/site_test.py runs it with stand-ins for Spack's directives and holds
# what it depends on against CMakeLists.txt; the names were looked up among Spack's builtin packages
# (July 2026). No Spack has built it.
from spack_repo.builtin.build_systems.cmake import CMakePackage

from spack.package import *


class Rankine(CMakePackage):
    """Computes on chunked arrays in HDF5 and netCDF-4 files, on one core or on many nodes: an MPI
    task-graph runtime with a command line and a C++ library."""

    license("BSD-3-Clause")

    # There is no published archive: `spack develop rankine@main`, or a version() with a site's own
    # git= or url=.
    version("main", branch="main", git="file:///path/to/rankine")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")

    depends_on("mpi@3.1:")
    depends_on("hdf5@1.10.8:1.14+hl")
    depends_on("cereal")
    depends_on("fmt")
    depends_on("nlohmann-json")
    depends_on("cli11@2.1:", type="build")
    depends_on("libdeflate")
    depends_on("xxhash")
    depends_on("zstd")
    depends_on("lz4")
    depends_on("c-blosc@1.21:")
    depends_on("liblzf")
    depends_on("bzip2")

    conflicts("%gcc@:11", msg="rankine is written in C++20")

    generator("ninja")

    def cmake_args(self):
        return [
            self.define("RANKINE_BUILD_TESTS", False),
            self.define("HDF5_PREFER_PARALLEL", self.spec.satisfies("^hdf5+mpi")),
        ]

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_install(self):
        Executable(self.prefix.bin.rankine)("config")
