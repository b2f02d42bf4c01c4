// Bytes that grow and never shrink.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "runtime/base/error.h"

namespace rankine::io {

// Uninitialized.
class GrowingBuffer {
 public:
  // Contents are lost if it grows.
  std::byte* reserve(std::size_t bytes) {
    if (bytes > capacity_) {
      data_.reset();  // not both at once
      capacity_ = 0;
      try {
        data_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
      } catch (const std::bad_alloc&) {
        throw Error(ExitCode::kTaskFailed,
                    "no memory for a buffer of " + std::to_string(bytes) + " bytes");
      }
      capacity_ = bytes;
    }
    return data_.get();
  }
  std::byte* data() { return data_.get(); }
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t capacity_ = 0;
};

}  // namespace rankine::io
