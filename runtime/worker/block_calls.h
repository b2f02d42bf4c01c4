// Runs the calls of users' functions inside the tasks of Map layers: makes the blocks they are
// given, calls, and keeps what they made for the task's program.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/kernels/block_call.h"
#include "runtime/worker/load.h"

namespace rankine::worker {

// What a thread brings along. Seconds are added.
struct CallScratch {
  kernels::Scratch& tiles;
  io::ReadScratch& read;
  io::ReadStats& read_stats;
  double& load_s;
  double& compute_s;
};

// The functions of blocks of a graph, found in this process. Thread-safe after construction.
class BlockCalls {
 public:
  // Throws Error (usage) if a function is not here because this is another program.
  explicit BlockCalls(const graph::Topology& topology);

  // All calls of a task of a Map layer for one box of its steps. sources.made gets the results, in
  // the order of the calls. Throws Error (task failed): what the function threw, with its place.
  void run(const graph::TaskId& task, const Box& step, LoadSources& sources,
           const CallScratch& scratch) const;

  // The function of a Reduce layer joins two states of the kept chunk `box`; `into` comes first.
  void combine(std::uint32_t layer, const Box& box, std::byte* into, std::byte* next) const;

 private:
  MadeBlock call(const graph::Map& map, const graph::Call& call,
                 const kernels::FoundBlockFunction& found, const graph::TaskId& task,
                 const Box& step, const LoadSources& sources, const CallScratch& scratch) const;

  const graph::Topology& topology_;
  std::vector<std::vector<kernels::FoundBlockFunction>> found_;  // by layer, by call
};

}  // namespace rankine::worker
