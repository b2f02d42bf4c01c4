#include "runtime/kernels/simd.h"

#include <algorithm>
#include <atomic>

namespace rankine::kernels {
namespace {

Simd detect() {
#if RANKINE_KERNEL_LEVELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return Simd::kAvx512;
  }
  if (__builtin_cpu_supports("avx2")) return Simd::kAvx2;
#endif
  return Simd::kBaseline;
}

std::atomic<Simd>& level() {
  static std::atomic<Simd> current{detect()};
  return current;
}

}  // namespace

Simd simd_level() { return level().load(std::memory_order_relaxed); }

void limit_simd(Simd highest) {
  level().store(std::min(detect(), highest), std::memory_order_relaxed);
}

}  // namespace rankine::kernels
