// Layers whose tasks run in step with each other on every rank, so that what one leaves for the
// other waits only for a moment.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/plan/placement.h"

namespace rankine::plan {

// By layer: whether its tasks become ready in the order in which the board starts tasks without
// inputs: they have none, or wait only for tasks at their own position that do so, too.
std::vector<bool> streaming_layers(const graph::Topology& topology, const Placement& placement);

// Chunks of an output that wait on a rank if all its users stream; -1 if not. threads: of a rank.
std::int64_t streamed_chunks(const graph::Topology& topology, const Placement& placement,
                             graph::LayerOutput output, int threads);

}  // namespace rankine::plan
