// Included once per SIMD level by contract_*.cc, with RANKINE_SIMD_LEVEL the name of the level.
#include <cstdint>

#include "runtime/kernels/contract_rows.h"

namespace rankine::kernels::RANKINE_SIMD_LEVEL {
namespace {

// Four p at a time keep the row of C in registers; each product is added by itself, in order of p.
template <class A>
void multiply(const A* a, const A* panel, std::int64_t inner, std::int64_t columns, A* c) {
  std::int64_t p = 0;
  for (; p + 4 <= inner; p += 4) {
    const A* b = panel + p * kPanelColumns;
    const A a0 = a[p], a1 = a[p + 1], a2 = a[p + 2], a3 = a[p + 3];
#pragma GCC ivdep
    for (std::int64_t j = 0; j < columns; ++j) {
      A sum = c[j] + a0 * b[j];
      sum = sum + a1 * b[j + kPanelColumns];
      sum = sum + a2 * b[j + 2 * kPanelColumns];
      c[j] = sum + a3 * b[j + 3 * kPanelColumns];
    }
  }
  for (; p < inner; ++p) {
    const A* b = panel + p * kPanelColumns;
#pragma GCC ivdep
    for (std::int64_t j = 0; j < columns; ++j) c[j] = c[j] + a[p] * b[j];
  }
}

}  // namespace

MultiplyRow<double> multiply_row_float() { return multiply<double>; }
MultiplyRow<std::uint64_t> multiply_row_integer() { return multiply<std::uint64_t>; }

}  // namespace rankine::kernels::RANKINE_SIMD_LEVEL
