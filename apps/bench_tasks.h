// `bench tasks`: graphs of tasks that do nothing, named one by one and run through rank 0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/session/session.h"

namespace rankine::apps {

struct TasksFigure {
  std::string graph;  // wide, chain, tree
  std::int64_t tasks = 0;
  double construct_s = 0;  // the calls of delayed
  double run_s = 0;        // all that follows, until the result is here
  double graph_bytes = 0;  // broadcast, per task
  int ranks = 1;
  double tasks_per_s() const { return static_cast<double>(tasks) / (construct_s + run_s); }
};

// What a graph of so many tasks, a tree, adds to the resident memory of each rank at most, in bytes
// per task. Of a session that ran nothing larger before.
std::vector<double> resident_per_task(Session& session, std::int64_t tasks);

// Each graph `repeat` times, in turn; the medians. Throws Error if a result is wrong.
std::vector<TasksFigure> measure_tasks(Session& session, std::int64_t tasks, int repeat);

std::string text_of(const std::vector<TasksFigure>& figures);
void write_json(const std::string& path, const std::vector<TasksFigure>& figures);

}  // namespace rankine::apps
