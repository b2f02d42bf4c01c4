// The loops for CPUs that simd.h finds to be of this level; the standard headers come first, so
// that nothing of theirs is compiled with these instructions.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/kernels/op_loops.h"
#include "runtime/kernels/simd.h"

#if RANKINE_KERNEL_LEVELS
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl")
#define RANKINE_SIMD_LEVEL avx512
#include "runtime/kernels/op_loops_simd.h"
#endif
