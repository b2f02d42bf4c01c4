#include "runtime/worker/grid_tasks.h"

#include <algorithm>

namespace rankine::worker {

using graph::Grid;
using graph::TaskId;

GridTasks::GridTasks(const graph::Topology& topology, std::int64_t most_bytes)
    : topology_(topology),
      most_bytes_(most_bytes) {
  for (const graph::Layer& layer : topology.graph().layers) {
    kernels_.emplace_back();
    const auto* grid = std::get_if<Grid>(&layer.kind);
    if (grid == nullptr) continue;
    const graph::UserFunction& function = grid->function;
    const kernels::FoundModules modules(grid->modules);
    const auto make = reinterpret_cast<kernels::MakeGridKernel>(
        reinterpret_cast<std::uintptr_t>(modules.address_of(function.thunk)));
    kernels_.back() = make(std::as_bytes(std::span(function.state)),
                           function.pointed ? modules.address_of(function.function) : nullptr);
  }
}

SharedBuffer GridTasks::run(const TaskId& task, const FindChunk& find_chunk, UserScratch& scratch,
                            Pool& pool) const {
  const graph::GridEdges& edges = *topology_.grid_edges(task.layer);
  const kernels::GridKernel& kernel = *kernels_[task.layer];
  const Extents& counts = topology_.counts(task.layer);
  const Extents coordinate = edges.coordinate(task.position);
  try {
    collect_inputs(edges, coordinate, find_chunk, scratch);
    SharedBuffer buffer;
    if (kernel.result_bytes() > 0) buffer = pool.allocate_shared(kernel.result_bytes());
    const GridPoint at(coordinate, counts);
    with_retries(edges.grid().function.retries, [&] {
      scratch.result.clear();
      kernels::GridCall call{at, scratch.arguments, scratch.ends, buffer ? buffer->data() : nullptr,
                             scratch.result};
      kernel.run(call);
    });
    if (!buffer) {
      require_size(scratch.result.size(), most_bytes_);
      buffer = pool.allocate_shared(scratch.result.size());
      std::copy(scratch.result.begin(), scratch.result.end(), buffer->data());
    }
    scratch.clear();
    return buffer;
  } catch (...) {
    scratch.clear();
    throw;
  }
}

void GridTasks::collect_inputs(const graph::GridEdges& edges, const Extents& coordinate,
                               const FindChunk& find_chunk, UserScratch& scratch) const {
  scratch.clear();
  const std::vector<graph::GridInput>& inputs = edges.grid().inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    edges.visit_inputs(i, coordinate, [&](std::int64_t position) {
      const HeldChunk& held = find_chunk({inputs[i].layer, 0, position});
      scratch.arguments.push_back(std::as_const(*held.buffer).bytes());
    });
    scratch.ends.push_back(static_cast<std::uint32_t>(scratch.arguments.size()));
  }
}

}  // namespace rankine::worker
