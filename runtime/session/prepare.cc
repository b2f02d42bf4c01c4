#include "runtime/session/prepare.h"

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

std::vector<io::ChunkMap> read_maps(const graph::Graph& graph) {
  std::vector<const io::Dataset*> datasets;
  for (const io::Dataset& dataset : graph.datasets) datasets.push_back(&dataset);
  return io::probe_maps(datasets);
}

}  // namespace rankine::session
