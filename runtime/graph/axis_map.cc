#include "runtime/graph/axis_map.h"

#include <algorithm>
#include <utility>

#include "runtime/base/divide.h"

namespace rankine::graph {

AxisMap::AxisMap(AxisChunks consumer, AxisChunks producer, std::int64_t step, std::int64_t offset,
                 Interval domain, std::int64_t before, std::int64_t after)
    : consumer_(std::move(consumer)),
      producer_(std::move(producer)),
      step_(step),
      offset_(offset),
      before_(before),
      after_(after),
      domain_{std::max(-before, domain.lo),
              consumer_.length() == 0 ? -before : std::min(consumer_.length() + after, domain.hi)},
      domain_chunks_(domain_.empty()
                         ? Interval{}
                         : consumer_.chunks_over({domain_.lo - after_, domain_.hi + before_})),
      identity_(step == 1 && offset == 0 && domain_ == Interval{0, consumer_.length()} &&
                before == 0 && after == 0 && consumer_ == producer_) {}

Interval AxisMap::inputs(std::int64_t c) const {
  if (identity_) return {c, c + 1};
  const Interval chunk = consumer_.chunk(c);
  const std::int64_t first = std::max(chunk.lo - before_, domain_.lo);
  const std::int64_t last = std::min(chunk.hi + after_, domain_.hi) - 1;
  if (first > last) return {0, 0};
  const std::int64_t x = step_ * first + offset_;
  const std::int64_t y = step_ * last + offset_;
  return {producer_.chunk_at(std::min(x, y)), producer_.chunk_at(std::max(x, y)) + 1};
}

// Chunk c needs p = [s, e) iff its last mapped element is >= s and its first one is < e. For
// step > 0 these are its last and first consumer elements: last >= ceil((s - offset) / step) and
// first <= floor((e - 1 - offset) / step). For step < 0 the ends change places. A chunk reaches
// element i from `after` elements before it to `before` elements behind it.
Interval AxisMap::consumers(std::int64_t p) const {
  if (identity_) return {p, p + 1};
  if (domain_.empty()) return {0, 0};
  const Interval chunk = producer_.chunk(p);
  const std::int64_t near = (step_ > 0 ? chunk.lo : chunk.hi - 1) - offset_;
  const std::int64_t far = (step_ > 0 ? chunk.hi - 1 : chunk.lo) - offset_;
  const std::int64_t first = std::max(ceil_div(near, step_), domain_.lo);
  const std::int64_t last = std::min(floor_div(far, step_), domain_.hi - 1);
  if (first > domain_.hi - 1 || last < domain_.lo) return {0, 0};
  const std::int64_t end = consumer_.length() - 1;
  const std::int64_t lo = consumer_.chunk_at(std::max<std::int64_t>(0, first - after_));
  const std::int64_t hi = consumer_.chunk_at(std::min(end, last + before_)) + 1;
  return lo < hi ? Interval{lo, hi} : Interval{0, 0};
}

}  // namespace rankine::graph
