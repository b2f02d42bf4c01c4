// How many chunks come to a rank through an edge: bounds in closed form, from the layers.
#pragma once

#include <cstdint>

#include "runtime/plan/placement.h"

namespace rankine::plan {

// The most tasks of a layer at home on one rank.
std::int64_t share_of(const graph::Topology& topology, const Placement& placement,
                      std::uint32_t layer);

// Chunks that are made elsewhere and that tasks of one rank read through an edge, each counted
// once, on the rank with most, at most.
std::int64_t chunks_received(const graph::Topology& topology, const Placement& placement,
                             const graph::Topology::LeafEdge& edge);

}  // namespace rankine::plan
