// Undoing the filters of one stored chunk outside the HDF5 library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/codec/scratch.h"
#include "io/h5/file_info.h"

namespace rankine::io {

// Working memory of one thread; at most twice the largest chunk, and what a codec needs for itself.
class FilterScratch {
 public:
  std::size_t capacity() const {
    return buffers_[0].capacity() + buffers_[1].capacity() + codec_.capacity();
  }

 private:
  friend void undo_filters(std::span<const Filter>, std::uint32_t, std::span<const std::byte>,
                           std::span<std::byte>, FilterScratch&);
  CodecScratch codec_;
  GrowingBuffer buffers_[2];
};

// Fills out, whose size is that of the unfiltered chunk, from the stored bytes. Bit i of mask:
// filter i was skipped for this chunk. stored and out do not overlap. Throws Error (input) that
// says what is wrong ("corrupt deflate stream", "unknown filter 305") and leaves the place to the
// caller.
void undo_filters(std::span<const Filter> filters, std::uint32_t mask,
                  std::span<const std::byte> stored, std::span<std::byte> out,
                  FilterScratch& scratch);

// Working memory beside the two buffers, about.
std::size_t decoder_bytes(std::span<const Filter> filters, std::size_t chunk_bytes);

// The most bytes that a chunk of this size can be behind its filters; what is longer is damaged.
std::size_t most_stored(std::span<const Filter> filters, std::size_t chunk_bytes);

}  // namespace rankine::io
