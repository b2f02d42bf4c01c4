// Constants that touch a bit of output: they are part of the contract and of the plan's hash
// (runtime/optimize/numeric_plan.h). Nothing here may depend on the machine, the number of ranks or
// threads.
#pragma once

#include <cstdint>

namespace rankine {

// Data that a file does not store in chunks are cut into virtual chunks: whole rows in C order, at
// most so many stored bytes each.
inline constexpr std::int64_t kVirtualChunkBytes = std::int64_t{4} << 20;

inline constexpr std::int64_t kReductionFanIn = 8;
inline constexpr std::int64_t kFoldBlock = 16;     // most chunks one task accumulates in order
inline constexpr std::int64_t kFoldMinTasks = 32;  // a fold leaves at least so many per result

// Inside a chunk (runtime/kernels/evaluate.h): neighbours that a fixed tree combines, and how long
// an axis must be to be the one along which they are taken.
inline constexpr std::int64_t kGroup = 8;
inline constexpr std::int64_t kGroupAxisLength = 64;

}  // namespace rankine
