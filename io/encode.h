// Elements of one chunk -> the bytes HDF5 stores for it, by the filters shuffle and deflate.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "io/h5/output_spec.h"

struct libdeflate_compressor;

namespace rankine::io {

// Working memory and compressor of one thread; grows to twice the largest chunk and stays.
class EncodeScratch {
 public:
  EncodeScratch();
  ~EncodeScratch();
  EncodeScratch(EncodeScratch&&) noexcept;
  EncodeScratch& operator=(EncodeScratch&&) noexcept;

 private:
  friend void encode_chunk(const OutputVariable&, const Box&, const std::byte*, EncodeScratch&,
                           std::vector<std::byte>&);
  libdeflate_compressor* compressor(int level);

  struct Free {
    void operator()(libdeflate_compressor* compressor) const;
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
  int level_ = 0;
  std::vector<std::byte> padded_;
  std::vector<std::byte> shuffled_;
};

// Encodes one chunk of `variable` into `out` (contents replaced, capacity kept). chunk_box: the
// elements of the chunk, clipped to the shape or not. dense: the clipped elements, row-major, host
// order; not modified. A partly filled chunk is padded with the fill value (else zero), NaN becomes
// the fill value if there is one. No filter is ever skipped, so the filter mask is always 0 and the
// bytes depend on the arguments and the version of libdeflate only.
// Throws Error (task failed) when memory ends.
void encode_chunk(const OutputVariable& variable, const Box& chunk_box, const std::byte* dense,
                  EncodeScratch& scratch, std::vector<std::byte>& out);

// The filter `shuffle` of HDF5: byte b of every element, for b = 0, 1, ... count: elements.
void shuffle_bytes(const std::byte* in, std::size_t count, std::size_t element_size,
                   std::byte* out);

}  // namespace rankine::io
