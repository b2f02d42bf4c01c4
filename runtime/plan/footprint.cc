#include "runtime/plan/footprint.h"

#include <algorithm>

#include "runtime/plan/saturate.h"
#include "runtime/plan/task_memory.h"

namespace rankine::plan {
namespace {

using graph::Topology;

std::int64_t elements(const Extents& shape) { return std::min(saturated_volume(shape), kTooMuch); }

std::int64_t bytes_of(std::size_t bytes) {
  return static_cast<std::int64_t>(std::min<std::size_t>(bytes, kTooMuch));
}

// Whether the order of a layer takes all chunks of one result before those of the next.
bool kept_axes_first(const Placement& placement, std::uint32_t layer, const Extents& reduced) {
  bool inside = false;
  for (std::int64_t axis : placement.layer(layer).order) {
    if (reduced[axis] == 0 && inside) return false;
    inside = inside || reduced[axis] != 0;
  }
  return true;
}

// Whether the tasks under one tree become ready together, so that trees are worked off one by one:
// what they wait for does not change along the reduced axes.
bool ready_together(const Topology& topology, std::uint32_t layer, const Extents& reduced) {
  for (const Topology::LeafEdge& edge : topology.leaf_edges(layer)) {
    for (const std::int32_t axis : edge.axes) {
      if (axis >= 0 && reduced[axis] != 0) return false;
    }
    for (std::size_t k = 0; k < edge.domain.size(); ++k) {
      if (reduced[k] != 0 && !(edge.domain[k] == Interval{0, topology.counts(layer)[k]}))
        return false;
    }
  }
  return true;
}

// The most tasks of a layer at home on one rank.
std::int64_t share_of(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  std::int64_t share = 0;
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    share = std::max(share, placement.range(topology, layer, rank).length());
  }
  return share;
}

// Whether every task finds its chunk where it is at home itself: equal grids in equal order.
bool stays_at_home(const Topology& topology, const Placement& placement,
                   const Topology::LeafEdge& edge) {
  const LayerPlacement& from = placement.layer(edge.producer.layer);
  const LayerPlacement& to = placement.layer(edge.consumer);
  if (from.pinned >= 0 || to.pinned >= 0 || !(from.order == to.order)) return false;
  if (!(topology.counts(edge.producer.layer) == topology.counts(edge.consumer))) return false;
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    if (edge.axes[k] != static_cast<std::int32_t>(k)) return false;
  }
  return edge.axes.size() == topology.counts(edge.consumer).size() &&
         chunks_read(topology, edge) == 1;
}

// Whether the tasks of a layer become ready in the order in which the board starts tasks without
// inputs: they have none, or wait only for tasks at their own position that do so, too.
bool streams(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  if (!std::holds_alternative<graph::Map>(topology.graph().layers[layer].kind)) return false;
  for (const Topology::LeafEdge& edge : topology.leaf_edges(layer)) {
    const bool everywhere = [&] {
      for (std::size_t k = 0; k < edge.domain.size(); ++k) {
        if (!(edge.domain[k] == Interval{0, topology.counts(layer)[k]})) return false;
      }
      return true;
    }();
    if (!everywhere || !stays_at_home(topology, placement, edge)) return false;
    if (!streams(topology, placement, edge.producer.layer)) return false;
  }
  return true;
}

// Chunks of an output that wait on a rank if all its users stream; -1 if not.
//
// A task without inputs is started only when no task is ready. So then, among the positions where
// some of these layers have run and some have not, each has a task that runs, is the one that is
// started now, or waits for a layer without inputs; such layers have equal ranges and advance in
// turn, so those differ by one position. That makes threads + 1, and none is added until the next
// start.
std::int64_t streamed_chunks(const Topology& topology, const Placement& placement,
                             graph::LayerOutput output, int threads) {
  if (!streams(topology, placement, output.layer)) return -1;
  for (std::uint32_t layer = output.layer + 1; layer < topology.layer_count(); ++layer) {
    for (const Topology::LeafEdge& edge : topology.leaf_edges(layer)) {
      if (!(edge.producer == output)) continue;
      const bool follows = stays_at_home(topology, placement, edge);
      if (!follows || !streams(topology, placement, layer)) return -1;
    }
  }
  return std::min<std::int64_t>(share_of(topology, placement, output.layer), threads + 1);
}

