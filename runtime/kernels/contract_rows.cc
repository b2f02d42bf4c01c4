#include "runtime/kernels/contract_rows.h"

#include "runtime/kernels/simd.h"

namespace rankine::kernels {

namespace baseline {
MultiplyRow<double> multiply_row_float();
MultiplyRow<std::uint64_t> multiply_row_integer();
}  // namespace baseline
namespace avx2 {
MultiplyRow<double> multiply_row_float();
MultiplyRow<std::uint64_t> multiply_row_integer();
}  // namespace avx2
namespace avx512 {
MultiplyRow<double> multiply_row_float();
MultiplyRow<std::uint64_t> multiply_row_integer();
}  // namespace avx512

MultiplyRow<double> multiply_row_float() {
#if RANKINE_KERNEL_LEVELS
  if (simd_level() == Simd::kAvx512) return avx512::multiply_row_float();
  if (simd_level() == Simd::kAvx2) return avx2::multiply_row_float();
#endif
  return baseline::multiply_row_float();
}

MultiplyRow<std::uint64_t> multiply_row_integer() {
#if RANKINE_KERNEL_LEVELS
  if (simd_level() == Simd::kAvx512) return avx512::multiply_row_integer();
  if (simd_level() == Simd::kAvx2) return avx2::multiply_row_integer();
#endif
  return baseline::multiply_row_integer();
}

}  // namespace rankine::kernels
