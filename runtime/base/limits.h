// Constants that touch a bit of output: they are part of the contract and of the plan's hash.
// Nothing here may depend on the machine, the number of ranks or threads.
#pragma once

#include <cstdint>

namespace rankine {

inline constexpr std::int64_t kReductionFanIn = 8;
inline constexpr std::int64_t kFoldBlock = 16;      // most chunks one task accumulates in order
inline constexpr std::int64_t kFoldMinTasks = 64;   // a fold leaves at least so many tasks

}  // namespace rankine
