// How many chunks come to a rank through an edge: bounds in closed form, from the layers.
#pragma once

#include <cstdint>

#include "runtime/plan/placement.h"

namespace rankine::plan {

// The most tasks of a layer at home on one rank.
std::int64_t share_of(const graph::Topology& topology, const Placement& placement,
                      std::uint32_t layer);

// Chunks of the producer that one task reads through an edge, at most.
std::int64_t chunks_read(const graph::Topology& topology, const graph::Topology::LeafEdge& edge);

// Whether all that read an output are leaves of Map layers, which take any part of a chunk; trees
// and users' tasks take chunks as they are.
bool read_by_leaves_only(const graph::Topology& topology, graph::LayerOutput output);

// Whether chunk and task of one position are at home on one rank: equal grids in equal order.
bool share_homes(const graph::Topology& topology, const Placement& placement,
                 const graph::Topology::LeafEdge& edge);

// Whether every task that has the edge reads one chunk through it, that of its own position, and
// the two are at home on one rank.
bool reads_own_chunk(const graph::Topology& topology, const Placement& placement,
                     const graph::Topology::LeafEdge& edge);

// Chunks that are made elsewhere and that tasks of one rank read through an edge, each counted
// once, on the rank with most, at most.
std::int64_t chunks_received(const graph::Topology& topology, const Placement& placement,
                             const graph::Topology::LeafEdge& edge);

// Chunks of an output that a rank makes or receives, each counted once, on the rank with most, at
// most.
std::int64_t chunks_on_rank(const graph::Topology& topology, const Placement& placement,
                            graph::LayerOutput output);

}  // namespace rankine::plan
