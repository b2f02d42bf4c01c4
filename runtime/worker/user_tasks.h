// Runs the tasks of Explicit layers and of Grids: users' functions on values. Knows those on blocks
// too.
#pragma once

#include <memory>
#include <vector>

#include "runtime/base/pool.h"
#include "runtime/graph/topology.h"
#include "runtime/kernels/user_call.h"
#include "runtime/worker/block_calls.h"
#include "runtime/worker/grid_tasks.h"
#include "runtime/worker/held_store.h"
#include "runtime/worker/load.h"
#include "runtime/worker/user_scratch.h"

namespace rankine::worker {

// The functions of a graph, found in this process. Thread-safe after construction.
class UserTasks {
 public:
  // Throws Error (usage) if a function is not here because this is another program. held: has the
  // scattered values, which this keeps. most_bytes: of a result; 0: no limit.
  UserTasks(const graph::Topology& topology, const HeldStore& held, int rank,
            std::int64_t most_bytes = 0);

  // The result's bytes; of a layer that holds its results, an outcome (kernels/outcome.h). Throws
  // Error (task failed) after as many attempts as the function may have.
  SharedBuffer run(const graph::TaskId& task, const FindChunk& find_chunk, UserScratch& scratch,
                   Pool& pool) const;
  const BlockCalls& blocks() const { return blocks_; }

 private:
  struct Resolved {
    kernels::UserThunk thunk = nullptr;
    const void* function = nullptr;
  };
  void make_result(const graph::TaskId& task, const FindChunk& find_chunk,
                   UserScratch& scratch) const;
  void collect_arguments(const graph::TaskId& task, const FindChunk& find_chunk,
                         UserScratch& scratch) const;
  void add_chunk(const graph::ChunkId& chunk, bool outcome, const FindChunk& find_chunk,
                 UserScratch& scratch) const;
  void add_array(const graph::LayerOutput& array, std::uint32_t number, const FindChunk& find_chunk,
                 UserScratch& scratch) const;
  // An array argument: the bytes of an NdArray.
  void gather(const graph::LayerOutput& array, const FindChunk& find_chunk,
              std::vector<std::byte>& bytes) const;
  void attempt(const graph::UserFunction& function, const Resolved& resolved,
               UserScratch& scratch) const;

  const graph::Topology& topology_;
  const int rank_;
  const std::int64_t most_bytes_;
  BlockCalls blocks_;
  GridTasks grids_;
  std::vector<std::vector<Resolved>> resolved_;       // by layer, by function
  std::vector<std::vector<SharedBuffer>> scattered_;  // by layer, as Explicit::scattered
};

}  // namespace rankine::worker
