#include "runtime/api/reach.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace rankine {
namespace {

constexpr std::size_t kMostEdges = 4096;  // of one input

Error too_wide() {
  return usage_error("an input of a grid of tasks has too many parts",
                     "use reach::every, or a dependency by code");
}

}  // namespace

std::vector<Reach::Part> Reach::parts(std::size_t own, const Extents& counts, std::int64_t produced,
                                      bool split) const {
  Part whole;
  whole.reach.axis = axis_ < 0 ? static_cast<std::int32_t>(own) : axis_;
  if (static_cast<std::size_t>(whole.reach.axis) >= counts.size()) {
    throw usage_error("an input of a grid of tasks follows axis " +
                          std::to_string(whole.reach.axis) + " of a grid with " +
                          std::to_string(counts.size()),
                      "name an axis of the grid that reads by .along(AXIS)");
  }
  constexpr std::int64_t kFarthest = std::int64_t{1} << 61;
  if (std::min(lo_.b, hi_.b) < -kFarthest || std::max(lo_.b, hi_.b) > kFarthest) throw too_wide();
  const std::int64_t count = counts[whole.reach.axis];
  const Interval domain = domain_.value_or(Interval{0, count});
  whole.domain = {std::max<std::int64_t>(0, domain.lo), std::min(count, domain.hi)};
  whole.reach.lo = lo_;
  whole.reach.hi = hi_;
  if (kind_ == Kind::kEvery) {
    whole.reach.lo = {0, 0, 1};
    whole.reach.hi = {0, std::max<std::int64_t>(0, produced - 1), 1};
  }
  const bool is_offset = kind_ == Kind::kLine && lo_.a == 1 && lo_.c == 1;
  if (split && is_offset) return split_parts(whole, count);
  if (kind_ != Kind::kRing) return {whole};
  if (count != produced) {
    throw usage_error(
        "a ring of " + std::to_string(count) + " tasks reads one of " + std::to_string(produced),
        "rings go between axes of one length; use reach::scaled");
  }
  if (count == 0) return {};
  if (lo_.b > hi_.b || lo_.b < -count || hi_.b > count) {
    throw usage_error("a ring of " + std::to_string(count) + " tasks cannot be read from " +
                          std::to_string(lo_.b) + " to " + std::to_string(hi_.b),
                      "reach once around at most");
  }
  if (split || lo_.b > 0 || hi_.b < 0) return split_parts(whole, count);
  // What lies before the seam, on this side of it, and behind it.
  Part before = whole, behind = whole;
  before.domain.hi = std::min(before.domain.hi, -lo_.b);
  before.reach.lo = {1, lo_.b + count, 1};
  before.reach.hi = {0, count - 1, 1};
  behind.domain.lo = std::max(behind.domain.lo, count - hi_.b);
  behind.reach.lo = {0, 0, 1};
  behind.reach.hi = {1, hi_.b - count, 1};
  return {before, whole, behind};
}

// Offset by offset. On a ring, index i + d stands for i + d + count if i < -d, for i + d - count if
// i >= count - d.
std::vector<Reach::Part> Reach::split_parts(const Part& whole, std::int64_t count) const {
  std::vector<Part> parts;
  const auto add = [&](std::int64_t lo, std::int64_t hi, std::int64_t by) {
    Part part = whole;
    part.domain = {std::max(lo, whole.domain.lo), std::min(hi, whole.domain.hi)};
    part.reach.lo = part.reach.hi = {1, by, 1};
    if (!part.domain.empty()) parts.push_back(part);
  };
  if (hi_.b - lo_.b > static_cast<std::int64_t>(kMostEdges)) throw too_wide();
  for (std::int64_t d = lo_.b; d <= hi_.b; ++d) {
    if (kind_ == Kind::kRing) add(0, -d, d + count);
    add(0, count, d);
    if (kind_ == Kind::kRing) add(count - d, count, d - count);
  }
  return parts;
}

std::vector<graph::GridEdge> api::edges_of(const std::vector<Reach>& reaches, const Extents& counts,
                                           const Extents& produced) {
  if (reaches.size() != produced.size()) {
    throw usage_error("an input of a grid of tasks names " + std::to_string(reaches.size()) +
                          " axes of a grid that has " + std::to_string(produced.size()),
                      "give one reach for each axis of the grid that is read");
  }
  std::size_t last_ring = 0;
  for (std::size_t k = 0; k < reaches.size(); ++k) {
    if (reaches[k].is_wide_ring()) last_ring = k;
  }
  graph::GridEdge start;
  start.domain = Box::whole(counts);
  std::vector<graph::GridEdge> edges{start};
  for (std::size_t k = 0; k < reaches.size(); ++k) {
    const auto parts = reaches[k].parts(k, counts, produced[k], k < last_ring);
    std::vector<graph::GridEdge> product;
    if (parts.size() * edges.size() > kMostEdges) throw too_wide();
    for (const graph::GridEdge& edge : edges) {
      for (const Reach::Part& part : parts) {
        graph::GridEdge next = edge;
        std::int64_t& lo = next.domain.lo[part.reach.axis];
        std::int64_t& hi = next.domain.hi[part.reach.axis];
        lo = std::max(lo, part.domain.lo);
        hi = std::max(lo, std::min(hi, part.domain.hi));
        next.axes.push_back(part.reach);
        if (!next.domain.empty()) product.push_back(std::move(next));
      }
    }
    edges = std::move(product);
  }
  return edges;
}

}  // namespace rankine
