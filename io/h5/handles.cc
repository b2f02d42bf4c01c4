#include "io/h5/handles.h"

#include <vector>

namespace rankine::io {
namespace {

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

herr_t collect(unsigned, const H5E_error2_t* entry, void* data) {
  if (entry->desc != nullptr && entry->desc[0] != '\0') {
    static_cast<std::vector<std::string>*>(data)->push_back(entry->desc);
  }
  return 0;
}

}  // namespace

H5Lock::H5Lock() : lock_(library_mutex()) {
  // Thread-safe builds keep this setting per thread.
  thread_local const bool silenced = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  (void)silenced;
}

std::string h5_error_text() {
  std::vector<std::string> reasons;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, collect, &reasons);
  H5Eclear2(H5E_DEFAULT);
  // What lies between the call and its cause are steps inside the library, of use to nobody else.
  if (reasons.empty()) return "the HDF5 library gives no reason";
  if (reasons.size() == 1) return reasons.front();
  return reasons.front() + ": " + reasons.back();
}

void h5_fail(const std::string& action, const std::string& where, ExitCode code) {
  throw Error(code, "cannot " + action + ": " + h5_error_text(), where);
}

}  // namespace rankine::io
