// The loops for CPUs that simd.h finds to be of this level.
#include <cstdint>

#include "runtime/kernels/contract_rows.h"
#include "runtime/kernels/simd.h"

#if RANKINE_KERNEL_LEVELS
#pragma GCC target("avx2")
#define RANKINE_SIMD_LEVEL avx2
#include "runtime/kernels/contract_simd.h"
#endif
