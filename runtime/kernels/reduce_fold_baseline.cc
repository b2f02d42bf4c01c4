// The loops for any CPU.
#define RANKINE_SIMD_LEVEL baseline
#include "runtime/kernels/reduce_fold_simd.h"
