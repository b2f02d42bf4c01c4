#include "runtime/kernels/reduce_fold.h"

#include "runtime/kernels/simd.h"

namespace rankine::kernels {

namespace baseline {
FoldLoop find_fold(const ReduceSpec& spec);
}
namespace avx2 {
FoldLoop find_fold(const ReduceSpec& spec);
}
namespace avx512 {
FoldLoop find_fold(const ReduceSpec& spec);
}

FoldLoop find_fold(const ReduceSpec& spec) {
#if RANKINE_KERNEL_LEVELS
  if (simd_level() == Simd::kAvx512) return avx512::find_fold(spec);
  if (simd_level() == Simd::kAvx2) return avx2::find_fold(spec);
#endif
  return baseline::find_fold(spec);
}

}  // namespace rankine::kernels
