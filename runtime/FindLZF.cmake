# LZF::LZF. Debian's liblzf has a pkg-config file and a folder for its header; the library as it is
# published, and as Spack builds it, has neither.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_LZF QUIET liblzf)
endif()
find_path(LZF_INCLUDE_DIR lzf.h HINTS ${PC_LZF_INCLUDE_DIRS} PATH_SUFFIXES liblzf)
find_library(LZF_LIBRARY lzf HINTS ${PC_LZF_LIBRARY_DIRS})
mark_as_advanced(LZF_INCLUDE_DIR LZF_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LZF REQUIRED_VARS LZF_LIBRARY LZF_INCLUDE_DIR)
if(LZF_FOUND AND NOT TARGET LZF::LZF)
  add_library(LZF::LZF UNKNOWN IMPORTED)
  set_target_properties(LZF::LZF PROPERTIES IMPORTED_LOCATION "${LZF_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LZF_INCLUDE_DIR}")
endif()
