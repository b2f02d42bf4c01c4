// What one running task takes, bounded in closed form from its layer.
#pragma once

#include <cstdint>

#include "runtime/plan/placement.h"

namespace rankine::plan {

// Bytes; none is above kTooMuch (saturate.h). What a thread keeps between its tasks (all but pool)
// is kept while it runs tasks of other layers.
struct TaskMemory {
  std::int64_t pool = 0;     // inputs that are gathered, blocks of calls, outputs
  std::int64_t reader = 0;   // stored chunks and what filters make of them
  std::int64_t encoder = 0;  // the same of stores
  std::int64_t tiles = 0;    // of the evaluator
  std::int64_t user = 0;     // what a user's function is given; what it makes is not known

  std::int64_t kept() const;
  std::int64_t total() const;
  void raise_to(const TaskMemory& other);  // each part
};

TaskMemory task_memory(const graph::Topology& topology, const Placement& placement,
                       std::uint32_t layer);

// What a buffer of so many bytes takes from the pool.
std::int64_t pool_block(std::int64_t bytes);
// The largest block that a task leaves as this output.
std::int64_t output_block(const graph::Topology& topology, graph::LayerOutput output);

}  // namespace rankine::plan
