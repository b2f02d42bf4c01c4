// Which HDF5 library this is.
#pragma once

#include <string>
#include <vector>

namespace rankine::io {

struct Hdf5Version {
  std::string library;  // "1.10.8", of the library that was loaded
  std::string headers;  // the one this was compiled against
  bool thread_safe = false;
  bool parallel = false;             // built for MPI; here it opens files serially all the same
  std::vector<std::string> filters;  // built into the library; plugins are not counted
};

// Takes the HDF5 lock. Throws Error (task failed) if the library cannot start.
Hdf5Version hdf5_version();

}  // namespace rankine::io
