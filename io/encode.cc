#include "io/encode.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "runtime/base/error.h"

namespace rankine::io {
namespace {

// A fixed element size lets the compiler turn the loop into byte permutations of whole vectors.
template <std::size_t Size>
void shuffle_fixed(const std::byte* __restrict in, std::size_t count, std::byte* __restrict out) {
  for (std::size_t byte = 0; byte < Size; ++byte) {
    const std::byte* from = in + byte;
    std::byte* to = out + byte * count;
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i * Size];
  }
}

// Copies rows of the clipped box to where they lie in the full chunk, whose other elements are the
// fill value already. Both are row-major.
void spread(const std::byte* dense, const Extents& clipped, const Extents& chunk,
            std::size_t element_size, std::byte* padded) {
  if (volume(clipped) == 0) return;
  Extents outer = clipped;
  outer.resize(clipped.size() - 1);
  const Extents strides = row_major_strides(chunk);
  const auto row = static_cast<std::size_t>(clipped.back()) * element_size;
  Extents at(outer.size());
  do {
    std::int64_t position = 0;
    for (std::size_t axis = 0; axis < at.size(); ++axis) position += at[axis] * strides[axis];
    std::memcpy(padded + static_cast<std::size_t>(position) * element_size, dense, row);
    dense += row;
  } while (next_coordinate(at, outer));
}

// A growing vector would take up to twice as much, and what it held before meanwhile.
void fit(std::vector<std::byte>& buffer, std::size_t bytes) {
  if (buffer.capacity() < bytes) {
    buffer = std::vector<std::byte>();  // {} would keep the memory
    buffer.reserve(bytes);
  }
  buffer.resize(bytes);
}

void fill_with(std::span<std::byte> bytes, const std::optional<Numbers>& fill) {
  if (!fill) {
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    return;
  }
  const std::size_t size = fill->bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    std::memcpy(bytes.data() + at, fill->bytes.data(), size);
  }
}

Extents clipped_shape(const OutputVariable& variable, const Box& chunk_box) {
  return intersect(chunk_box, Box::whole(variable.shape)).shape();
}

// The bytes of the whole chunk before any filter: `dense` itself if nothing is to be changed, else
// a copy in `padded`.
const std::byte* whole_chunk(const OutputVariable& variable, const Box& chunk_box,
                             const std::byte* dense, std::vector<std::byte>& padded) {
  const std::size_t size = size_of(variable.dtype);
  const auto count = static_cast<std::size_t>(volume(variable.chunk));
  const Extents clipped = clipped_shape(variable, chunk_box);
  if (clipped != variable.chunk) {
    fit(padded, count * size);
    fill_with(padded, variable.fill);
    spread(dense, clipped, variable.chunk, size, padded.data());
    dense = padded.data();
  }
  if (!needs_fill(variable, dense, count)) return dense;
  if (dense != padded.data()) {
    fit(padded, count * size);
    std::memcpy(padded.data(), dense, count * size);
  }
  replace_nan(variable, padded.data(), count);
  return padded.data();
}

}  // namespace

void shuffle_bytes(const std::byte* in, std::size_t count, std::size_t element_size,
                   std::byte* out) {
  switch (element_size) {
    case 2: return shuffle_fixed<2>(in, count, out);
    case 4: return shuffle_fixed<4>(in, count, out);
    case 8: return shuffle_fixed<8>(in, count, out);
    default: break;
  }
  for (std::size_t byte = 0; byte < element_size; ++byte) {
    for (std::size_t i = 0; i < count; ++i) *out++ = in[i * element_size + byte];
  }
}

EncodeScratch::EncodeScratch() = default;
EncodeScratch::~EncodeScratch() = default;
EncodeScratch::EncodeScratch(EncodeScratch&&) noexcept = default;
EncodeScratch& EncodeScratch::operator=(EncodeScratch&&) noexcept = default;

void EncodeScratch::Free::operator()(libdeflate_compressor* compressor) const {
  libdeflate_free_compressor(compressor);
}

libdeflate_compressor* EncodeScratch::compressor(int level) {
  if (compressor_ == nullptr || level_ != level) {
    compressor_.reset(libdeflate_alloc_compressor(level));
    level_ = level;
    if (compressor_ == nullptr) {
      throw Error(ExitCode::kTaskFailed, "out of memory for compression");
    }
  }
  return compressor_.get();
}

void encode_chunk(const OutputVariable& variable, const Box& chunk_box, const std::byte* dense,
                  EncodeScratch& scratch, std::vector<std::byte>& out) {
  const std::size_t size = size_of(variable.dtype);
  const auto count = static_cast<std::size_t>(volume(variable.chunk));
  const std::size_t bytes = count * size;
  libdeflate_compressor* compressor =
      variable.deflate == 0 ? nullptr : scratch.compressor(variable.deflate);
  // A copy is needed no more when it is shuffled, so it may lie where the encoded bytes will.
  const bool room = compressor != nullptr && uses_shuffle(variable);
  if (room) fit(out, libdeflate_zlib_compress_bound(compressor, bytes));
  const std::byte* plain = whole_chunk(variable, chunk_box, dense, room ? out : scratch.padded_);
  if (uses_shuffle(variable)) {
    fit(scratch.shuffled_, bytes);
    shuffle_bytes(plain, count, size, scratch.shuffled_.data());
    plain = scratch.shuffled_.data();
  }
  if (compressor == nullptr) {
    fit(out, bytes);
    std::memcpy(out.data(), plain, bytes);
    return;
  }
  fit(out, libdeflate_zlib_compress_bound(compressor, bytes));
  const std::size_t used =
      libdeflate_zlib_compress(compressor, plain, bytes, out.data(), out.size());
  if (used == 0 || used > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ExitCode::kTaskFailed, "a chunk of " + variable.name + " could not be compressed");
  }
  out.resize(used);
}

}  // namespace rankine::io
