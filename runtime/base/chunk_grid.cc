#include "runtime/base/chunk_grid.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"

namespace rankine {

AxisChunks AxisChunks::regular(std::int64_t length, std::int64_t chunk) {
  AxisChunks axis;
  if (length / chunk > 0) axis.append(chunk, length / chunk);
  if (length % chunk > 0) axis.append(length % chunk, 1);
  return axis;
}

AxisChunks AxisChunks::of(const std::vector<std::int64_t>& lengths) {
  AxisChunks axis;
  for (std::int64_t length : lengths) axis.append(length, 1);
  return axis;
}

void AxisChunks::append(std::int64_t length, std::int64_t count) {
  if (length < 1 || count < 1 || length > (kLongestAxis - length_) / count) {
    throw input_error("impossible chunk lengths along an axis", "");
  }
  if (!runs_.empty() && runs_.back().length == length) {
    runs_.back().count += count;
  } else {
    runs_.push_back({length, count, length_, count_});
  }
  length_ += length * count;
  count_ += count;
}

Interval AxisChunks::chunk(std::int64_t i) const {
  const Run* run = runs_.data();
  if (runs_.size() > 1) {
    run = &*std::prev(std::upper_bound(runs_.begin(), runs_.end(), i,
                                       [](std::int64_t x, const Run& r) { return x < r.first; }));
  }
  const std::int64_t lo = run->start + (i - run->first) * run->length;
  return {lo, lo + run->length};
}

std::int64_t AxisChunks::chunk_at(std::int64_t element) const {
  const Run* run = runs_.data();
  if (runs_.size() > 1) {
    run = &*std::prev(std::upper_bound(runs_.begin(), runs_.end(), element,
                                       [](std::int64_t x, const Run& r) { return x < r.start; }));
  }
  return run->first + (element - run->start) / run->length;
}

Interval AxisChunks::chunks_over(Interval elements) const {
  const std::int64_t lo = std::max<std::int64_t>(0, elements.lo);
  const std::int64_t hi = std::min(length_, elements.hi);
  if (lo >= hi) return {0, 0};
  return {chunk_at(lo), chunk_at(hi - 1) + 1};
}

std::int64_t AxisChunks::longest() const {
  std::int64_t longest = 0;
  for (const Run& run : runs_) longest = std::max(longest, run.length);
  return longest;
}

AxisChunks AxisChunks::clipped(Interval elements) const {
  AxisChunks axis;
  for (const Run& run : runs_) {
    const std::int64_t lo = std::max(run.start, elements.lo);
    const std::int64_t hi = std::min(run.start + run.length * run.count, elements.hi);
    if (lo >= hi) continue;
    const std::int64_t lead = (run.length - (lo - run.start) % run.length) % run.length;
    const std::int64_t head = std::min(lead, hi - lo);
    const std::int64_t whole = (hi - lo - head) / run.length;
    const std::int64_t tail = hi - lo - head - whole * run.length;
    if (head > 0) axis.append(head, 1);
    if (whole > 0) axis.append(run.length, whole);
    if (tail > 0) axis.append(tail, 1);
  }
  return axis;
}

AxisChunks AxisChunks::joined(const AxisChunks& other) const {
  AxisChunks axis = *this;
  for (const Run& run : other.runs_) axis.append(run.length, run.count);
  return axis;
}

namespace {

// Extended Euclid: returns gcd(a, b) and x with a * x = gcd modulo b.
std::int64_t extended_gcd(std::int64_t a, std::int64_t b, std::int64_t& x) {
  std::int64_t x0 = 1, x1 = 0;
  while (b != 0) {
    const std::int64_t q = a / b;
    a = std::exchange(b, a % b);
    x0 = std::exchange(x1, x0 - q * x1);
  }
  x = x0;
  return a;
}

// Elements in [lo, hi) that are both start1 + i * step1 and start2 + j * step2: one class modulo
// lcm(step1, step2), or none (Chinese remainder theorem).
std::int64_t common_terms(std::int64_t start1, std::int64_t step1, std::int64_t start2,
                          std::int64_t step2, std::int64_t lo, std::int64_t hi) {
  if (lo >= hi) return 0;
  std::int64_t inverse = 0;
  const std::int64_t gcd = extended_gcd(step1, step2, inverse);
  const std::int64_t distance = start2 - start1;
  if (distance % gcd != 0) return 0;
  const std::int64_t modulus = step2 / gcd;
  const auto i = static_cast<std::int64_t>(static_cast<__int128>(distance / gcd % modulus) *
                                           inverse % modulus);
  const __int128 lcm = static_cast<__int128>(step1) * modulus;
  const __int128 one = start1 + static_cast<__int128>(i) * step1;
  const auto first_at_least = [&](std::int64_t bound) {  // index of the class member >= bound
    const __int128 d = bound - one;
    return d >= 0 ? (d + lcm - 1) / lcm : -((-d) / lcm);
  };
  return static_cast<std::int64_t>(first_at_least(hi) - first_at_least(lo));
}

}  // namespace

// Going along the axis, every cut of either one begins a new pair; a common cut begins only one.
std::int64_t overlapping_pairs(const AxisChunks& a, const AxisChunks& b) {
  if (a.count() == 0 || b.count() == 0) return 0;
  std::int64_t common = 0;  // cuts inside the axis that a and b share
  for (std::size_t i = 0, j = 0; i < a.runs().size() && j < b.runs().size();) {
    const AxisChunks::Run& x = a.runs()[i];
    const AxisChunks::Run& y = b.runs()[j];
    const std::int64_t x_end = x.start + x.length * x.count;
    const std::int64_t y_end = y.start + y.length * y.count;
    const std::int64_t lo = std::max({x.start, y.start, std::int64_t{1}});
    common += common_terms(x.start, x.length, y.start, y.length, lo, std::min(x_end, y_end));
    if (x_end <= y_end) ++i;
    if (y_end <= x_end) ++j;
  }
  return a.count() + b.count() - 1 - common;
}

ChunkGrid ChunkGrid::regular(const Extents& shape, const Extents& chunk) {
  std::vector<AxisChunks> axes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    axes.push_back(AxisChunks::regular(shape[i], std::max<std::int64_t>(1, chunk[i])));
  }
  return ChunkGrid(std::move(axes));
}

void ChunkGrid::check_rank() const {
  if (axes_.size() > kMaxAxes) throw input_error("an array of more than 32 axes", "");
}

Extents ChunkGrid::shape() const {
  Extents shape;
  for (const AxisChunks& axis : axes_) shape.push_back(axis.length());
  return shape;
}

Extents ChunkGrid::counts() const {
  Extents counts;
  for (const AxisChunks& axis : axes_) counts.push_back(axis.count());
  return counts;
}

Box ChunkGrid::chunk_box(const Extents& coordinate) const {
  Box box{Extents(axes_.size(), 0), Extents(axes_.size(), 0)};
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const Interval elements = axes_[i].chunk(coordinate[i]);
    box.lo[i] = elements.lo;
    box.hi[i] = elements.hi;
  }
  return box;
}

Box ChunkGrid::chunks_over(const Box& elements) const {
  Box box{Extents(axes_.size(), 0), Extents(axes_.size(), 0)};
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const Interval chunks = axes_[i].chunks_over({elements.lo[i], elements.hi[i]});
    box.lo[i] = chunks.lo;
    box.hi[i] = chunks.hi;
  }
  return box;
}

std::int64_t ChunkGrid::largest_chunk() const {
  Extents longest;
  for (const AxisChunks& axis : axes_) longest.push_back(axis.longest());
  return volume(longest);
}

}  // namespace rankine
