#include "runtime/plan/reserve.h"

#include <algorithm>

#include "runtime/plan/edge_chunks.h"
#include "runtime/plan/saturate.h"

namespace rankine::plan {
namespace {

using graph::Topology;

// How long chunks of an output stay, in the order of keys.
enum class Stay { kNot, kForOneTask, kForASlab, kForPhases };

class SequentialPeak {
 public:
  SequentialPeak(const Topology& topology, const Placement& placement, const KeyOrder& keys)
      : topology_(topology),
        placement_(placement),
        keys_(keys) {}

  std::int64_t held_by(std::uint32_t layer) const {
    const graph::Kind& kind = topology_.graph().layers[layer].kind;
    if (std::holds_alternative<graph::Reduce>(kind)) return held_by_tree(layer);
    if (topology_.is_held(layer)) return received_of_held(layer);
    const auto& map = std::get<graph::Map>(kind);
    std::int64_t held = 0;
    for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
      if (!topology_.leaves_chunk(layer, i)) continue;
      const std::int64_t chunks = chunks_of({layer, i}, stay_of({layer, i}));
      held = plus(held, times(chunks, output_block(topology_, {layer, i})));
    }
    return held;
  }

 private:
  // By the consumer that takes longest. States on their way into a tree are counted there, if it
  // takes them as they come.
  Stay stay_of(graph::LayerOutput output) const {
    Stay stay = Stay::kNot;
    for (std::uint32_t layer = output.layer + 1; layer < topology_.layer_count(); ++layer) {
      const graph::Kind& kind = topology_.graph().layers[layer].kind;
      const bool later = keys_.phase(layer) != keys_.phase(output.layer);
      if (const auto* tree = std::get_if<graph::Reduce>(&kind)) {
        if (!(tree->source == output) || keys_.is_post_order(layer)) continue;
        stay = std::max(stay, later ? Stay::kForPhases : Stay::kForASlab);
        continue;
      }
      for (const Topology::LeafEdge& edge : topology_.leaf_edges(layer)) {
        if (!(edge.producer == output)) continue;
        const Stay here = keys_.at_once(edge) ? Stay::kForOneTask : Stay::kForASlab;
        stay = std::max(stay, later ? Stay::kForPhases : here);
      }
    }
    return stay;
  }

  bool is_combined(graph::LayerOutput output) const {
    const auto& layers = topology_.graph().layers;
    return std::any_of(layers.begin(), layers.end(), [&](const graph::Layer& layer) {
      const auto* tree = std::get_if<graph::Reduce>(&layer.kind);
      return tree != nullptr && tree->source == output;
    });
  }

  std::int64_t chunks_of(graph::LayerOutput output, Stay stay) const {
    if (stay == Stay::kNot) return 0;
    if (stay == Stay::kForOneTask) return 1;
    // The nodes of a tree may all be at home on one rank, wherever the leaves are.
    const std::int64_t all = is_combined(output) ? topology_.task_count(output.layer)
                                                 : chunks_on_rank(topology_, placement_, output);
    return stay == Stay::kForPhases ? all : std::min(all, keys_.slab_tasks(output.layer));
  }

  // Chunks of earlier graphs are there already, on the ranks where they are.
  std::int64_t received_of_held(std::uint32_t layer) const {
    const graph::LayerOutput output{layer, 0};
    const std::int64_t share = share_of(topology_, placement_, layer);
    const Stay stay = stay_of(output);
    if (stay == Stay::kNot || stay == Stay::kForOneTask) return 0;
    const std::int64_t received = chunks_of(output, Stay::kForPhases) - share;
    return times(std::clamp<std::int64_t>(received, 0, chunks_of(output, stay)),
                 output_block(topology_, output));
  }

