// One byte string from one rank to all.
#pragma once

#include <cstddef>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/progress.h"

namespace rankine::collectives {

struct BroadcastTimes {
  double wall_s = 0;  // seconds this rank spent in the call, waiting for the others included
};

// Collective. `bytes` of `root` replace those of every other rank: length first, then the bytes,
// so only the root needs to know it. Any size. Returns when this rank has its bytes (on the root:
// may change them). Caller holds the progress right; packets are left for later.
BroadcastTimes broadcast(Communicator& communicator, int root, std::vector<std::byte>& bytes,
                         Waiter waiter = Waiter(Cores::kShared));

// Collective. Returns when every rank has called it.
void barrier(Communicator& communicator, Waiter waiter = Waiter(Cores::kShared));

}  // namespace rankine::collectives
