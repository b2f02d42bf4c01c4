#include "runtime/plan/footprint.h"

#include <algorithm>

#include "runtime/plan/edge_chunks.h"
#include "runtime/plan/moves.h"
#include "runtime/plan/saturate.h"
#include "runtime/plan/streaming.h"
#include "runtime/plan/task_memory.h"

namespace rankine::plan {
namespace {

using graph::Topology;

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
    if (!(edge.counts == topology.counts(layer))) return false;
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

// States of one reduction that can be on a rank at once; the last level leaves values.
//
// Leaves that are ready together are started in order, those of one result after those of the
// other, and only when no node of a tree is ready (a node lies deeper). So when a leaf is started,
// a group of fan-in siblings of which some are there and some are not either holds that leaf or
// waits for a task that runs: on each level there are at most as many such groups as threads, and
// one where a leaf waits for the second of two inputs (streamed_chunks). Until the next start no
// other group begins. One or two more per level are shared with the neighbours of this rank's
// range, or were left when the inputs of an earlier result arrived. Where tasks move, the same
// holds of the back, from where leaves are lent in order and only when no node is ready; groups
// wait for tasks that are away as for those that run.
std::int64_t tree_states(const Topology& topology, const Placement& placement, std::uint32_t layer,
                         const graph::Reduce& tree, int threads) {
  const graph::Reduction& constants = topology.reduction(layer);
  const std::int64_t trees = saturated_volume(constants.kept_grid.counts());
  const bool streamed = streaming_layers(topology, placement)[tree.source.layer];
  const bool in_order = kept_axes_first(placement, tree.source.layer, tree.reduced) &&
                        (streamed || ready_together(topology, tree.source.layer, tree.reduced));
  const std::int64_t moved = placement.moves() ? lent_tasks(threads) + 2 : 0;
  const std::int64_t groups =
      std::int64_t{threads} + (placement.ranks() == 1 && streamed ? 1 : 2) + moved;
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
// may have to receive.
std::int64_t held_chunks(const Topology& topology, const Placement& placement,
                         graph::LayerOutput output, int threads) {
  for (const graph::Layer& layer : topology.graph().layers) {
    // A user's task takes the whole array.
    const auto* tasks = std::get_if<graph::Explicit>(&layer.kind);
    if (tasks != nullptr && std::count(tasks->arrays.begin(), tasks->arrays.end(), output) > 0) {
      return topology.task_count(output.layer);
    }
  }
  const std::int64_t streamed = streamed_chunks(topology, placement, output, threads);
  return streamed >= 0 ? streamed : chunks_on_rank(topology, placement, output);
}

// Results of users' tasks that wait: if each is small, and all of them are there. How long they are
// is not known.
constexpr std::int64_t kResultBytes = 256;  // block, owner, entry of the board, counter
std::int64_t held_results(std::size_t tasks) { return times(bytes_of(tasks), kResultBytes); }

// Steps that an input of a grid from itself goes back, at most.
std::int64_t steps_back(const graph::GridEdges& edges, std::uint32_t layer) {
  const std::int32_t time = edges.time_axis();
  std::int64_t most = 1;
  for (const graph::GridInput& input : edges.grid().inputs) {
    if (input.layer != layer) continue;
    for (const graph::GridEdge& edge : input.edges) {
      if (edge.domain.empty()) continue;
      const graph::GridAxis& reach = edge.axes[time];
      const Interval from{edge.domain.lo[reach.axis], edge.domain.hi[reach.axis]};
      for (const std::int64_t i : {from.lo, from.hi - 1}) {
        const std::int64_t last = reach.axis == time ? i : edge.domain.hi[time] - 1;
        most = std::max(most, last - std::max<std::int64_t>(0, reach.lo.at(i)));
      }
    }
  }
  return most;
}

// Results of a grid that another layer reads, at most.
std::int64_t read_of_grid(const Topology& topology, std::uint32_t grid) {
  std::int64_t read = 0;
  for (std::uint32_t layer = grid + 1; layer < topology.layer_count(); ++layer) {
    const graph::Kind& kind = topology.graph().layers[layer].kind;
    if (const auto* collect = std::get_if<graph::GridCollect>(&kind)) {
      if (collect->layer == grid) read = plus(read, topology.task_count(layer));
    }
    for (const graph::LayerOutput& input : topology.layer_inputs(layer)) {
      if (input.layer == grid && topology.grid_edges(layer) != nullptr)
        return topology.task_count(grid);
    }
  }
  return std::min(read, topology.task_count(grid));
}

// Results of a grid that wait, if the ranks go on together: of one that goes on in time those of
// the steps that others go back to, of another one all.
std::int64_t held_of_grid(const Topology& topology, std::uint32_t layer) {
  const graph::GridEdges& edges = *topology.grid_edges(layer);
  const std::int64_t tasks = topology.task_count(layer);
  const std::int64_t each = plus(kResultBytes, pool_block(edges.grid().item_bytes));
  if (tasks == 0) return 0;
  if (edges.time_axis() < 0) return times(read_of_grid(topology, layer), each);
  const std::int64_t columns = tasks / edges.grid().counts[edges.time_axis()];
  return times(std::min(tasks, times(columns, steps_back(edges, layer) + 2)), each);
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

// Whether an output is states of a tree and nothing else: they are counted there.
bool only_combined(const Topology& topology, graph::LayerOutput output) {
  bool combined = false;
  for (std::uint32_t layer = output.layer + 1; layer < topology.layer_count(); ++layer) {
    const auto& inputs = topology.layer_inputs(layer);
    if (std::find(inputs.begin(), inputs.end(), output) == inputs.end()) continue;
    if (!std::holds_alternative<graph::Reduce>(topology.graph().layers[layer].kind)) return false;
    combined = true;
  }
  return combined;
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
  if (topology.grid_edges(layer) != nullptr) return held_of_grid(topology, layer);
  if (!std::holds_alternative<graph::Map>(what.kind)) return 0;
  const auto& map = std::get<graph::Map>(what.kind);
  std::int64_t held = 0;
  for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
    const auto* partial = std::get_if<graph::Partial>(&map.heads[i]);
    const bool kept =
        std::holds_alternative<graph::Keep>(map.heads[i]) && !only_combined(topology, {layer, i});
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
  const std::int64_t words = bytes_of(3 * tasks.task_count() + tasks.arguments.size());
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
  const std::int64_t packets =  // where tasks move others travel, too
      placement.moves() ? kPackets : std::min(kPackets, topology.task_count(layer));
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

// Under admission tasks set aside of it what they take beside the pool.
std::int64_t Footprint::pool_bytes(int threads) const {
  if (budget_bytes > 0) return plus(budget_bytes, plus(persisted_bytes, sent_bytes));
  return plus(times(task_pool_bytes, threads), plus(held_bytes, plus(sent_bytes, taken_bytes)));
}

std::int64_t Footprint::total(int threads) const {
  if (budget_bytes > 0) return plus(budget_bytes, beside_budget());
  const std::int64_t kept = times(task_bytes - task_pool_bytes, threads);
  return plus(plus(pool_bytes(threads), kept), plus(result_bytes, index_bytes));
}

std::int64_t Footprint::beside_budget() const {
  return plus(plus(persisted_bytes, sent_bytes),
              plus(plus(result_bytes, index_bytes), noted_bytes));
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
  if (placement.moves()) result.taken_bytes = taken_bytes(topology, placement, threads);
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
    constexpr std::int64_t kPartBytes = 4096;  // its description, in a few copies
    const auto parts = static_cast<std::int64_t>(dataset.part_count);
    result.index_bytes = plus(result.index_bytes, times(parts, kPartBytes));
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
  std::int64_t bytes = 0;
  for (std::uint32_t i = 0; i < map->heads.size(); ++i) {
    if (!std::holds_alternative<graph::Keep>(map->heads[i])) continue;
    if (!read_by_leaves_only(topology, {layer, i})) return 0;
    const std::int64_t chunks = held_chunks(topology, placement, {layer, i}, threads);
    bytes = plus(bytes, times(chunks, output_block(topology, {layer, i})));
  }
  return bytes;
}

}  // namespace rankine::plan
