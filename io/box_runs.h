// Walking the common part of two dense row-major boxes in runs of elements that are contiguous in
// both.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/base/shape.h"

namespace rankine::io {

// How many trailing axes of `box` the part covers whole: elements along them and one more axis are
// contiguous in the box.
inline std::size_t whole_trailing_axes(const Box& part, const Box& box) {
  std::size_t whole = 0;
  while (whole < box.rank()) {
    const std::size_t axis = box.rank() - 1 - whole;
    if (part.lo[axis] != box.lo[axis] || part.hi[axis] != box.hi[axis]) break;
    ++whole;
  }
  return whole;
}

// Position of an element in the dense row-major array of a box that contains it.
inline std::int64_t position_in(const Box& box, const Extents& element) {
  std::int64_t position = 0;
  for (std::size_t axis = 0; axis < box.rank(); ++axis) {
    position = position * (box.hi[axis] - box.lo[axis]) + (element[axis] - box.lo[axis]);
  }
  return position;
}

// Calls visit(position in a, position in b, count) for the elements of `part`, which lies in both
// boxes, in row-major order. Nothing for an empty part; once for rank 0.
template <class Visit>
void for_each_run(const Box& part, const Box& a, const Box& b, Visit&& visit) {
  if (part.empty()) return;
  const std::size_t rank = part.rank();
  const std::size_t whole = std::min(whole_trailing_axes(part, a), whole_trailing_axes(part, b));
  // The run spans the whole trailing axes and the one before them; the rest are looped over.
  const std::size_t outer = rank > whole ? rank - whole - 1 : 0;
  std::int64_t count = 1;
  for (std::size_t axis = outer; axis < rank; ++axis) count *= part.hi[axis] - part.lo[axis];
  Extents outer_shape;
  for (std::size_t axis = 0; axis < outer; ++axis) {
    outer_shape.push_back(part.hi[axis] - part.lo[axis]);
  }
  Extents step(outer, 0);
  Extents element = part.lo;
  do {
    for (std::size_t axis = 0; axis < outer; ++axis) element[axis] = part.lo[axis] + step[axis];
    visit(position_in(a, element), position_in(b, element), count);
  } while (next_coordinate(step, outer_shape));
}

// Whether the part is one run inside the box.
inline bool is_one_run(const Box& part, const Box& box) {
  const std::size_t whole = whole_trailing_axes(part, box);
  for (std::size_t axis = 0; axis + whole + 1 < part.rank(); ++axis) {
    if (part.hi[axis] - part.lo[axis] != 1) return false;
  }
  return true;
}

}  // namespace rankine::io
