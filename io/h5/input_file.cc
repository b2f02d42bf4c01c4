#include "io/h5/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include "io/h5/access.h"

namespace rankine::io {
namespace {

Access current_access;  // protected by the HDF5 lock

// Refuses what open(2) and a look at the first bytes can explain better than the library.
void check_openable(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    throw input_error("cannot open the file: " + std::generic_category().message(errno), path);
  }
  struct stat status {};
  char start[8] = {};
  const bool known = ::fstat(descriptor, &status) == 0;
  const ssize_t got = known && S_ISREG(status.st_mode) ? ::pread(descriptor, start, 8, 0) : 0;
  const int number = errno;
  ::close(descriptor);
  if (!known || !S_ISREG(status.st_mode)) throw input_error("this is not a regular file", path);
  if (got < 0) {
    throw input_error("cannot read the file: " + std::generic_category().message(number), path);
  }
  const std::string_view magic(start, static_cast<std::size_t>(got));
  if (magic.empty()) throw input_error("the file is empty", path);
  if (magic.starts_with("CDF")) {
    throw input_error("this is a classic netCDF file, not netCDF-4 or HDF5", path,
                      "convert it: nccopy -k netCDF-4 " + path + " OUT.nc");
  }
}

std::string remedy_for(const std::string& reason) {
  if (reason.find("truncated") != std::string::npos) {
    return "the file was cut short when it was written or copied; copy or make it again";
  }
  if (reason.find("already open") != std::string::npos) {
    return "the program that wrote it did not close it; if none has it open: h5clear -s FILE";
  }
  return {};
}

}  // namespace

void set_access(Access access) {
  const H5Lock lock;
  current_access = access;
}

Access access() {
  const H5Lock lock;
  return current_access;
}

H5File open_input(const std::string& path) {
  check_openable(path);
  const unsigned plugins = current_access.plugins ? H5PL_ALL_PLUGIN : 0;
  h5_check(H5PLset_loading_state(plugins), "set which plugins may be loaded", path);
  const H5Plist access = recording_access();
  const htri_t recognized = H5Fis_hdf5(path.c_str());
  if (recognized == 0) throw input_error("this is not an HDF5 or netCDF-4 file", path);
  H5File file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access));
  if (file.valid()) return file;
  const std::string reason = h5_error_text();
  throw input_error("cannot open the file: " + reason, path, remedy_for(reason));
}

std::string table_of(hid_t file, const std::string& dataset) {
  const auto is_there = [&](const std::string& name) {
    const bool found = H5Oexists_by_name(file, name.c_str(), H5P_DEFAULT) > 0;
    H5Eclear2(H5E_DEFAULT);
    return found;
  };
  std::string table = dataset;
  while (!is_there(table)) {
    const auto dot = table.rfind('.');
    if (dot == std::string::npos) return dataset;
    table.resize(dot);
  }
  return table;
}

H5Dataset open_dataset(hid_t file, const std::string& path, const std::string& dataset) {
  const H5Plist access(H5Pcreate(H5P_DATASET_ACCESS), "prepare to open", path);
  // External raw files lie beside the HDF5 file, wherever the program was started.
  h5_check(H5Pset_efile_prefix(access, "${ORIGIN}"), "set the folder of external files", path);
  return H5Dataset(H5Dopen2(file, dataset.c_str(), access), "open the data set",
                   place_of(path, dataset));
}

std::string place_of(const std::string& path, const std::string& dataset) {
  return path + ":" + (dataset.starts_with('/') ? "" : "/") + dataset;
}

}  // namespace rankine::io
