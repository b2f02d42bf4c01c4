// How far a run is, for a progress line.
#pragma once

#include <cstdint>
#include <functional>

namespace rankine {

struct RunProgress {
  enum class Phase {
    kTasks,    // a graph runs
    kWriting,  // its chunks are placed in the output
    kOver,     // nothing runs: a line on a terminal is wiped
  };
  Phase phase = Phase::kTasks;
  std::int64_t tasks_done = 0;  // on all ranks, as far as rank 0 knows
  std::int64_t tasks_total = 0;
  double seconds = 0;  // since this phase began
};

// Called on rank 0 by the thread that waits for the result, about five times a second while a phase
// runs, and once with kOver after it. Must not throw.
using OnRunProgress = std::function<void(const RunProgress&)>;

}  // namespace rankine
