-- Lmod's module file: copy to <modules>/rankine/<version>.lua and set the prefix, which is what
-- `cmake --install build/release --prefix` was given.
--
-- How far it is checked: tests/slurm/site_test.py loads and unloads it with Lmod 8.6, Debian's.
local prefix = "/opt/rankine/" .. myModuleVersion()
local libraries = "lib"  -- lib64 where CMake installs into that

help([[
Rankine computes on chunked arrays in HDF5 and netCDF-4 files, alone, under mpirun and under srun.
rankine --help, man rankine; from C++: find_package(rankine) or pkg-config rankine.
]])
whatis("Name: rankine")
whatis("Version: " .. myModuleVersion())
whatis("Description: computes on chunked arrays in HDF5 and netCDF-4 files")

-- The MPI and HDF5 it was built with; names differ between sites.
-- depends_on("openmpi", "hdf5")

prepend_path("PATH", pathJoin(prefix, "bin"))
-- man finds pages beside PATH, unless MANPATH replaces what it finds.
if os.getenv("MANPATH") then
  prepend_path("MANPATH", pathJoin(prefix, "share", "man"))
end
prepend_path("CMAKE_PREFIX_PATH", prefix)
prepend_path("PKG_CONFIG_PATH", pathJoin(prefix, libraries, "pkgconfig"))
-- bash-completion looks in here for share/bash-completion/completions. Unset, it means these two.
if not os.getenv("XDG_DATA_DIRS") then
  append_path("XDG_DATA_DIRS", "/usr/local/share:/usr/share")
end
prepend_path("XDG_DATA_DIRS", pathJoin(prefix, "share"))
setenv("RANKINE_ROOT", prefix)
-- Nothing about threads: jobs say how many (OMP_NUM_THREADS, or the cores of a rank).
