// The argument checks that every communicator makes: wrong arguments are bugs of the caller.
#pragma once

#include <cstddef>
#include <string>

#include "collectives/communicator.h"
#include "runtime/base/error.h"

namespace rankine::collectives {

inline void check_rank(int rank, int size) {
  if (rank >= 0 && rank < size) return;
  throw Error(ExitCode::kTaskFailed,
              "there is no rank " + std::to_string(rank) + " among " + std::to_string(size));
}

inline void check_packet(std::size_t bytes) {
  if (bytes <= kPacketLimit) return;
  throw Error(ExitCode::kTaskFailed, "a packet of " + std::to_string(bytes) +
                                         " bytes is above the limit of " +
                                         std::to_string(kPacketLimit));
}

}  // namespace rankine::collectives
