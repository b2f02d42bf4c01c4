// Undoing the filters of one stored chunk outside the HDF5 library: deflate, shuffle, fletcher32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "io/h5/file_info.h"

struct libdeflate_decompressor;

namespace rankine::io {

// Bytes that grow and never shrink, uninitialized.
class GrowingBuffer {
 public:
  std::byte* reserve(std::size_t bytes);  // contents are lost if it grows
  std::byte* data() { return data_.get(); }
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t capacity_ = 0;
};

// Working memory and decompressor of one thread; at most twice the largest chunk.
class FilterScratch {
 public:
  FilterScratch();
  ~FilterScratch();
  FilterScratch(FilterScratch&&) noexcept;
  FilterScratch& operator=(FilterScratch&&) noexcept;
  std::size_t capacity() const { return buffers_[0].capacity() + buffers_[1].capacity(); }

 private:
  friend void undo_filters(std::span<const Filter>, std::uint32_t, std::span<const std::byte>,
                           std::span<std::byte>, FilterScratch&);
  struct Free {
    void operator()(libdeflate_decompressor* decompressor) const;
  };
  std::unique_ptr<libdeflate_decompressor, Free> decompressor_;
  GrowingBuffer buffers_[2];
};

// Fills out, whose size is that of the unfiltered chunk, from the stored bytes. Bit i of mask:
// filter i was skipped for this chunk. stored and out do not overlap. Throws Error (input) that
// says what is wrong ("corrupt deflate stream", "unknown filter 305") and leaves the place to the
// caller.
void undo_filters(std::span<const Filter> filters, std::uint32_t mask,
                  std::span<const std::byte> stored, std::span<std::byte> out,
                  FilterScratch& scratch);

// HDF5's filter 2 backwards: plane b of `in` holds byte b of every element; a rest shorter than one
// element lies at the end as it is.
void unshuffle(const std::byte* in, std::size_t bytes, std::size_t element_size, std::byte* out);

// HDF5's Fletcher checksum: 16-bit big-endian words, an odd last byte padded with zero.
std::uint32_t fletcher32(std::span<const std::byte> bytes);

}  // namespace rankine::io
