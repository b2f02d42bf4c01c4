// What reading takes, for plans that promise a bound (runtime/plan).
#include <algorithm>

#include "io/codec/table.h"
#include "io/reader.h"

namespace rankine::io {
namespace {

constexpr std::int64_t kTooMuch = std::int64_t{1} << 61;  // stands for all above it

std::int64_t plus(std::int64_t a, std::int64_t b) { return std::min(a + b, kTooMuch); }

std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kTooMuch : std::min(product, kTooMuch);
}

std::int64_t bytes_of(std::size_t bytes) {
  return static_cast<std::int64_t>(std::min<std::size_t>(bytes, kTooMuch));
}

}  // namespace

// The window holds one stored chunk or what is read ahead; the last of the filters writes to where
// whole chunks go, the ones before it alternate between two buffers. What the HDF5 library takes
// for itself is not known exactly.
std::int64_t reader_bytes(const Dataset& dataset, bool whole_chunks) {
  const std::int64_t count = std::min(
      dataset.chunk.empty() ? dataset.grid.largest_chunk() : saturated_volume(dataset.chunk),
      kTooMuch);
  const auto ahead = bytes_of(kReadAheadBytes);
  if (!dataset.direct) return plus(times(count, 3 * 8), ahead);
  const auto stored_size = static_cast<std::size_t>(dataset.element.size);
  const std::int64_t numbers = times(count, bytes_of(size_of(dataset.stored)));
  const std::int64_t chunk = std::max(numbers, times(count, bytes_of(stored_size)));
  if (dataset.is_put_together()) return plus(chunk, dataset.part_bytes);
  const bool alone = dataset.element.is_number();
  if (dataset.layout != Layout::kChunked) {
    return alone ? 2 * ahead : plus(4 * ahead, bytes_of(stored_size));
  }
  const auto filters = static_cast<std::int64_t>(dataset.filters.size());
  constexpr std::int64_t kLargestChunk = std::int64_t{1} << 32;  // in HDF5
  const auto bytes = static_cast<std::size_t>(std::min(chunk, kLargestChunk));
  const std::int64_t stored = bytes_of(most_stored(dataset.filters, bytes));
  const std::int64_t codec = bytes_of(decoder_bytes(dataset.filters, bytes));
  const std::int64_t decoded = alone ? (whole_chunks && dataset.decode.in_place() ? 0 : 1) : 2;
  return plus(times(chunk, decoded + std::clamp<std::int64_t>(filters - 1, 0, 2)),
              plus(std::max(ahead, stored), codec));
}

}  // namespace rankine::io