// States of one reduction that can be on a rank at once; the last level leaves values.
//
// Leaves that are ready together are started in order, those of one result after those of the
// other, and only when no node of a tree is ready (a node lies deeper). So when a leaf is started,
// a group of fan-in siblings of which some are there and some are not either holds that leaf or
// waits for a task that runs: on each level there are at most as many such groups as threads, and
// one where a leaf waits for the second of two inputs (streamed_chunks). Until the next start no
// other group begins. One or two more per level are shared with the neighbours of this rank's
// range, or were left when the inputs of an earlier result arrived.
std::int64_t tree_states(const Topology& topology, const Placement& placement, std::uint32_t layer,
                         const graph::Reduce& tree, int threads) {
  const graph::Reduction& constants = topology.reduction(layer);
  const std::int64_t trees = saturated_volume(constants.kept_grid.counts());
  const bool streamed = streams(topology, placement, tree.source.layer);
  const bool in_order = kept_axes_first(placement, tree.source.layer, tree.reduced) &&
                        (streamed || ready_together(topology, tree.source.layer, tree.reduced));
  const std::int64_t groups = threads + (placement.ranks() == 1 && streamed ? 1 : 2);
  std::int64_t states = 0;
  std::int64_t width = constants.leaves;
  for (std::size_t level = 0; level < constants.level_start.size(); ++level) {
    const std::int64_t all = times(width, trees);
    states = plus(states, in_order ? std::min(all, times(groups, tree.fan_in)) : all);
    const bool last = level + 2 >= constants.level_start.size();
    width = last ? 0 : constants.level_start[level + 1] - constants.level_start[level];
  }
  return states;
}

// Chunks of one output on a rank: those made there, and for each edge those that its tasks there
// may have to receive. A rank with so many tasks reads at most so many times what one task reads.
std::int64_t held_chunks(const Topology& topology, const Placement& placement,
                         graph::LayerOutput output, int threads) {
  std::int64_t chunks = share_of(topology, placement, output.layer);
  for (const graph::Layer& layer : topology.graph().layers) {
    // A user's task takes the whole array.
    const auto* tasks = std::get_if<graph::Explicit>(&layer.kind);
    if (tasks != nullptr && std::count(tasks->arrays.begin(), tasks->arrays.end(), output) > 0) {
      return topology.task_count(output.layer);
    }
  }
  const std::int64_t streamed = streamed_chunks(topology, placement, output, threads);
  if (streamed >= 0) return streamed;
  for (std::uint32_t layer = output.layer + 1; layer < topology.layer_count(); ++layer) {
    for (const Topology::LeafEdge& edge : topology.leaf_edges(layer)) {
      if (!(edge.producer == output) || stays_at_home(topology, placement, edge)) continue;
      chunks =
          plus(chunks, times(share_of(topology, placement, layer), chunks_read(topology, edge)));
    }
  }
  return std::min(chunks, topology.task_count(output.layer));
}

// Results of users' tasks that wait: if each is small, and all of them are there. How long they are
// is not known.
std::int64_t held_results(std::size_t tasks) {
  constexpr std::int64_t kEach = 256;  // block, owner, entry of the board, counter
  return times(bytes_of(tasks), kEach);
}

// Chunks that a layer leaves to later graphs.
std::int64_t persisted_by(const Topology& topology, const Placement& placement,
                          std::uint32_t layer) {
  const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
  std::int64_t bytes = 0;
  for (std::uint32_t i = 0; map != nullptr && i < map->heads.size(); ++i) {
    if (!std::holds_alternative<graph::Hold>(map->heads[i])) continue;
    bytes = plus(bytes,
                 times(share_of(topology, placement, layer), output_block(topology, {layer, i})));
  }
  return bytes;
}

