#include "io/h5/version.h"

#include <utility>

#include "io/h5/handles.h"

namespace rankine::io {
namespace {

constexpr std::pair<H5Z_filter_t, const char*> kFilters[] = {
    {H5Z_FILTER_DEFLATE, "deflate"},
    {H5Z_FILTER_SHUFFLE, "shuffle"},
    {H5Z_FILTER_FLETCHER32, "fletcher32"},
    {H5Z_FILTER_SZIP, "szip"},
    {H5Z_FILTER_NBIT, "nbit"},
    {H5Z_FILTER_SCALEOFFSET, "scaleoffset"}};

std::string numbered(unsigned major, unsigned minor, unsigned release) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

}  // namespace

Hdf5Version hdf5_version() {
  const H5Lock lock;
  Hdf5Version version;
  unsigned major = 0, minor = 0, release = 0;
  h5_check(H5get_libversion(&major, &minor, &release), "ask for the version of HDF5", "",
           ExitCode::kTaskFailed);
  version.library = numbered(major, minor, release);
  version.headers = numbered(H5_VERS_MAJOR, H5_VERS_MINOR, H5_VERS_RELEASE);
  hbool_t thread_safe = false;
  h5_check(H5is_library_threadsafe(&thread_safe), "ask whether HDF5 is thread-safe", "",
           ExitCode::kTaskFailed);
  version.thread_safe = thread_safe;
#ifdef H5_HAVE_PARALLEL
  version.parallel = true;
#endif
  for (const auto& [id, name] : kFilters) {
    if (H5Zfilter_avail(id) > 0) version.filters.emplace_back(name);
  }
  return version;
}

}  // namespace rankine::io
