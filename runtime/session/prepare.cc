#include "runtime/session/prepare.h"

#include <map>

#include "io/probe.h"
#include "runtime/base/clock.h"

namespace rankine::session {

Prepared prepare(const std::vector<optimize::Target>& targets, const PrepareOptions& options,
                 const api::TaskGraph* tasks) {
  Prepared prepared;
  {
    const StageClock optimize(prepared.optimize);
    optimize::NumericPlan numeric = optimize::plan_numbers(targets);
    const optimize::GraphSize before = optimize::unfused_size(numeric);
    prepared.layers_before = before.layers;
    prepared.tasks_before = before.tasks;
    if (tasks != nullptr) {
      prepared.layers_before += static_cast<std::int64_t>(tasks->grids.size());
      prepared.layers_before += tasks->tasks.task_count() > 0 ? 1 : 0;
      prepared.tasks_before += static_cast<std::int64_t>(tasks->tasks.task_count());
      for (const graph::Layer& layer : tasks->grids) {
        prepared.tasks_before += volume(std::get<graph::Grid>(layer.kind).counts);
      }
    }
    if (options.fuse) numeric = optimize::plan_numbers(optimize::rewrite(targets));
    prepared.numeric_hash = numeric.hash;
    prepared.physical = plan_physical(numeric, options.machine, options.reuse, options.fuse, tasks);
  }
  {
    const StageClock serialize(prepared.serialize);
    const Varint pool_bytes{prepared.physical.footprint.pool_bytes(options.machine.threads)};
    prepared.graph_bytes = to_bytes(*prepared.physical.graph, prepared.physical.placement,
                                    pool_bytes, prepared.physical.budget);
  }
  return prepared;
}

std::vector<io::ChunkIndex> read_indexes(const graph::Graph& graph) {
  std::map<std::string, std::vector<std::size_t>> by_file;
  for (std::size_t i = 0; i < graph.datasets.size(); ++i) {
    by_file[graph.datasets[i].file].push_back(i);
  }
  std::vector<io::ChunkIndex> indexes(graph.datasets.size());
  for (const auto& [file, members] : by_file) {
    std::vector<std::string> paths;
    for (std::size_t member : members) paths.push_back(graph.datasets[member].path);
    std::vector<io::ChunkIndex> found = io::probe_indexes(file, paths);
    for (std::size_t i = 0; i < members.size(); ++i) indexes[members[i]] = std::move(found[i]);
  }
  return indexes;
}

}  // namespace rankine::session
