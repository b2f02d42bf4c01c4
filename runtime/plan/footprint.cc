#include "runtime/plan/footprint.h"

#include <algorithm>

#include "io/reader.h"
#include "runtime/base/pool.h"
#include "runtime/kernels/evaluate.h"
#include "runtime/plan/saturate.h"

namespace rankine::plan {
namespace {

using graph::Topology;

std::int64_t elements(const Extents& shape) { return std::min(saturated_volume(shape), kTooMuch); }

std::int64_t bytes_of(std::size_t bytes) {
  return static_cast<std::int64_t>(std::min<std::size_t>(bytes, kTooMuch));
}

// What a buffer of so many bytes takes from the pool.
std::int64_t block(std::int64_t bytes) {
  return bytes >= kTooMuch ? kTooMuch
                           : bytes_of(Pool::block_bytes(static_cast<std::size_t>(bytes)));
}

// The largest block that a task leaves as this output.
std::int64_t output_block(const Topology& topology, graph::LayerOutput output) {
  return block(topology.largest_output_bytes(output));
}

// The longest box of source elements that a task of `grid` can reach through a leaf.
std::int64_t leaf_elements(const graph::Leaf& leaf, const ChunkGrid& grid) {
  std::int64_t product = 1;
  for (const graph::Term& term : leaf.terms) {
    if (term.axis < 0) continue;
    const std::int64_t longest = std::max<std::int64_t>(1, grid.axis(term.axis).longest());
    product = times(product, plus(times(longest - 1, std::abs(term.step)), 1));
  }
  return product;
}

// The buffer in which a leaf with a domain is widened to the box of a task, or a mask is made: the
// axes that the leaf follows or the domain cuts.
std::int64_t widened_elements(const graph::Leaf& leaf, const ChunkGrid& grid) {
  std::int64_t product = 1;
  bool cut = false;
  for (std::size_t axis = 0; axis < grid.rank(); ++axis) {
    const bool whole =
        leaf.domain.lo[axis] <= 0 && leaf.domain.hi[axis] >= grid.axis(axis).length();
    cut = cut || !whole;
    const bool followed = std::any_of(
        leaf.terms.begin(), leaf.terms.end(),
        [&](const graph::Term& term) { return term.axis == static_cast<std::int32_t>(axis); });
    if (followed || !whole)
      product = times(product, std::max<std::int64_t>(1, grid.axis(axis).longest()));
  }
  return cut ? product : 0;
}

std::int64_t reader_bytes(const io::Dataset& dataset) {
  const std::int64_t chunk =
      dataset.chunk.empty() ? dataset.grid.largest_chunk() : elements(dataset.chunk);
  return plus(times(chunk, 3 * 8), bytes_of(io::kReadAheadBytes));
}

std::int64_t map_task_bytes(const Topology& topology, std::uint32_t layer, const graph::Map& map) {
  const ChunkGrid& grid = map.steps ? *map.steps : map.grid;
  std::int64_t bytes = bytes_of(kernels::scratch_bytes(map.program));
  for (const graph::Leaf& leaf : map.leaves) {
    // Gathered from chunks and once more widened to the box.
    const std::int64_t size = bytes_of(size_of(leaf.dtype));
    bytes = plus(bytes, block(times(leaf_elements(leaf, grid), size)));
    bytes = plus(bytes, block(times(widened_elements(leaf, grid), size)));
    if (const auto* file = std::get_if<graph::FileData>(&leaf.source)) {
      bytes = plus(bytes, reader_bytes(topology.graph().datasets[file->dataset]));
    }
  }
  for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
    // A store holds the dense chunk beside what its filters make of it.
    const bool stored = std::holds_alternative<graph::Store>(map.heads[i]);
    const bool merged = std::holds_alternative<graph::Partial>(map.heads[i]);
    bytes = plus(bytes, times(output_block(topology, {layer, i}), stored ? 4 : merged ? 2 : 1));
  }
  return bytes;
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

// States of one reduction that can be on a rank at once.
std::int64_t tree_states(const Topology& topology, const Placement& placement, std::uint32_t layer,
                         const graph::Reduce& tree) {
  const graph::Reduction& constants = topology.reduction(layer);
  const std::int64_t all = topology.task_count(tree.source.layer) + topology.task_count(layer);
  if (!kept_axes_first(placement, tree.source.layer, tree.reduced) ||
      !ready_together(topology, tree.source.layer, tree.reduced)) {
    return all;
  }
  const auto levels = static_cast<std::int64_t>(constants.level_start.size());
  // The tree under way, and those that neighbours share with this rank at both ends of its range.
  return std::min(all, times(3 * tree.fan_in, levels));
}

// The most tasks of a layer at home on one rank.
std::int64_t share_of(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  std::int64_t share = 0;
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    share = std::max(share, placement.range(topology, layer, rank).length());
  }
  return share;
}

// Chunks of the producer that one task reads through an edge, at most.
std::int64_t chunks_read(const Topology& topology, const Topology::LeafEdge& edge) {
  const auto& map = std::get<graph::Map>(topology.graph().layers[edge.consumer].kind);
  const ChunkGrid& produced = topology.output_grid(edge.producer);
  std::int64_t chunks = 1;
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    const graph::Term& term = map.leaves[edge.leaf].terms[k];
    if (term.axis < 0) continue;
    const AxisChunks& consumed = map.grid.axis(term.axis);
    const AxisChunks& made = produced.axis(k);
    if (term.step == 1 && term.offset == 0 && consumed == made) continue;
    std::int64_t shortest = made.longest();
    for (const AxisChunks::Run& run : made.runs()) shortest = std::min(shortest, run.length);
    const std::int64_t longest = std::max<std::int64_t>(1, consumed.longest());
    const std::int64_t reach = times(longest - 1, std::abs(term.step));
    const std::int64_t over = plus(reach / std::max<std::int64_t>(1, shortest), 2);
    chunks = times(chunks, std::min(over, made.count()));
  }
  return chunks;
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

// Chunks of one output on a rank: those made there, and for each edge those that its tasks there
// may have to receive. A rank with so many tasks reads at most so many times what one task reads.
std::int64_t held_chunks(const Topology& topology, const Placement& placement,
                         graph::LayerOutput output) {
  std::int64_t chunks = share_of(topology, placement, output.layer);
  for (const graph::Layer& layer : topology.graph().layers) {
    // A user's task takes the whole array.
    const auto* tasks = std::get_if<graph::Explicit>(&layer.kind);
    if (tasks != nullptr && std::count(tasks->arrays.begin(), tasks->arrays.end(), output) > 0) {
      return topology.task_count(output.layer);
    }
  }
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
std::int64_t held_by(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  const graph::Layer& what = topology.graph().layers[layer];
  if (const auto* tree = std::get_if<graph::Reduce>(&what.kind)) {
    const std::int64_t states = tree_states(topology, placement, layer, *tree);
    // Finished values: every rank may need all of them.
    const ChunkGrid& kept = topology.reduction(layer).kept_grid;
    const std::int64_t value = block(times(kept.largest_chunk(), 8));
    return plus(times(states, output_block(topology, {layer, 0})),
                times(saturated_volume(kept.counts()), value));
  }
  if (const auto* tasks = std::get_if<graph::Explicit>(&what.kind))
    return held_results(tasks->task_count());
  if (const auto* values = std::get_if<graph::HeldValues>(&what.kind)) {
    return held_results(values->size());
  }
  if (std::holds_alternative<graph::HeldArray>(what.kind)) {  // its own chunks are there already
    const std::int64_t received =
        held_chunks(topology, placement, {layer, 0}) - share_of(topology, placement, layer);
    return times(std::max<std::int64_t>(0, received), output_block(topology, {layer, 0}));
  }
  if (!std::holds_alternative<graph::Map>(what.kind)) return 0;
  const auto& map = std::get<graph::Map>(what.kind);
  std::int64_t held = 0;
  for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
    const auto* partial = std::get_if<graph::Partial>(&map.heads[i]);
    const bool kept = std::holds_alternative<graph::Keep>(map.heads[i]);
    if (kept || (partial != nullptr && partial->complete)) {
      const std::int64_t chunks = held_chunks(topology, placement, {layer, i});
      held = plus(held, times(chunks, output_block(topology, {layer, i})));
    }
  }
  return held;
}

// What a user's task is given, at most: arrays, gathered, as bytes and as the function's own;
// values as the function's own. What the function makes is not known.
std::int64_t user_task_bytes(const Topology& topology, const graph::Explicit& tasks) {
  std::vector<std::int64_t> sizes;
  for (const graph::LayerOutput& array : tasks.arrays) {
    sizes.push_back(times(elements(topology.output_grid(array).shape()),
                          bytes_of(size_of(topology.output_dtype(array)))));
  }
  std::int64_t most = 0;
  for (std::size_t task = 0; task < tasks.task_count(); ++task) {
    std::int64_t bytes = 0;
    for (const std::uint32_t code : tasks.arguments_of(task)) {
      const graph::Argument argument(code);
      if (argument.kind() == graph::Argument::Kind::kArray) {
        bytes = plus(bytes, times(3, sizes[argument.index()]));
      } else if (argument.kind() == graph::Argument::Kind::kConstant) {
        bytes = plus(bytes, bytes_of(tasks.constant(argument.index()).size()));
      }
    }
    most = std::max(most, bytes);
  }
  return most;
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

std::int64_t task_bytes_of(const Topology& topology, std::uint32_t layer) {
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  if (const auto* map = std::get_if<graph::Map>(&kind)) {
    return map_task_bytes(topology, layer, *map);
  }
  if (const auto* tasks = std::get_if<graph::Explicit>(&kind)) {
    return user_task_bytes(topology, *tasks);
  }
  return times(2, output_block(topology, {layer, 0}));
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

// Copies of what one layer sends: bulk sends, one piece on its way into a packet, and packets.
std::int64_t sent_by(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  if (placement.ranks() == 1) return 0;
  const std::int64_t packets = std::min(kPackets, topology.task_count(layer));
  return plus(times(kBulkSends + 1, block(largest_output(topology, layer))),
              times(times(packets, placement.ranks() - 1), kPacketBytes));
}

}  // namespace

std::int64_t Footprint::pool_bytes(int threads) const {
  return plus(times(task_bytes, threads), plus(held_bytes, sent_bytes));
}

std::int64_t Footprint::total(int threads) const {
  return plus(pool_bytes(threads), plus(result_bytes, index_bytes));
}

std::string Footprint::largest(int threads) const {
  const std::int64_t running = times(task_bytes, threads);
  if (result_bytes >= running && result_bytes >= most_held_bytes) return "the fetched results";
  if (running >= most_held_bytes) return "a task of layer '" + largest_task + "'";
  return "what layer '" + most_holding + "' leaves for others";
}

Footprint footprint(const Topology& topology, const Placement& placement) {
  Footprint result;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const std::string& name = topology.graph().layers[layer].name;
    const std::int64_t persisted = persisted_by(topology, placement, layer);
    result.persisted_bytes = plus(result.persisted_bytes, persisted);
    const std::int64_t held = plus(held_by(topology, placement, layer), persisted);
    const std::int64_t running = task_bytes_of(topology, layer);
    result.held_bytes = plus(result.held_bytes, held);
    if (held > result.most_held_bytes) {
      result.most_held_bytes = held;
      result.most_holding = name;
    }
    if (running > result.task_bytes) {
      result.task_bytes = running;
      result.largest_task = name;
    }
    const std::int64_t largest = largest_output(topology, layer);
    result.least_bytes = std::max(result.least_bytes, largest);
    result.sent_bytes = std::max(result.sent_bytes, sent_by(topology, placement, layer));
  }
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

}  // namespace rankine::plan
