#include "apps/rechunk_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/text.h"

namespace rankine::apps {
namespace {

// Nanoseconds of one core for a byte, as plan/cost.h has them: only their relations matter.
constexpr double kDecode = 1.5;                 // undoing the filters of the input
constexpr double kHold = 0.2;                   // into memory and out of it
constexpr double kWrite = 0.7;                  // a piece of scratch, packed by a fast codec
constexpr double kRead = 0.4;                   // and back
constexpr std::int64_t kLeastPiece = 16 << 10;  // bytes of scratch that are worth a read

std::int64_t rounded_down(std::int64_t value, std::int64_t step) { return value / step * step; }

double raw_bytes(const RechunkCase& rechunk) {
  double bytes = double(rechunk.element_size);
  for (const std::int64_t extent : rechunk.shape) bytes *= double(extent);
  return bytes;
}

// Elements along the axis that fit into memory with all that lies across it.
std::int64_t most_along(const RechunkCase& rechunk, std::size_t axis) {
  const double across = raw_bytes(rechunk) / double(std::max<std::int64_t>(1, rechunk.shape[axis]));
  const double most = double(rechunk.memory_bytes) / std::max(across, 1.0);
  return static_cast<std::int64_t>(std::min(most, double(rechunk.shape[axis])));
}

// How often each chunk of the input is decoded, on average.
double rereads(const RechunkCase& rechunk, std::size_t axis, std::int64_t length) {
  const AxisChunks parts = AxisChunks::regular(rechunk.shape[axis], length);
  const AxisChunks chunks = AxisChunks::regular(rechunk.shape[axis], rechunk.from[axis]);
  return double(overlapping_pairs(parts, chunks)) / double(chunks.count());
}

std::int64_t passes_of(const RechunkCase& rechunk, std::size_t axis, std::int64_t length) {
  return (rechunk.shape[axis] + length - 1) / length;
}

std::optional<RechunkPasses> grouped(const RechunkCase& rechunk, std::size_t axis) {
  const std::int64_t length = rounded_down(most_along(rechunk, axis), rechunk.to[axis]);
  if (length < 1) return std::nullopt;
  const double factor = rereads(rechunk, axis, length);
  return RechunkPasses{axis, length, passes_of(rechunk, axis, length),
                       raw_bytes(rechunk) * (kDecode * factor + kHold) * 1e-9, std::nullopt};
}

// Along an axis where the chunks of the output are the longer ones: pieces are cut as the output is
// along all other axes, so that each is a piece of one chunk.
std::optional<RechunkPasses> through_scratch(const RechunkCase& rechunk, std::size_t axis) {
  if (rechunk.from[axis] >= rechunk.to[axis]) return std::nullopt;
  std::int64_t length = rounded_down(most_along(rechunk, axis), rechunk.from[axis]);
  if (length < 1) return std::nullopt;
  Extents pieces = rechunk.to;
  if (length >= rechunk.to[axis]) {
    length = rounded_down(length, rechunk.to[axis]);
  } else {
    pieces[axis] = length;
  }
  if (saturated_volume(pieces) * rechunk.element_size < kLeastPiece) return std::nullopt;
  const double factor = rereads(rechunk, axis, length);
  const double cost = raw_bytes(rechunk) * (kDecode * factor + kHold + kWrite + kRead) * 1e-9;
  return RechunkPasses{axis, length, passes_of(rechunk, axis, length), cost, pieces};
}

}  // namespace

std::optional<RechunkPasses> plan_passes(const RechunkCase& rechunk) {
  std::optional<RechunkPasses> best;
  const auto consider = [&](std::optional<RechunkPasses> next) {
    if (next && (!best || next->cost_s < best->cost_s)) best = std::move(next);
  };
  for (std::size_t axis = 0; axis < rechunk.shape.size(); ++axis) {
    consider(grouped(rechunk, axis));
    consider(through_scratch(rechunk, axis));
  }
  return best;
}

std::string text_of(const RechunkPasses& passes, const std::string& dimension) {
  const std::string along = fmt::format("{} passes, each of {} along {}", passes.passes,
                                        passes.length, printable(dimension));
  if (!passes.scratch) return along + " of the output";
  return fmt::format("{} of the input, into scratch in chunks of {}, and one pass from there",
                     along, to_string(*passes.scratch));
}

}  // namespace rankine::apps