// Chunks of one layer that wait for their consumers.
std::int64_t held_by(const Topology& topology, const Placement& placement, std::uint32_t layer,
                     int threads) {
  const graph::Layer& what = topology.graph().layers[layer];
  if (const auto* tree = std::get_if<graph::Reduce>(&what.kind)) {
    const std::int64_t states = tree_states(topology, placement, layer, *tree, threads);
    // Finished values: every rank may need all of them.
    const ChunkGrid& kept = topology.reduction(layer).kept_grid;
    const std::int64_t value = pool_block(
        times(kept.largest_chunk(), bytes_of(size_of(topology.output_dtype({layer, 0})))));
    return plus(times(states, output_block(topology, {layer, 0})),
                times(saturated_volume(kept.counts()), value));
  }
  if (const auto* tasks = std::get_if<graph::Explicit>(&what.kind))
    return held_results(tasks->task_count());
  if (const auto* values = std::get_if<graph::HeldValues>(&what.kind)) {
    return held_results(values->size());
  }
  if (std::holds_alternative<graph::HeldArray>(what.kind)) {  // its own chunks are there already
    const std::int64_t received = held_chunks(topology, placement, {layer, 0}, threads) -
                                  share_of(topology, placement, layer);
    return times(std::max<std::int64_t>(0, received), output_block(topology, {layer, 0}));
  }
  if (!std::holds_alternative<graph::Map>(what.kind)) return 0;
  const auto& map = std::get<graph::Map>(what.kind);
  std::int64_t held = 0;
  for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
    const auto* partial = std::get_if<graph::Partial>(&map.heads[i]);
    const bool kept = std::holds_alternative<graph::Keep>(map.heads[i]);
    if (placement.is_spilled(topology, {layer, i})) continue;
    if (kept || (partial != nullptr && partial->complete)) {
      const std::int64_t chunks = held_chunks(topology, placement, {layer, i}, threads);
      held = plus(held, times(chunks, output_block(topology, {layer, i})));
    }
  }
  return held;
}

// The description of users' tasks in the copies it passes through on rank 0, and its inverse.
std::int64_t description_bytes(const graph::Explicit& tasks) {
  constexpr std::int64_t kCopies = 5;
  constexpr std::int64_t kWord = sizeof(std::uint32_t);
  std::int64_t bytes =
      plus(bytes_of(tasks.constants.size()), times(bytes_of(tasks.constant_begin.size()), kWord));
  for (const graph::UserFunction& function : tasks.functions) {
    bytes = plus(bytes, bytes_of(sizeof function + function.state.size()));
  }
  const std::int64_t words = bytes_of(2 * tasks.task_count() + tasks.arguments.size());
  return times(kCopies, plus(bytes, times(words, kWord)));
}

// Chunks of one layer that wait in scratch on a rank.
std::int64_t spilled_by(const Topology& topology, const Placement& placement, std::uint32_t layer,
                        int threads) {
  std::int64_t bytes = 0;
  for (std::uint32_t i = 0; i < topology.output_count(layer); ++i) {
    if (!placement.is_spilled(topology, {layer, i})) continue;
    const std::int64_t chunks = held_chunks(topology, placement, {layer, i}, threads);
    bytes = plus(bytes, times(chunks, topology.largest_output_bytes({layer, i})));
  }
  return bytes;
}

std::int64_t largest_output(const Topology& topology, std::uint32_t layer) {
  const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
  const std::size_t outputs = map == nullptr ? 1 : map->heads.size();
  std::int64_t largest = 0;
  for (std::uint32_t i = 0; i < outputs; ++i) {
    largest = std::max(largest, topology.largest_output_bytes({layer, i}));
  }
  return largest;
}

// Copies of what one layer sends: bulk sends, one piece on its way into a packet, and packets. And
// what is received of it to be spilled.
std::int64_t sent_by(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  if (placement.ranks() == 1) return 0;
  const std::int64_t packets = std::min(kPackets, topology.task_count(layer));
  const std::int64_t largest = largest_output(topology, layer);
  const std::int64_t together = pool_block(kBulkBytes);
  const std::int64_t bulk =
      std::max(pool_block(largest), std::min(together, times(kBulkSends, pool_block(largest))));
  const std::int64_t receives = placement.layer(layer).spilled ? kSpillReceives : 0;
  return plus(plus(bulk, times(receives, pool_block(largest))),
              plus(pool_block(std::min(largest, kPacketBytes)),
                   times(times(packets, placement.ranks() - 1), kPacketBytes)));
}

}  // namespace

