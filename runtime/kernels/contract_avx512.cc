// The loops for CPUs that simd.h finds to be of this level.
#include <cstdint>

#include "runtime/kernels/contract_rows.h"
#include "runtime/kernels/simd.h"

#if RANKINE_KERNEL_LEVELS
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl")
#define RANKINE_SIMD_LEVEL avx512
#include "runtime/kernels/contract_simd.h"
#endif
