// Which vector instructions the loops of this room use. Every loop is compiled once per level from
// one source (op_loops_simd.h, reduce_fold_simd.h), without contraction or reassociation, so all
// levels give the same bits.
#pragma once

#include <cstdint>

namespace rankine::kernels {

enum class Simd : std::uint8_t { kBaseline, kAvx2, kAvx512 };

// The best level of this CPU, or a lower one set by limit_simd. Thread-safe.
Simd simd_level();

// Caps the level for everything evaluated from now on; for tests and comparisons.
void limit_simd(Simd highest);

}  // namespace rankine::kernels
