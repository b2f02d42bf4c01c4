// Constants that choose chunk grids, and with them may touch a bit of output.
#pragma once

#include <cstdint>

namespace rankine {

// Data that a file does not store in chunks are cut into virtual chunks: whole rows in C order, at
// most so many stored bytes each.
inline constexpr std::int64_t kVirtualChunkBytes = std::int64_t{4} << 20;

}  // namespace rankine
