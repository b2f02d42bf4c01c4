// What `simulate` prints. The same seed and options give the same bytes.
#pragma once

#include <string>
#include <vector>

#include "runtime/simulate/machine.h"
#include "runtime/simulate/report.h"
#include "runtime/simulate/shapes.h"

namespace rankine::apps {

struct SimulatedRun {
  simulate::Machine machine;
  std::vector<std::string> program;  // its arguments; empty: a graph of some shape
  std::string shape_name = "random";
  simulate::ShapeOptions shape;
  bool dedicated_scheduler = false;
  bool steal = true;

  std::int64_t layers = 0;
  std::int64_t tasks = 0;
  simulate::Report report;
  std::int64_t critical_path_ns = 0;
  std::int64_t work_ns = 0;  // of all tasks on ranks that are not slow
  double cores = 1;          // that run tasks, slow ones counting less
  bool compared = false;     // results were those of a serial run

  // What no order of the tasks could beat, messages costing nothing.
  double ideal_ns() const;
};

std::string text_of(const SimulatedRun& run);
// Throws Error (task failed) if the file cannot be written.
void write_json(const std::string& path, const SimulatedRun& run);

}  // namespace rankine::apps
