// The innermost loop of matmul(): one row of A times a panel of B.
#pragma once

#include <cstdint>

namespace rankine::kernels {

// A panel of B (kPanelInner x kPanelColumns accumulators of 8 bytes, 64 KiB) stays in the
// second-level cache while the rows of A pass over it.
inline constexpr std::int64_t kPanelInner = 64;
inline constexpr std::int64_t kPanelColumns = 128;

// c[j] += sum over p < inner of a[p] * panel[p * kPanelColumns + j], for j < columns; c overlaps
// neither.
template <class A>
using MultiplyRow = void (*)(const A* a, const A* panel, std::int64_t inner, std::int64_t columns,
                             A* c);

MultiplyRow<double> multiply_row_float();
MultiplyRow<std::uint64_t> multiply_row_integer();

}  // namespace rankine::kernels
