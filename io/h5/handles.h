// HDF5 identifiers that close themselves, the lock around the library, and its error stack as text.
#pragma once

#define H5_USE_110_API  // H5O_info_t with addresses, also with later versions of the library
#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>

#include "runtime/base/error.h"

namespace rankine::io {

// Held around every call into HDF5, closing included: distributed builds of the library are not
// thread-safe. One per process, recursive. Also keeps HDF5 from printing errors in this thread.
class H5Lock {
 public:
  H5Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

// The error stack of the last failed call, most specific reason last; clears the stack.
std::string h5_error_text();

// Throws Error: "cannot <action>: <error stack>".
[[noreturn]] void h5_fail(const std::string& action, const std::string& where,
                          ExitCode code = ExitCode::kInput);

// Returns result (an id, herr_t, htri_t or count) unless it is negative, which is an Error.
template <class Result>
Result h5_check(Result result, const char* action, const std::string& where,
                ExitCode code = ExitCode::kInput) {
  if (result < 0) h5_fail(action, where, code);
  return result;
}

// Owns one identifier. The lock must be held when it is destroyed.
template <herr_t (*Close)(hid_t)>
class H5Handle {
 public:
  H5Handle() = default;
  explicit H5Handle(hid_t id) : id_(id) {}  // negative: empty
  H5Handle(hid_t id, const char* action, const std::string& where, ExitCode code = ExitCode::kInput)
      : id_(h5_check(id, action, where, code)) {}
  H5Handle(H5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~H5Handle() {
    if (id_ >= 0) Close(id_);
  }

  // Closes now and reports a failure, which a destructor cannot.
  void close(const char* action, const std::string& where, ExitCode code = ExitCode::kTaskFailed) {
    if (id_ >= 0) h5_check(Close(std::exchange(id_, H5I_INVALID_HID)), action, where, code);
  }

  hid_t get() const { return id_; }
  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using H5File = H5Handle<H5Fclose>;
using H5Group = H5Handle<H5Gclose>;
using H5Dataset = H5Handle<H5Dclose>;
using H5Object = H5Handle<H5Oclose>;
using H5Space = H5Handle<H5Sclose>;
using H5Type = H5Handle<H5Tclose>;
using H5Attr = H5Handle<H5Aclose>;
using H5Plist = H5Handle<H5Pclose>;

}  // namespace rankine::io
