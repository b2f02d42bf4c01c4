#include "runtime/plan/outstanding.h"

#include <algorithm>
#include <variant>

namespace rankine::plan {
namespace {

using graph::ChunkId;
using graph::Map;
using graph::TaskId;
using graph::Topology;

bool stores_more(const Topology& topology, const TaskId& task, const Map& map,
                 Outstanding::IsStored is_stored) {
  return std::ranges::any_of(map.heads, [&](const graph::Head& head) {
    const auto* store = std::get_if<graph::Store>(&head);
    return store != nullptr &&
           !is_stored(store->logged.variable, logged_chunk(topology, task, *store));
  });
}

// Whether it must be run whoever reads it.
bool hands_over(const Topology& topology, const TaskId& task, Outstanding::IsStored is_stored) {
  const graph::Kind& kind = topology.graph().layers[task.layer].kind;
  if (std::holds_alternative<graph::Reduce>(kind)) return false;
  const auto* map = std::get_if<Map>(&kind);
  if (map == nullptr) return true;
  const bool others = std::ranges::any_of(map->heads, [](const graph::Head& head) {
    return std::holds_alternative<graph::Hold>(head) || std::holds_alternative<graph::Fetch>(head);
  });
  return others || stores_more(topology, task, *map, is_stored);
}

bool is_logged(const Topology& topology, const TaskId& task, Outstanding::HasState has_state) {
  for (std::uint32_t output = 0; output < topology.output_count(task.layer); ++output) {
    const bool leaves = topology.leaves_chunk(task.layer, output);
    if (leaves && !has_state({task.layer, output, task.position})) return false;
  }
  return true;
}

// The same of one shard of the job.
bool hands_over_in(const ShardTasks& shard, const Topology& topology, const TaskId& task,
                   Outstanding::IsStored is_stored, Outstanding::HasState has_state) {
  if (shard.logs(topology, task) && !is_logged(topology, task, has_state)) return true;
  const auto* map = std::get_if<Map>(&topology.graph().layers[task.layer].kind);
  return map != nullptr && shard.stores(topology, task) &&
         stores_more(topology, task, *map, is_stored);
}

}  // namespace

std::int64_t logged_chunk(const Topology& topology, const TaskId& task, const graph::Store& store) {
  const auto& map = std::get<Map>(topology.graph().layers[task.layer].kind);
  const Box box = map.grid.chunk_box(coordinate_of(task.position, topology.counts(task.layer)));
  const ChunkGrid grid = io::chunk_grid(topology.graph().outputs[store.variable]);
  Extents chunk = grid.chunks_over(box).lo;
  for (std::size_t k = 0; k < chunk.size(); ++k) chunk[k] += store.logged.first[k];
  return position_of(chunk, store.logged.counts);
}

// Producers come before consumers, layers and tasks inside a layer: one walk from the end.
Outstanding::Outstanding(const Topology& topology, IsStored is_stored, HasState has_state,
                         const ShardTasks* shard) {
  std::int64_t tasks = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    first_.push_back(tasks);
    tasks += topology.task_count(layer);
  }
  run_.resize(static_cast<std::size_t>(tasks));
  read_back_.resize(static_cast<std::size_t>(tasks));
  for (auto layer = static_cast<std::uint32_t>(topology.layer_count()); layer-- > 0;) {
    for (std::int64_t position = topology.task_count(layer); position-- > 0;) {
      const TaskId task{layer, position};
      const auto at = static_cast<std::size_t>(first_[layer] + position);
      const bool must = shard == nullptr
                            ? hands_over(topology, task, is_stored)
                            : hands_over_in(*shard, topology, task, is_stored, has_state);
      if (!must && run_[at] && is_logged(topology, task, has_state)) {
        run_[at] = false;
        read_back_[at] = true;
      }
      if (must) run_[at] = true;
      if (!run_[at]) continue;
      topology.for_each_input(task, [&](const ChunkId& chunk) {
        run_[static_cast<std::size_t>(first_[chunk.layer] + chunk.position)] = true;
      });
    }
  }
}

}  // namespace rankine::plan
