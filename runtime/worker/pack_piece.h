// What of a chunk goes to another rank, as bytes.
#pragma once

#include "runtime/base/pool.h"
#include "runtime/graph/topology.h"
#include "runtime/plan/pieces.h"

namespace rankine::worker {

// whole: all of the chunk, dense. Returns `whole` itself if all of it goes, else a dense copy of
// the part.
SharedBuffer pack_piece(const graph::Topology& topology, const graph::ChunkId& chunk,
                        const plan::Piece& piece, const SharedBuffer& whole, Pool& pool);

}  // namespace rankine::worker
