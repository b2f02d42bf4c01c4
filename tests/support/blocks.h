// Plain loops over whole arrays, the oracle of functions on blocks.
#pragma once

#include <functional>
#include <vector>

#include "runtime/rankine.h"
#include "tests/support/random.h"

namespace rankine::testing {

// Elements in row-major order.
template <class T>
struct Dense {
  Extents shape;
  std::vector<T> elements;

  explicit Dense(const Extents& shape_)
      : shape(shape_),
        elements(static_cast<std::size_t>(volume(shape_))) {}
  explicit Dense(const NdArray& array) : Dense(array.shape()) {
    std::copy_n(array.data<T>(), elements.size(), elements.begin());
  }
  T& at(const Extents& index) { return elements[static_cast<std::size_t>(position(index))]; }
  const T& at(const Extents& index) const {
    return elements[static_cast<std::size_t>(position(index))];
  }
  std::int64_t position(const Extents& index) const { return position_of(index, shape); }
};

template <class Visit>
void for_each_index(const Extents& shape, const Visit& visit) {
  if (volume(shape) == 0) return;
  Extents index(shape.size(), 0);
  do {
    visit(index);
  } while (next_coordinate(index, shape));
}

// An array whose elements all differ: their row-major position, and 1 more.
inline Array counting(const Extents& shape, const ChunkGrid& grid, DType dtype) {
  Array sum = zeros(Extents(), DType::kInt64);
  std::int64_t stride = 1;
  for (std::size_t k = shape.size(); k-- > 0;) {
    Array ramp = arange(shape[k]) * stride;
    std::vector<std::int64_t> ones(shape.size(), 1);
    Extents axes(shape.size(), -1);
    axes[k] = 0;
    ramp = Array(expr::view(ramp.node(), axes, shape, {}, Location()));
    sum = sum + ramp;
    stride *= std::max<std::int64_t>(1, shape[k]);
  }
  return (sum + 1).astype(dtype).rechunk(grid);
}

inline ChunkGrid random_grid(Random& random, const Extents& shape) {
  std::vector<AxisChunks> axes;
  for (const std::int64_t length : shape) axes.push_back(random.cut(length));
  return ChunkGrid(std::move(axes));
}

// Where the element at a position beyond the ends of an axis comes from; -1: from nowhere.
inline std::int64_t source_of(std::int64_t i, std::int64_t length, const Boundary& boundary) {
  if (i >= 0 && i < length) return i;
  switch (boundary.kind) {
    case Boundary::Kind::kPeriodic: return (i % length + length) % length;
    case Boundary::Kind::kReflect: return i < 0 ? -1 - i : 2 * length - 1 - i;
    case Boundary::Kind::kNearest: return i < 0 ? 0 : length - 1;
    default: return -1;
  }
}

}  // namespace rankine::testing
