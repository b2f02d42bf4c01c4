// Runs the tasks of Grids: one function of a user at every coordinate.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/pool.h"
#include "runtime/graph/topology.h"
#include "runtime/kernels/grid_call.h"
#include "runtime/worker/load.h"
#include "runtime/worker/user_scratch.h"

namespace rankine::worker {

// The functions of a graph's grids, found and made ready in this process. Thread-safe after
// construction.
class GridTasks {
 public:
  // Throws Error (usage) if a function is not here because this is another program, and what its
  // state throws when it is read. most_bytes: of a result; 0: no limit.
  explicit GridTasks(const graph::Topology& topology, std::int64_t most_bytes = 0);

  // The result's bytes. Throws Error (task failed) after as many attempts as the function may have.
  SharedBuffer run(const graph::TaskId& task, const FindChunk& find_chunk, UserScratch& scratch,
                   Pool& pool) const;

 private:
  void collect_inputs(const graph::GridEdges& edges, const Extents& coordinate,
                      const FindChunk& find_chunk, UserScratch& scratch) const;

  const graph::Topology& topology_;
  const std::int64_t most_bytes_;
  std::vector<std::shared_ptr<const kernels::GridKernel>> kernels_;  // by layer; null: no Grid
};

}  // namespace rankine::worker