  // In post-order a group of siblings of which some are there and some are not lies, on each level,
  // around the leaf whose turn it is; or where the ranges of leaves that a rank goes through one
  // after the other (KeyOrder::pieces) begin and end, which are not more than four places.
  std::int64_t held_by_tree(std::uint32_t layer) const {
    const auto& tree = std::get<graph::Reduce>(topology_.graph().layers[layer].kind);
    const graph::Reduction& constants = topology_.reduction(layer);
    const std::int64_t trees = saturated_volume(constants.kept_grid.counts());
    const std::int64_t groups = placement_.workers() == 1 ? 1 : 5;
    const bool post_order = keys_.is_post_order(layer);
    const std::int64_t slabs = std::max<std::int64_t>(1, keys_.slabs(layer));
    std::int64_t states = 0;
    std::int64_t width = post_order ? constants.leaves : 0;
    for (std::size_t level = 0; level < constants.level_start.size(); ++level) {
      const std::int64_t all = times(width, trees) / (keys_.slabs(layer) > 0 ? slabs : 1);
      states = plus(states, post_order ? std::min(all, times(groups, tree.fan_in)) : all);
      const bool last = level + 2 >= constants.level_start.size();
      width = last ? 0 : constants.level_start[level + 1] - constants.level_start[level];
    }
    const Stay stay = stay_of({layer, 0});
    const std::int64_t values = stay == Stay::kForPhases ? trees : trees / slabs;
    const std::int64_t value =
        pool_block(times(constants.kept_grid.largest_chunk(),
                         static_cast<std::int64_t>(size_of(topology_.output_dtype({layer, 0})))));
    return plus(times(states, output_block(topology_, {layer, 0})), times(values, value));
  }

  const Topology& topology_;
  const Placement& placement_;
  const KeyOrder& keys_;
};

// Of a rank: the nodes of its trees, sorted, and marks of tasks that are complete out of order.
std::int64_t noted_bytes(const Topology& topology, const Placement& placement,
                         std::uint32_t layer) {
  constexpr std::int64_t kNode = 72;  // while they are sorted
  constexpr std::int64_t kMark = 4;
  if (!std::holds_alternative<graph::Reduce>(topology.graph().layers[layer].kind)) {
    return times(share_of(topology, placement, layer), kMark);
  }
  return times(topology.task_count(layer) / placement.workers() + topology.reduction(layer).nodes(),
               kNode);
}

}  // namespace

std::int64_t scratch_bytes(const Topology& topology, const Placement& placement,
                           std::uint32_t layer) {
  if (topology.is_held(layer)) return 0;
  const TaskMemory memory = task_memory(topology, placement, layer);
  return plus(memory.reader, plus(memory.encoder, memory.user));
}

std::int64_t admitted_bytes(const Topology& topology, const Placement& placement,
                            std::uint32_t layer) {
  if (topology.is_held(layer)) return 0;
  return plus(task_memory(topology, placement, layer).pool,
              scratch_bytes(topology, placement, layer));
}

// Every chunk that is there when the task at the frontier runs was made or pulled for a task up to
// it and is used by that task or a later one. So of an output whose users are of the same slab
// there are chunks of one slab at most; of one whose users take it at its own position and at once,
// one chunk; of others, what the rank makes or receives.
Reserve reserve(const Topology& topology, const Placement& placement, const KeyOrder& keys) {
  Reserve result;
  const SequentialPeak peak(topology, placement, keys);
  std::int64_t held = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const std::string& name = topology.graph().layers[layer].name;
    const std::int64_t mine = peak.held_by(layer);
    held = plus(held, mine);
    if (mine > result.most_held_bytes) {
      result.most_held_bytes = mine;
      result.most_holding = name;
    }
    const std::int64_t task = admitted_bytes(topology, placement, layer);
    if (task > result.task_bytes) {
      result.task_bytes = task;
      result.largest_task = name;
    }
    result.thread_bytes =
        std::max(result.thread_bytes, task_memory(topology, placement, layer).tiles);
    result.note_bytes = plus(result.note_bytes, noted_bytes(topology, placement, layer));
  }
  result.bytes = plus(result.task_bytes, held);
  return result;
}

}  // namespace rankine::plan
