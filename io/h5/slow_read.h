// Plain reading through the HDF5 library: for whatever cannot be decoded outside it (foreign
// filters, virtual, external and compact layouts, converted types), and the oracle in tests.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "io/h5/file_info.h"
#include "runtime/base/shape.h"

namespace rankine::io {

// One data set, open. Thread-safe: every member takes the HDF5 lock.
class SlowReader {
 public:
  // Throws Error (input) if the file or the data set cannot be opened or is of no type we compute
  // with.
  SlowReader(const std::string& path, const std::string& dataset);
  ~SlowReader();
  SlowReader(const SlowReader&) = delete;
  SlowReader& operator=(const SlowReader&) = delete;

  // Reads the elements of `box` into out: dense row-major, host byte order, the data set's type
  // before any decoding by conventions. What was never written gives the fill value.
  void read(const Box& box, std::byte* out) const;

  const Variable& variable() const;

 private:
  struct Open;
  std::unique_ptr<Open> open_;
};

}  // namespace rankine::io
