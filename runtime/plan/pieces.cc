#include "runtime/plan/pieces.h"

#include "runtime/plan/rank_index.h"

namespace rankine::plan {
namespace {

// Grows the piece by what one task reads.
void add(Piece& piece, bool first, const Box* read, const Box& whole) {
  if (!first && !piece.part) return;  // it is the whole chunk already
  if (read == nullptr) {
    piece.part.reset();
    return;
  }
  const Box common = intersect(*read, whole);
  piece.part = first ? common : hull(*piece.part, common);
  if (*piece.part == whole) piece.part.reset();
}

// Grows the piece of one rank by what a task there reads.
class PieceOf {
 public:
  PieceOf(const graph::Topology& topology, const graph::ChunkId& chunk)
      : topology_(topology),
        whole_(topology.output_box(chunk)) {}
  void grow(Piece& piece, bool first, graph::TaskId task,
            const graph::Topology::LeafEdge* edge) const {
    if (edge == nullptr) return add(piece, first, nullptr, whole_);
    const Box read = topology_.elements_read(*edge, task);
    add(piece, first, &read, whole_);
  }

 private:
  const graph::Topology& topology_;
  Box whole_;
};

}  // namespace

std::vector<Piece> pieces_elsewhere(const graph::Topology& topology, const Placement& placement,
                                    const graph::ChunkId& chunk, int from) {
  const PieceOf piece_of(topology, chunk);
  std::vector<Piece> pieces;
  RankIndex ranks;
  topology.for_each_use(chunk, [&](graph::TaskId task, const graph::Topology::LeafEdge* edge) {
    const int home = placement.home(topology, task);
    if (home == from) return;
    const auto [number, first] = ranks.add(home);
    if (first) pieces.push_back({home, std::nullopt});
    piece_of.grow(pieces[number], first, task, edge);
  });
  return pieces;
}

Piece piece_on(const graph::Topology& topology, const Placement& placement,
               const graph::ChunkId& chunk, int rank) {
  Piece piece{rank, std::nullopt};
  if (!topology.is_read_in_parts({chunk.layer, chunk.output})) return piece;
  const PieceOf piece_of(topology, chunk);
  bool first = true;
  placement.for_each_use_on(topology, chunk, rank,
                            [&](graph::TaskId task, const graph::Topology::LeafEdge* edge) {
                              piece_of.grow(piece, first, task, edge);
                              first = false;
                            });
  return piece;
}

std::int64_t piece_bytes(const graph::Topology& topology, const graph::ChunkId& chunk,
                         const Piece& piece) {
  if (!piece.part) return topology.output_bytes(chunk);
  const DType dtype = topology.output_dtype({chunk.layer, chunk.output});
  return piece.part->size() * static_cast<std::int64_t>(size_of(dtype));
}

}  // namespace rankine::plan
