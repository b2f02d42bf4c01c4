// Runs the tasks of Explicit layers and of Grids: users' functions on values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/pool.h"
#include "runtime/graph/topology.h"
#include "runtime/kernels/user_call.h"
#include "runtime/worker/grid_tasks.h"
#include "runtime/worker/load.h"
#include "runtime/worker/user_scratch.h"

namespace rankine::worker {

// The functions of a graph, found in this process. Thread-safe after construction.
class UserTasks {
 public:
  // Throws Error (usage) if a function is not here because this is another program.
  explicit UserTasks(const graph::Topology& topology);

  // The result's bytes. Throws Error (task failed) after as many attempts as the function may have.
  SharedBuffer run(const graph::TaskId& task, const FindChunk& find_chunk, UserScratch& scratch,
                   Pool& pool) const;
  // "simulate, task 17, job.cc:12"
  std::string story(const graph::TaskId& task) const;

 private:
  struct Resolved {
    kernels::UserThunk thunk = nullptr;
    const void* function = nullptr;
  };
  void collect_arguments(const graph::TaskId& task, const FindChunk& find_chunk,
                         UserScratch& scratch) const;
  // An array argument: the bytes of an NdArray.
  void gather(const graph::LayerOutput& array, const FindChunk& find_chunk,
              std::vector<std::byte>& bytes) const;
  void attempt(const graph::UserFunction& function, const Resolved& resolved,
               UserScratch& scratch) const;

  const graph::Topology& topology_;
  std::vector<std::vector<Resolved>> resolved_;  // by layer, by function
  GridTasks grids_;
};

}  // namespace rankine::worker
