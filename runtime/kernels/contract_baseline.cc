// The loops for any CPU.
#define RANKINE_SIMD_LEVEL baseline
#include "runtime/kernels/contract_simd.h"
