#include "runtime/base/shape.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace rankine {

std::int64_t saturated_volume(const Extents& shape) {
  std::int64_t product = 1;
  for (std::int64_t extent : shape) {
    if (extent == 0) return 0;
    if (__builtin_mul_overflow(product, extent, &product)) product = INT64_MAX;
  }
  return product;
}

std::int64_t volume(const Extents& shape) {
  const std::int64_t elements = saturated_volume(shape);
  const bool negative = std::any_of(shape.begin(), shape.end(), [](auto x) { return x < 0; });
  if (negative || elements > kMostElements) {
    throw input_error("an array of shape " + to_string(shape) + " has too many elements", "");
  }
  return elements;
}

Extents row_major_strides(const Extents& shape) {
  Extents strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::int64_t position_of(const Extents& coordinate, const Extents& shape) {
  std::int64_t position = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) position = position * shape[i] + coordinate[i];
  return position;
}

Extents coordinate_of(std::int64_t position, const Extents& shape) {
  Extents coordinate(shape.size(), 0);
  for (std::size_t i = shape.size(); i-- > 0;) {
    coordinate[i] = position % shape[i];
    position /= shape[i];
  }
  return coordinate;
}

bool next_coordinate(Extents& coordinate, const Extents& shape) {
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (++coordinate[i] < shape[i]) return true;
    coordinate[i] = 0;
  }
  return false;
}

std::string to_string(const Extents& extents) {
  std::string text = "(";
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(extents[i]);
  }
  return text + (extents.size() == 1 ? ",)" : ")");
}

Extents Box::shape() const {
  Extents extents(lo.size(), 0);
  for (std::size_t i = 0; i < lo.size(); ++i) extents[i] = std::max<std::int64_t>(0, hi[i] - lo[i]);
  return extents;
}

bool Box::empty() const {
  for (std::size_t i = 0; i < lo.size(); ++i) {
    if (lo[i] >= hi[i]) return true;
  }
  return false;
}

std::int64_t Box::size() const { return volume(shape()); }

bool Box::contains(const Box& other) const {
  for (std::size_t i = 0; i < lo.size(); ++i) {
    if (other.lo[i] < lo[i] || other.hi[i] > hi[i]) return false;
  }
  return true;
}

Box Box::whole(const Extents& shape) { return {Extents(shape.size(), 0), shape}; }

Box intersect(const Box& a, const Box& b) {
  Box box = a;
  for (std::size_t i = 0; i < a.lo.size(); ++i) {
    box.lo[i] = std::max(a.lo[i], b.lo[i]);
    box.hi[i] = std::max(box.lo[i], std::min(a.hi[i], b.hi[i]));
  }
  return box;
}

Box hull(const Box& a, const Box& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  Box box = a;
  for (std::size_t i = 0; i < a.lo.size(); ++i) {
    box.lo[i] = std::min(a.lo[i], b.lo[i]);
    box.hi[i] = std::max(a.hi[i], b.hi[i]);
  }
  return box;
}

}  // namespace rankine
