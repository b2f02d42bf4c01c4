// Which vector instructions the loops of this room use. Every loop is compiled once per level from
// one source (op_loops_simd.h, reduce_fold_simd.h), without contraction or reassociation, so all
// levels give the same bits.
#pragma once

#include <cstdint>

// Under sanitizers only the first level is built: nothing vectorizes well there, and the loops
// would take minutes to compile.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RANKINE_KERNEL_LEVELS 0
#endif
#endif
#if defined(RANKINE_KERNEL_LEVELS)
#elif defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define RANKINE_KERNEL_LEVELS 1
#else
#define RANKINE_KERNEL_LEVELS 0
#endif

namespace rankine::kernels {

enum class Simd : std::uint8_t { kBaseline, kAvx2, kAvx512 };

// The best level of this CPU, or a lower one set by limit_simd. Thread-safe.
Simd simd_level();

// Caps the level for everything evaluated from now on; for tests and comparisons.
void limit_simd(Simd highest);

}  // namespace rankine::kernels
