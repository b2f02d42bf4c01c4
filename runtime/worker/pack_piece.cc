#include "runtime/worker/pack_piece.h"

#include "runtime/kernels/convert.h"

namespace rankine::worker {

SharedBuffer pack_piece(const graph::Topology& topology, const graph::ChunkId& chunk,
                        const plan::Piece& piece, const SharedBuffer& whole, Pool& pool) {
  if (!piece.part) return whole;
  const std::size_t size = size_of(topology.output_dtype({chunk.layer, chunk.output}));
  SharedBuffer packed = pool.allocate_shared(static_cast<std::size_t>(piece.part->size()) * size);
  kernels::copy_overlap(size, topology.output_box(chunk), whole->data(), *piece.part,
                        packed->data());
  return packed;
}

}  // namespace rankine::worker
