#include "runtime/plan/checkpoints.h"

#include <algorithm>
#include <variant>

#include "runtime/plan/saturate.h"

namespace rankine::plan {
namespace {

using graph::ChunkId;
using graph::Map;
using graph::Reduce;
using graph::TaskId;
using graph::Topology;

constexpr std::int64_t kElementBytes = 8;

std::size_t level_of(const Topology& topology, const TaskId& task) {
  const auto* reduce = std::get_if<Reduce>(&topology.graph().layers[task.layer].kind);
  if (reduce == nullptr) return 0;
  const graph::Reduction& tree = topology.reduction(task.layer);
  const std::int64_t node = task.position % tree.nodes();
  const auto after = std::upper_bound(tree.level_start.begin(), tree.level_start.end(), node);
  return static_cast<std::size_t>(after - tree.level_start.begin() - 1);
}

std::size_t level_count(const Topology& topology, std::uint32_t layer) {
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  return std::holds_alternative<Reduce>(kind) ? topology.reduction(layer).level_start.size() - 1
                                              : 1;
}

std::int64_t left_bytes(const Topology& topology, const TaskId& task) {
  std::int64_t bytes = 0;
  for (std::uint32_t output = 0; output < topology.output_count(task.layer); ++output) {
    if (!topology.leaves_chunk(task.layer, output)) continue;
    bytes = plus(bytes, topology.output_bytes({task.layer, output, task.position}));
  }
  return bytes;
}

std::int64_t own_work(const Topology& topology, const TaskId& task) {
  const auto* map = std::get_if<Map>(&topology.graph().layers[task.layer].kind);
  if (map == nullptr) return 0;
  const Extents at = coordinate_of(task.position, topology.counts(task.layer));
  return times(map->grid.chunk_box(at).size(), kElementBytes);
}

}  // namespace

bool Checkpoints::may_log(const Topology& topology, std::uint32_t layer) {
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  return std::holds_alternative<Reduce>(kind) || std::holds_alternative<Map>(kind);
}

// The first task of a layer, or of a level of its first tree, stands for all of them.
Checkpoints::Checkpoints(const Topology& topology) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const std::size_t levels = level_count(topology, layer);
    work_.emplace_back(levels);
    logged_.emplace_back(levels);
    if (topology.task_count(layer) == 0 || !may_log(topology, layer)) continue;
    const bool is_reduce = std::holds_alternative<Reduce>(topology.graph().layers[layer].kind);
    for (std::size_t level = 0; level < levels; ++level) {
      const TaskId task{layer, is_reduce ? topology.reduction(layer).level_start[level] : 0};
      std::int64_t work = own_work(topology, task);
      topology.for_each_input(task, [&](const ChunkId& chunk) {
        work = plus(work, work_[chunk.layer][level_of(topology, chunk.task())]);
      });
      const std::int64_t bytes = left_bytes(topology, task);
      logged_[layer][level] = bytes > 0 && work / kWorkPerByte >= bytes;
      work_[layer][level] = logged_[layer][level] ? 0 : work;
    }
  }
}

bool Checkpoints::has(const Topology& topology, const TaskId& task) const {
  return logged_[task.layer][level_of(topology, task)];
}

}  // namespace rankine::plan
