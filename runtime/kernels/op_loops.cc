#include "runtime/kernels/op_loops.h"

#include "runtime/base/error.h"
#include "runtime/kernels/op_functions.h"
#include "runtime/kernels/simd.h"

namespace rankine::kernels {

namespace baseline {
Loop find_loop(Op op, DType compute, unsigned splat);
Loop find_cast_loop(DType from, DType to);
}  // namespace baseline
namespace avx2 {
Loop find_loop(Op op, DType compute, unsigned splat);
Loop find_cast_loop(DType from, DType to);
}  // namespace avx2
namespace avx512 {
Loop find_loop(Op op, DType compute, unsigned splat);
Loop find_cast_loop(DType from, DType to);
}  // namespace avx512

Loop find_loop(Op op, DType compute, unsigned splat) {
#if RANKINE_KERNEL_LEVELS
  if (simd_level() == Simd::kAvx512) return avx512::find_loop(op, compute, splat);
  if (simd_level() == Simd::kAvx2) return avx2::find_loop(op, compute, splat);
#endif
  return baseline::find_loop(op, compute, splat);
}

Loop find_cast_loop(DType from, DType to) {
#if RANKINE_KERNEL_LEVELS
  if (simd_level() == Simd::kAvx512) return avx512::find_cast_loop(from, to);
  if (simd_level() == Simd::kAvx2) return avx2::find_cast_loop(from, to);
#endif
  return baseline::find_cast_loop(from, to);
}

void refuse_negative_power() {
  throw Error(ExitCode::kTaskFailed, "integers to negative integer powers are not allowed", {},
              "convert one operand with astype(x, float64)");
}

}  // namespace rankine::kernels
