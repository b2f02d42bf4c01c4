// What is left to do of a graph of which an earlier run logged some chunks of the outputs and some
// states between tasks.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/graph/topology.h"
#include "runtime/plan/shard_tasks.h"

namespace rankine::plan {

// Backwards from what must still be handed over: a task is run if a chunk that it stores is not
// logged, if it hands over something else (fetched results, held arrays), or if a task that is run
// reads it; but if all that others could read of it was logged, that is read back instead and its
// inputs are not asked for. So every input of a task that is run is made or read back, and whoever
// reads a task that does nothing does nothing itself. Tasks of users' functions are always run: an
// effect of theirs may be wanted. Of a shard (shard_tasks.h) only what it stores and logs must be
// handed over. O(tasks + edges).
class Outstanding {
 public:
  // By the names that the log has for variables and chunks (graph::LoggedAs).
  using IsStored = FunctionRef<bool(std::uint32_t variable, std::int64_t chunk)>;
  using HasState = FunctionRef<bool(const graph::ChunkId&)>;
  Outstanding(const graph::Topology& topology, IsStored is_stored, HasState has_state,
              const ShardTasks* shard = nullptr);

  enum class What : std::uint8_t { kNothing, kReadBack, kRun };
  What of(const graph::TaskId& task) const {
    const auto at = static_cast<std::size_t>(first_[task.layer] + task.position);
    if (run_[at]) return What::kRun;
    return read_back_[at] ? What::kReadBack : What::kNothing;
  }

 private:
  std::vector<std::int64_t> first_;  // of each layer, in the vectors below
  std::vector<bool> run_;
  std::vector<bool> read_back_;
};

// What the log calls the chunk that a task of a Map layer stores through a head: a chunk of the
// variable store.logged.variable.
std::int64_t logged_chunk(const graph::Topology& topology, const graph::TaskId& task,
                          const graph::Store& store);

}  // namespace rankine::plan
