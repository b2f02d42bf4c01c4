#include "runtime/plan/shard_tasks.h"

#include <algorithm>
#include <variant>

namespace rankine::plan {
namespace {

using graph::Map;
using graph::TaskId;
using graph::Topology;

// Of a tree that is cut: with fewer, the parts would be uneven.
constexpr std::int64_t kNodesPerShard = 2;

template <class Head>
bool has_head(const Topology& topology, std::uint32_t layer) {
  const auto* map = std::get_if<Map>(&topology.graph().layers[layer].kind);
  return map != nullptr && std::ranges::any_of(map->heads, [](const graph::Head& head) {
           return std::holds_alternative<Head>(head);
         });
}

bool is_reduce(const Topology& topology, std::uint32_t layer) {
  return std::holds_alternative<graph::Reduce>(topology.graph().layers[layer].kind);
}

bool is_map(const Topology& topology, std::uint32_t layer) {
  return std::holds_alternative<Map>(topology.graph().layers[layer].kind);
}

}  // namespace

ShardTasks::ShardTasks(const Topology& topology, const io::Shard& shard)
    : shard_(shard),
      placement_(topology, shard.count),
      cuts_(topology.layer_count()),
      visited_(topology.layer_count()) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const bool stores = has_head<graph::Store>(topology, layer);
    const bool few = topology.task_count(layer) < shard_.count;
    const bool below = (has_head<graph::Fetch>(topology, layer) || (stores && few)) &&
                       cut_reductions(topology, layer);
    // What few tasks store is made by who takes over, from the states below.
    cuts_[layer].stores = stores && !(few && below);
  }
}

// The reductions nearest to the layer, on every way to its inputs.
bool ShardTasks::cut_reductions(const Topology& topology, std::uint32_t layer) {
  if (visited_[layer] != 0) return visited_[layer] == 2;
  bool cut = false;
  if (is_reduce(topology, layer)) {
    cut = cut_tree(topology, layer);
  } else {
    for (const graph::LayerOutput& input : topology.layer_inputs(layer)) {
      cut |= cut_reductions(topology, input.layer);
    }
  }
  visited_[layer] = cut ? 2 : 1;
  return cut;
}

bool ShardTasks::cut_tree(const Topology& topology, std::uint32_t layer) {
  const graph::Reduction& tree = topology.reduction(layer);
  const std::int64_t trees = topology.task_count(layer) / std::max<std::int64_t>(1, tree.nodes());
  for (std::size_t level = tree.level_start.size() - 1; level-- > 0;) {
    const Interval nodes{tree.level_start[level], tree.level_start[level + 1]};
    if (trees * nodes.length() < kNodesPerShard * shard_.count) continue;
    cuts_[layer] = {false, true, nodes, trees};
    return true;
  }
  const std::uint32_t leaves = topology.layer_inputs(layer).front().layer;
  // Few leaves as well: of reductions of their own, perhaps.
  if (topology.task_count(leaves) < shard_.count && cut_reductions(topology, leaves)) return true;
  if (is_map(topology, leaves)) cuts_[leaves].states = true;
  return cuts_[leaves].states;
}

bool ShardTasks::is_mine(const Topology& topology, const TaskId& task) const {
  return placement_.home(topology, task) == shard_.number - 1;
}

bool ShardTasks::stores(const Topology& topology, const TaskId& task) const {
  return cuts_[task.layer].stores && is_mine(topology, task);
}

bool ShardTasks::logs(const Topology& topology, const TaskId& task) const {
  const Cut& cut = cuts_[task.layer];
  if (!cut.states) return false;
  if (!is_reduce(topology, task.layer)) return is_mine(topology, task);
  const std::int64_t all = topology.reduction(task.layer).nodes();
  const std::int64_t node = task.position % all;
  if (node < cut.nodes.lo || node >= cut.nodes.hi) return false;
  // In even parts: the middles of few nodes may lie unevenly.
  const std::int64_t length = cut.nodes.length();
  const std::int64_t at = task.position / all * length + node - cut.nodes.lo;
  return static_cast<__int128>(at) * shard_.count / (length * cut.trees) == shard_.number - 1;
}

}  // namespace rankine::plan
