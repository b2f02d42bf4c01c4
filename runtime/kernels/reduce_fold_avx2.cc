// The loops for CPUs that simd.h finds to be of this level; the standard headers come first, so
// that nothing of theirs is compiled with these instructions.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/kernels/reduce_fold.h"
#include "runtime/kernels/simd.h"

#if RANKINE_KERNEL_LEVELS
#pragma GCC target("avx2")
#define RANKINE_SIMD_LEVEL avx2
#include "runtime/kernels/reduce_fold_simd.h"
#endif
