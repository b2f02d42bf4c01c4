// A message there and back between two ranks, as one would write it by hand: the yardstick of
// `bench hop`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rankine::collectives {

// Ranks 0 and 1 call it, with MPI running; `rank` is the caller's. Seconds for one way, on both.
// Throws Error.
double ping_pong(int rank, std::size_t bytes, std::int64_t rounds);

}  // namespace rankine::collectives
