// Elements of one chunk -> the bytes HDF5 stores for it, by the filters of its variable.
#pragma once

#include <cstddef>
#include <vector>

#include "io/codec/scratch.h"
#include "io/h5/output_spec.h"

namespace rankine::io {

// Working memory and compressors of one thread; grows to twice the largest chunk and stays.
class EncodeScratch {
 private:
  friend void encode_chunk(const OutputVariable&, const Box&, const std::byte*, EncodeScratch&,
                           std::vector<std::byte>&);
  CodecScratch codec_;
  std::vector<std::byte> padded_;
  std::vector<std::byte> shuffled_;
};

// Encodes one chunk of `variable` into `out` (contents replaced, capacity kept). chunk_box: the
// elements of the chunk, clipped to the shape or not. dense: the clipped elements, row-major, host
// order; not modified. A partly filled chunk is padded with the fill value (else zero), NaN becomes
// the fill value if there is one. No filter is ever skipped, so the filter mask is always 0 and the
// bytes depend on the arguments and the versions of the codecs only.
// Throws Error (task failed) when memory ends.
void encode_chunk(const OutputVariable& variable, const Box& chunk_box, const std::byte* dense,
                  EncodeScratch& scratch, std::vector<std::byte>& out);

}  // namespace rankine::io
