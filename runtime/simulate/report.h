// What a simulated run was like. Times are virtual nanoseconds from the moment rank 0 has the plan.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/base/error.h"

namespace rankine::simulate {

// Of one rank.
struct RankTally {
  std::int64_t tasks = 0;
  std::int64_t task_ns = 0;     // of its threads, in tasks
  std::int64_t message_ns = 0;  // of its threads, with messages
  std::int64_t messages = 0;    // sent and taken, inside packets
  std::int64_t bytes = 0;       // sent and received, headers included
  std::int64_t most_live_tasks = 0;
  std::int64_t most_held_chunks = 0;
  std::int64_t most_charged_bytes = 0;  // of the budget, if there is one
};

struct Report {
  std::int64_t tasks_run = 0;
  std::int64_t tasks_moved = 0;  // of them, not at home
  std::optional<Error> failure;  // as the user would see it
  std::int64_t first_start_ns = 0;
  std::int64_t last_end_ns = 0;  // of a task
  std::int64_t over_ns = 0;      // the last rank knows the end
  std::int64_t makespan_ns() const { return last_end_ns - first_start_ns; }

  std::int64_t data_messages = 0;
  std::int64_t control_messages = 0;
  std::int64_t packets = 0;
  std::int64_t transfers = 0;
  std::int64_t packet_bytes = 0;  // eager chunks and headers
  std::int64_t transfer_bytes = 0;
  std::int64_t reports = 0;  // that reached rank 0: finished tasks
  std::int64_t events = 0;
  std::vector<RankTally> ranks;
};

}  // namespace rankine::simulate
