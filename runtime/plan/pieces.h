// Which part of a chunk crosses to another rank: only what the tasks there read (a halo, the share
// of a rechunk). Both ends compute it from the plan, so it is not in the message.
#pragma once

#include <optional>
#include <vector>

#include "runtime/plan/placement.h"

namespace rankine::plan {

// The smallest box of elements (of the producer's whole array) that holds what the tasks at home on
// `rank` read of a chunk. Nothing: the chunk goes as it is, because they read all of it or because
// it is a state of a reduction.
struct Piece {
  int rank = 0;
  std::optional<Box> part;
  bool operator==(const Piece&) const = default;
};

// One per rank other than the chunk's home `from` that needs the chunk, in the order of first use.
std::vector<Piece> pieces_elsewhere(const graph::Topology& topology, const Placement& placement,
                                    const graph::ChunkId& chunk, int from);
Piece piece_on(const graph::Topology& topology, const Placement& placement,
               const graph::ChunkId& chunk, int rank);

// What a piece weighs on the wire.
std::int64_t piece_bytes(const graph::Topology& topology, const graph::ChunkId& chunk,
                         const Piece& piece);

}  // namespace rankine::plan
