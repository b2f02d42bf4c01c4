// Folds one tile of values into a reduction state; the inner loop behind evaluate().
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/shape.h"
#include "runtime/kernels/reduce.h"

namespace rankine::kernels {

// The type values are folded in: float64 for the mean, variance and standard deviation of integers
// and bool, else the input's.
DType folded_dtype(const ReduceSpec& spec);

// A box of values of folded_dtype(*spec). `group` is the axis whose neighbours are folded eight at
// a time; the tile begins at a multiple of eight along it. Along the last axis values are
// contiguous, and so are the kept elements (or it is reduced: state stride 0).
struct FoldTile {
  const ReduceSpec* spec = nullptr;
  const std::byte* data = nullptr;
  Extents extents;        // at least one axis
  Extents data_strides;   // bytes
  Extents state_strides;  // kept elements
  std::size_t group = 0;
  std::byte* state = nullptr;
  std::int64_t elements = 0;  // of the whole state
  std::int64_t first = 0;     // kept element of the tile's origin
};

using FoldLoop = void (*)(const FoldTile&);
FoldLoop find_fold(const ReduceSpec& spec);

// Every kept element has seen some value: to be called once for a box that is not empty.
void mark_seen(const ReduceSpec& spec, std::int64_t elements, std::byte* state);

}  // namespace rankine::kernels
