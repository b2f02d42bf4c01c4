#include "io/encode.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "io/codec/fletcher32.h"
#include "io/codec/table.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

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

// The filters that change the bytes: at most two, and the checksum behind them.
struct Stages {
  FilterStep first, second;
  int count = 0;
  bool summed = false;
};

Stages stages_of(const OutputVariable& variable) {
  Stages stages;
  for (const FilterStep& step : filters_of(variable)) {
    if (step.id == kFletcher32) {
      stages.summed = true;
    } else {
      (stages.count++ == 0 ? stages.first : stages.second) = step;
    }
  }
  return stages;
}

std::size_t bound_of(const FilterStep& step, std::size_t bytes) {
  const auto bound = find_filter(step.id)->bound;
  return bound == nullptr ? bytes : bound(step.parameters(), bytes);
}

std::size_t apply(const FilterStep& step, ByteView in, Room out, CodecScratch& scratch) {
  return find_filter(step.id)->encode(step.parameters(), in, out, scratch);
}

}  // namespace

void encode_chunk(const OutputVariable& variable, const Box& chunk_box, const std::byte* dense,
                  EncodeScratch& scratch, std::vector<std::byte>& out) {
  const std::size_t bytes =
      static_cast<std::size_t>(volume(variable.chunk)) * size_of(variable.dtype);
  const Stages stages = stages_of(variable);
  const FilterStep& last = stages.count == 2 ? stages.second : stages.first;
  const std::size_t sum = stages.summed ? kChecksumBytes : 0;
  const std::size_t bound = stages.count == 0 ? bytes : bound_of(last, bytes);
  // A copy is needed no more when it went through the first of two filters, so it may lie where the
  // encoded bytes will.
  const bool room = stages.count == 2;
  if (room) fit(out, bound + sum);
  ByteView plain{whole_chunk(variable, chunk_box, dense, room ? out : scratch.padded_), bytes};
  if (room) {
    fit(scratch.shuffled_, bytes);
    apply(stages.first, plain, scratch.shuffled_, scratch.codec_);
    plain = scratch.shuffled_;
  }
  fit(out, bound + sum);
  std::size_t used = bytes;
  if (stages.count == 0) {
    std::memcpy(out.data(), plain.data(), bytes);
  } else {
    used = apply(last, plain, Room(out).first(bound), scratch.codec_);
  }
  if (used == 0 || used + sum > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ExitCode::kTaskFailed, "a chunk of " + variable.name + " could not be compressed");
  }
  if (stages.summed) write_checksum(fletcher32({out.data(), used}), out.data() + used);
  out.resize(used + sum);
}

}  // namespace rankine::io
