#include "runtime/plan/edge_chunks.h"

#include <algorithm>
#include <optional>

#include "runtime/plan/saturate.h"

namespace rankine::plan {

using graph::Topology;

std::int64_t share_of(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  std::int64_t share = 0;
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    std::int64_t tasks = 0;
    if (placement.layer(layer).runs.empty()) {
      tasks = placement.range(topology, layer, rank).length();
    } else {
      for (const Interval& piece : placement.source_pieces(topology, layer, rank)) {
        tasks += piece.length();
      }
    }
    share = std::max(share, tasks);
  }
  return share;
}

std::int64_t chunks_read(const Topology& topology, const Topology::LeafEdge& edge) {
  const auto& map = std::get<graph::Map>(topology.graph().layers[edge.consumer].kind);
  const ChunkGrid& produced = topology.output_grid(edge.producer);
  std::int64_t chunks = 1;
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    const graph::Leaf& leaf = map.leaves[edge.leaf];
    const graph::Term& term = leaf.terms[k];
    if (term.axis < 0) continue;
    const AxisChunks& consumed = map.grid_of(leaf).axis(term.axis);
    const AxisChunks& made = produced.axis(k);
    const graph::Reach reach = map.reach_of(leaf, static_cast<std::size_t>(term.axis));
    const std::int64_t more = plus(reach.before, reach.after);
    if (term.step == 1 && term.offset == 0 && more == 0 && consumed == made) continue;
    std::int64_t shortest = made.longest();
    for (const AxisChunks::Run& run : made.runs()) shortest = std::min(shortest, run.length);
    const auto axis = static_cast<std::size_t>(term.axis);
    const std::int64_t inside = leaf.domain.hi[axis] - leaf.domain.lo[axis];
    const std::int64_t longest =
        std::max<std::int64_t>(1, std::min(inside, plus(consumed.longest(), more)));
    const std::int64_t reached = times(longest - 1, std::abs(term.step));
    const std::int64_t over =
        plus(reached / std::max<std::int64_t>(1, shortest), reached > 0 ? 2 : 1);
    chunks = times(chunks, std::min(over, made.count()));
  }
  return chunks;
}

bool read_by_leaves_only(const Topology& topology, graph::LayerOutput output) {
  for (std::uint32_t layer = output.layer + 1; layer < topology.layer_count(); ++layer) {
    if (std::holds_alternative<graph::Map>(topology.graph().layers[layer].kind)) continue;
    const auto& inputs = topology.layer_inputs(layer);
    if (std::find(inputs.begin(), inputs.end(), output) != inputs.end()) return false;
  }
  return true;
}

bool share_homes(const Topology& topology, const Placement& placement,
                 const Topology::LeafEdge& edge) {
  const LayerPlacement& from = placement.layer(edge.producer.layer);
  const LayerPlacement& to = placement.layer(edge.consumer);
  if (from.pinned >= 0 || to.pinned >= 0 || !(from.order == to.order)) return false;
  if (!(topology.counts(edge.producer.layer) == topology.counts(edge.consumer))) return false;
  if (!(topology.counts(edge.producer.layer) == edge.counts)) return false;
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    if (edge.axes[k] != static_cast<std::int32_t>(k)) return false;
  }
  return edge.axes.size() == topology.counts(edge.consumer).size();
}

namespace {

// Neighbours of its own chunk that a task reads on one side of an axis, at most; nothing if those
// of other places are read too.
std::optional<std::int64_t> neighbours(const Topology& topology, const Topology::LeafEdge& edge,
                                       std::size_t axis) {
  const auto& map = std::get<graph::Map>(topology.graph().layers[edge.consumer].kind);
  const graph::Leaf& leaf = map.leaves[edge.leaf];
  const AxisChunks& made = topology.output_grid(edge.producer).axis(axis);
  const graph::Term& term = leaf.terms[axis];
  if (made.count() == 1) return 0;
  if (term.step != 1 || term.offset != 0 || !(map.grid_of(leaf).axis(axis) == made)) {
    return std::nullopt;
  }
  const graph::Reach reach = map.reach_of(leaf, axis);
  std::int64_t shortest = std::max<std::int64_t>(1, made.longest());
  for (const AxisChunks::Run& run : made.runs()) shortest = std::min(shortest, run.length);
  const std::int64_t depth = std::max(reach.before, reach.after);
  return std::min(depth / shortest + (depth % shortest != 0 ? 1 : 0), made.count());
}

// Tasks of a rank that have an edge, at most.
std::int64_t tasks_having(const Topology& topology, const Placement& placement,
                          const Topology::LeafEdge& edge) {
  const std::int64_t share = share_of(topology, placement, edge.consumer);
  std::int64_t having = share;
  std::int64_t all = 1;
  for (const Interval& domain : edge.domain) all = times(all, domain.length());
  if (!(edge.counts == topology.counts(edge.consumer))) return std::min(having, all);
  // A range of positions goes through an axis so many times, of which the first and the last may be
  // parts, and each time through its part of the domain once.
  std::int64_t stride = 1;
  const Extents& order = placement.layer(edge.consumer).order;
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(order[i]);
    const std::int64_t period = times(stride, std::max<std::int64_t>(1, edge.counts[axis]));
    const std::int64_t once = times(stride, edge.domain[axis].length());
    having = std::min(having, times(share / period + 2, once));
    stride = period;
  }
  return std::min(having, all);
}

}  // namespace

bool reads_own_chunk(const Topology& topology, const Placement& placement,
                     const Topology::LeafEdge& edge) {
  if (!share_homes(topology, placement, edge)) return false;
  const auto& map = std::get<graph::Map>(topology.graph().layers[edge.consumer].kind);
  const graph::Leaf& leaf = map.leaves[edge.leaf];
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    const AxisChunks& made = topology.output_grid(edge.producer).axis(k);
    const graph::Reach reach = map.reach_of(leaf, k);
    const bool same = leaf.terms[k].step == 1 && leaf.terms[k].offset == 0 && reach.before == 0 &&
                      reach.after == 0 && map.grid_of(leaf).axis(k) == made;
    if (made.count() > 1 && !same) return false;
  }
  return true;
}

std::int64_t chunks_received(const Topology& topology, const Placement& placement,
                             const Topology::LeafEdge& edge) {
  const std::int64_t all =
      times(tasks_having(topology, placement, edge), chunks_read(topology, edge));
  if (!share_homes(topology, placement, edge)) return all;
  // The tasks of a rank are one range of positions, and a neighbour along an axis is so many
  // positions away: what they read is that range, longer on both sides by the sum of those.
  std::int64_t longer = 0;
  std::int64_t stride = 1;
  const Extents& order = placement.layer(edge.consumer).order;
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(order[i]);
    const auto sideways = neighbours(topology, edge, axis);
    if (!sideways) return all;
    longer = plus(longer, times(*sideways, stride));
    stride = times(stride, edge.counts[axis]);
  }
  return std::min(all, times(2, longer));
}

std::int64_t chunks_on_rank(const Topology& topology, const Placement& placement,
                            graph::LayerOutput output) {
  std::int64_t chunks = share_of(topology, placement, output.layer);
  for (std::uint32_t layer = output.layer + 1; layer < topology.layer_count(); ++layer) {
    for (const Topology::LeafEdge& edge : topology.leaf_edges(layer)) {
      if (edge.producer == output) {
        chunks = plus(chunks, chunks_received(topology, placement, edge));
      }
    }
  }
  return std::min(chunks, topology.task_count(output.layer));
}

}  // namespace rankine::plan
