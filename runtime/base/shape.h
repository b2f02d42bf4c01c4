// Shapes, coordinates and boxes. All counts are 64-bit, all orders row-major (C order).
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/inline_vector.h"

namespace rankine {

inline constexpr int kMaxAxes = 32;  // as in NumPy and HDF5

// One number per axis: a shape, a coordinate, strides, a permutation.
using Extents = InlineVector<std::int64_t, kMaxAxes>;

// Elements of an array, chunks of a grid, at most. With 64 bytes for each, any count of bytes fits.
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 56;

// The product of the extents; throws Error (input) beyond kMostElements.
std::int64_t volume(const Extents& shape);
// The same of what is only described and never held: INT64_MAX stands for all that is more.
std::int64_t saturated_volume(const Extents& shape);

// Row-major strides in elements.
Extents row_major_strides(const Extents& shape);

// coordinate <-> row-major position inside `shape`.
std::int64_t position_of(const Extents& coordinate, const Extents& shape);
Extents coordinate_of(std::int64_t position, const Extents& shape);

// Steps to the next coordinate in row-major order; false after the last one (coordinate is reset).
bool next_coordinate(Extents& coordinate, const Extents& shape);

std::string to_string(const Extents& extents);  // "(3, 4)"

// A half-open box [lo, hi) of elements or chunks.
struct Box {
  Extents lo;
  Extents hi;

  std::size_t rank() const { return lo.size(); }
  Extents shape() const;
  bool empty() const;         // some axis has no length (a 0-d box is one element, not empty)
  std::int64_t size() const;  // number of elements
  bool contains(const Box& other) const;
  bool operator==(const Box&) const = default;

  static Box whole(const Extents& shape);
  template <class Archive>
  void serialize(Archive& archive) {
    archive(lo, hi);
  }
};

Box intersect(const Box& a, const Box& b);  // may be empty
Box hull(const Box& a, const Box& b);       // smallest box holding both; an empty one adds nothing

}  // namespace rankine
