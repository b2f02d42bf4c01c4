#include "runtime/plan/pieces.h"

#include <algorithm>

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

template <class Wanted>
std::vector<Piece> collect(const graph::Topology& topology, const Placement& placement,
                           const graph::ChunkId& chunk, const Wanted& wanted) {
  const Box whole = topology.output_box(chunk);
  std::vector<Piece> pieces;
  topology.for_each_use(chunk, [&](graph::TaskId task, const graph::Topology::LeafEdge* edge) {
    const int home = placement.home(topology, task);
    if (!wanted(home)) return;
    auto piece = std::find_if(pieces.begin(), pieces.end(),
                              [&](const Piece& known) { return known.rank == home; });
    const bool first = piece == pieces.end();
    if (first) piece = pieces.insert(pieces.end(), {home, std::nullopt});
    if (edge == nullptr) {
      add(*piece, first, nullptr, whole);
    } else {
      const Box read = topology.elements_read(*edge, task);
      add(*piece, first, &read, whole);
    }
  });
  return pieces;
}

}  // namespace

std::vector<Piece> pieces_elsewhere(const graph::Topology& topology, const Placement& placement,
                                    const graph::ChunkId& chunk, int from) {
  return collect(topology, placement, chunk, [&](int home) { return home != from; });
}

Piece piece_on(const graph::Topology& topology, const Placement& placement,
               const graph::ChunkId& chunk, int rank) {
  const auto pieces = collect(topology, placement, chunk, [&](int home) { return home == rank; });
  return pieces.empty() ? Piece{rank, std::nullopt} : pieces.front();
}

std::int64_t piece_bytes(const graph::Topology& topology, const graph::ChunkId& chunk,
                         const Piece& piece) {
  if (!piece.part) return topology.output_bytes(chunk);
  const DType dtype = topology.output_dtype({chunk.layer, chunk.output});
  return piece.part->size() * static_cast<std::int64_t>(size_of(dtype));
}

}  // namespace rankine::plan
