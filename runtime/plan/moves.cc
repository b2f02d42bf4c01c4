#include "runtime/plan/moves.h"

#include <algorithm>

#include "runtime/plan/edge_chunks.h"
#include "runtime/plan/saturate.h"
#include "runtime/plan/task_memory.h"

namespace rankine::plan {
namespace {

bool leaves_nothing_behind(const graph::Head& head) {
  return !std::holds_alternative<graph::Fetch>(head) && !std::holds_alternative<graph::Hold>(head);
}

// Of one task that moves, at most.
std::int64_t input_bytes(const graph::Topology& topology, std::uint32_t layer) {
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  std::int64_t bytes = 0;
  if (const auto* tree = std::get_if<graph::Reduce>(&kind)) {
    bytes = times(tree->fan_in, output_block(topology, tree->source));
  } else if (std::holds_alternative<graph::Map>(kind)) {
    for (const auto& edge : topology.leaf_edges(layer)) {
      bytes =
          plus(bytes, times(chunks_read(topology, edge), output_block(topology, edge.producer)));
    }
  } else if (!topology.is_source(layer)) {  // users' results, of any length
    bytes = kMovedInputBytes;
  }
  return std::min(bytes, kMovedInputBytes);
}

}  // namespace

bool layer_moves(const graph::Topology& topology, const Placement& placement, std::uint32_t layer) {
  if (placement.layer(layer).pinned >= 0 || placement.layer(layer).spilled) return false;
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  if (const auto* map = std::get_if<graph::Map>(&kind)) {
    return std::all_of(map->heads.begin(), map->heads.end(), leaves_nothing_behind);
  }
  return std::holds_alternative<graph::Reduce>(kind) ||
         std::holds_alternative<graph::Explicit>(kind) || topology.grid_edges(layer) != nullptr;
}

bool feeds_tree(const graph::Topology& topology, std::uint32_t layer) {
  for (std::uint32_t other = layer + 1; other < topology.layer_count(); ++other) {
    const auto* tree = std::get_if<graph::Reduce>(&topology.graph().layers[other].kind);
    if (tree != nullptr && tree->source.layer == layer) return true;
  }
  return false;
}

// Inputs from their arrival, outputs until they have left; copies in packets are counted with those
// of others. The length of users' results is not known.
std::int64_t taken_bytes(const graph::Topology& topology, const Placement& placement, int threads) {
  std::int64_t most = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    if (!layer_moves(topology, placement, layer)) continue;
    std::int64_t outputs = 0;
    for (std::uint32_t i = 0; i < topology.output_count(layer); ++i) {
      if (topology.leaves_chunk(layer, i)) {
        outputs = plus(outputs, output_block(topology, {layer, i}));
      }
    }
    const std::int64_t inputs = input_bytes(topology, layer);
    most = std::max(most, plus(inputs, outputs));
  }
  return times(taken_tasks(threads), most);
}

}  // namespace rankine::plan