std::int64_t Footprint::pool_bytes(int threads) const {
  return plus(times(task_pool_bytes, threads), plus(held_bytes, sent_bytes));
}

std::int64_t Footprint::total(int threads) const {
  const std::int64_t kept = times(task_bytes - task_pool_bytes, threads);
  return plus(plus(pool_bytes(threads), kept), plus(result_bytes, index_bytes));
}

std::string Footprint::largest(int threads) const {
  const std::int64_t running = times(task_bytes, threads);
  if (result_bytes >= running && result_bytes >= most_held_bytes) return "the fetched results";
  if (running >= most_held_bytes) return "a task of layer '" + largest_task + "'";
  return "what layer '" + most_holding + "' leaves for others";
}

Footprint footprint(const Topology& topology, const Placement& placement, int threads) {
  Footprint result;
  TaskMemory running_tasks;
  std::int64_t largest_task = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const std::string& name = topology.graph().layers[layer].name;
    const std::int64_t persisted = persisted_by(topology, placement, layer);
    result.persisted_bytes = plus(result.persisted_bytes, persisted);
    const std::int64_t held = plus(held_by(topology, placement, layer, threads), persisted);
    const TaskMemory running = task_memory(topology, placement, layer);
    running_tasks.raise_to(running);
    result.spilled_bytes =
        plus(result.spilled_bytes, spilled_by(topology, placement, layer, threads));
    result.held_bytes = plus(result.held_bytes, held);
    if (held > result.most_held_bytes) {
      result.most_held_bytes = held;
      result.most_holding = name;
    }
    if (running.total() > largest_task) {
      largest_task = running.total();
      result.largest_task = name;
    }
    const std::int64_t largest = largest_output(topology, layer);
    result.least_bytes = std::max(result.least_bytes, largest);
    result.sent_bytes = std::max(result.sent_bytes, sent_by(topology, placement, layer));
  }
  result.task_pool_bytes = running_tasks.pool;
  result.task_bytes = running_tasks.total();
  for (const graph::Result& fetched : topology.graph().results) {
    result.result_bytes =
        plus(result.result_bytes, times(elements(fetched.shape), bytes_of(size_of(fetched.dtype))));
  }
  for (const io::Dataset& dataset : topology.graph().datasets) {
    constexpr std::int64_t kCopies = 4;
    const std::int64_t extents = times(saturated_volume(dataset.grid.counts()), kCopies);
    result.index_bytes = plus(result.index_bytes, times(extents, sizeof(io::ChunkExtent)));
  }
  for (const graph::Layer& layer : topology.graph().layers) {
    const auto* tasks = std::get_if<graph::Explicit>(&layer.kind);
    if (tasks != nullptr) {
      result.index_bytes = plus(result.index_bytes, description_bytes(*tasks));
    }
  }
  for (const io::OutputVariable& output : topology.graph().outputs) {
    constexpr std::int64_t kRecordBytes = 256;  // record, placement, copy order, HDF5's own index
    const std::int64_t chunks = saturated_volume(io::chunk_grid(output).counts());
    result.index_bytes = plus(result.index_bytes, times(chunks, kRecordBytes));
  }
  result.least_bytes = std::max(result.least_bytes, result.result_bytes);
  return result;
}

std::int64_t spillable_bytes(const Topology& topology, const Placement& placement,
                             std::uint32_t layer, int threads) {
  const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
  if (map == nullptr) return 0;
  for (const graph::Layer& user : topology.graph().layers) {
    const auto* tasks = std::get_if<graph::Explicit>(&user.kind);
    if (tasks == nullptr) continue;
    for (const graph::LayerOutput& array : tasks->arrays) {
      if (array.layer == layer) return 0;
    }
  }
  std::int64_t bytes = 0;
  for (std::uint32_t i = 0; i < map->heads.size(); ++i) {
    if (!std::holds_alternative<graph::Keep>(map->heads[i])) continue;
    const std::int64_t chunks = held_chunks(topology, placement, {layer, i}, threads);
    bytes = plus(bytes, times(chunks, output_block(topology, {layer, i})));
  }
  return bytes;
}

}  // namespace rankine::plan
