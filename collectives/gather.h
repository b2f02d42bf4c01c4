// One byte string from every rank to one.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/progress.h"

namespace rankine::collectives {

// Collective. On `root`: the bytes of every rank, by rank, each of its own length (64-bit); on the
// others empty. The root takes one rank after the other, so beside the result it holds nothing.
// Caller holds the progress right; uses the tag kGatherTag.
std::vector<std::vector<std::byte>> gather(Communicator& communicator, int root,
                                           std::span<const std::byte> mine,
                                           Waiter waiter = Waiter(Cores::kShared));

}  // namespace rankine::collectives
