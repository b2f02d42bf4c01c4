#include "io/filters.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "io/codec/fletcher32.h"
#include "io/codec/table.h"

namespace rankine::io {
namespace {

bool skipped(std::uint32_t mask, std::size_t filter) {
  return filter < 32 && ((mask >> filter) & 1u) != 0;
}

// Bytes that enter filter i when a chunk of chunk_bytes is written; known for all filters up to
// the first that compresses, and only there asked for.
std::size_t bytes_before(std::span<const Filter> filters, std::uint32_t mask, std::size_t i,
                         std::size_t chunk_bytes) {
  for (std::size_t earlier = 0; earlier < i; ++earlier) {
    if (skipped(mask, earlier)) continue;
    if (filters[earlier].id == kFletcher32) chunk_bytes += kChecksumBytes;
    if (compresses(filters[earlier].id, filters[earlier].parameters)) {
      throw corrupt("cannot undo " + filters[i].name + " after " + filters[earlier].name);
    }
  }
  return chunk_bytes;
}

}  // namespace

void undo_filters(std::span<const Filter> filters, std::uint32_t mask,
                  std::span<const std::byte> stored, std::span<std::byte> out,
                  FilterScratch& scratch) {
  std::span<const std::byte> current = stored;
  int turn = 0;
  // The last step writes to `out`; those before it alternate between the two buffers.
  const auto target = [&](std::size_t bytes, std::size_t filter) {
    bool last = bytes == out.size();
    for (std::size_t i = 0; i < filter; ++i) {
      last = last && (skipped(mask, i) || filters[i].id == kFletcher32);
    }
    if (last) return out;
    turn = 1 - turn;
    return std::span(scratch.buffers_[turn].reserve(bytes), bytes);
  };
  for (std::size_t i = filters.size(); i-- > 0;) {
    const Filter& filter = filters[i];
    if (skipped(mask, i)) continue;
    if (filter.id == kFletcher32) {
      current = checked_payload(current);
      continue;
    }
    const KnownFilter* known = find_filter(filter.id);
    if (known == nullptr || known->decode == nullptr) {
      throw input_error("unknown filter " + std::to_string(filter.id), "");
    }
    const auto to =
        target(compresses(filter.id, filter.parameters) ? bytes_before(filters, mask, i, out.size())
                                                        : current.size(),
               i);
    known->decode(filter.parameters, current, to, scratch.codec_);
    current = to;
  }
  if (current.size() != out.size()) {
    throw corrupt("a chunk holds " + std::to_string(current.size()) + " bytes instead of " +
                  std::to_string(out.size()));
  }
  if (current.data() != out.data() && !out.empty()) {
    std::memcpy(out.data(), current.data(), out.size());
  }
}

std::size_t decoder_bytes(std::span<const Filter> filters, std::size_t chunk_bytes) {
  std::size_t sum = 0;
  for (const Filter& filter : filters) {
    sum += decoder_bytes(filter.id, filter.parameters, chunk_bytes);
  }
  return sum;
}

std::size_t most_stored(std::span<const Filter> filters, std::size_t chunk_bytes) {
  for (const Filter& filter : filters) {
    chunk_bytes = most_stored(filter.id, filter.parameters, chunk_bytes);
  }
  return chunk_bytes;
}

}  // namespace rankine::io
