#include "runtime/plan/streaming.h"

#include <algorithm>
#include <cstddef>

#include "runtime/plan/edge_chunks.h"
#include "runtime/plan/moves.h"

namespace rankine::plan {
namespace {

using graph::Topology;

bool is_everywhere(const Topology& topology, const Topology::LeafEdge& edge) {
  for (std::size_t k = 0; k < edge.domain.size(); ++k) {
    if (!(edge.domain[k] == Interval{0, topology.counts(edge.consumer)[k]})) return false;
  }
  return true;
}

}  // namespace

// A call's blocks are counted in their own grids and may have halos: such layers never stream.
std::vector<bool> streaming_layers(const Topology& topology, const Placement& placement) {
  std::vector<bool> streaming(topology.layer_count(), false);
  for (std::uint32_t layer = 0; layer < streaming.size(); ++layer) {
    const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
    if (map == nullptr || !map->calls.empty()) continue;
    const auto& edges = topology.leaf_edges(layer);
    streaming[layer] = std::all_of(edges.begin(), edges.end(), [&](const auto& edge) {
      return streaming[edge.producer.layer] && edge.counts == topology.counts(layer) &&
             is_everywhere(topology, edge) && reads_own_chunk(topology, placement, edge);
    });
  }
  return streaming;
}

// A task without inputs is started only when no task is ready. So then, among the positions where
// some of these layers have run and some have not, each has a task that runs, is the one that is
// started now, or waits for a layer without inputs; such layers have equal ranges and advance in
// turn, so those differ by one position. That makes threads + 1, and none is added until the next
// start. Where tasks move, those away count like those that run, and the layers advance from the
// back in the same way (worker/board_lend.cc), where they differ by one position more.
std::int64_t streamed_chunks(const Topology& topology, const Placement& placement,
                             graph::LayerOutput output, int threads) {
  const std::vector<bool> streaming = streaming_layers(topology, placement);
  if (!streaming[output.layer]) return -1;
  if (!read_by_leaves_only(topology, output)) return -1;
  for (std::uint32_t layer = output.layer + 1; layer < topology.layer_count(); ++layer) {
    for (const Topology::LeafEdge& edge : topology.leaf_edges(layer)) {
      if (edge.producer == output && !streaming[layer]) return -1;
    }
  }
  const std::int64_t moved = placement.moves() ? lent_tasks(threads) + 1 : 0;
  return std::min<std::int64_t>(share_of(topology, placement, output.layer),
                                std::int64_t{threads} + 1 + moved);
}

}  // namespace rankine::plan
