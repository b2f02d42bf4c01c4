// `bench metg`: how small tasks may be before a runtime's own work takes half of the time. The same
// graphs run as grids of tasks, by hand with MPI, and as OpenMP tasks, in turn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/bench_work.h"
#include "runtime/session/run.h"

namespace rankine::apps {

struct MetgOptions {
  std::vector<std::string> patterns;  // empty: all
  std::vector<std::int64_t> widths = {8};
  std::int64_t steps = 0;   // of each graph; 0: enough for about 50 ms
  std::int64_t graphs = 1;  // that run at the same time
  bool imbalance = false;
  int repeat = 5;
};

// One run: some graphs of width x steps tasks.
struct MetgJob {
  Pattern::Kind pattern = Pattern::Kind::kTrivial;
  std::int64_t width = 8;
  std::int64_t steps = 1;
  std::int64_t graphs = 1;
  std::int64_t iterations = 0;
  bool imbalance = false;

  double tasks() const { return static_cast<double>(width * steps * graphs); }
  double flops() const;  // of all tasks
  Work work(std::int64_t graph) const;
};

// What a run took, on rank 0, and the values of the last step: graph by graph, column by column.
struct MetgRun {
  double wall_s = 0;
  std::vector<double> values;
};

MetgRun run_grids(Session& session, const MetgJob& job);
// Collective over all ranks of the world: columns in contiguous blocks, one per rank; alone a loop.
MetgRun run_by_hand(World& world, const MetgJob& job);
MetgRun run_openmp(int threads, const MetgJob& job);

struct MetgFigure {
  std::string pattern;
  std::int64_t width = 0;
  std::string system;  // rankine, mpi, openmp
  int cores = 1;
  double floor_us = 0;  // of a core, for a task that does nothing
  double metg_us = 0;   // of a core, for a task at 50 % of the peak; 0: not reached
};

// Collective. The figures on rank 0, empty on the others; `code` is not 0 if a session failed.
struct MetgResult {
  std::vector<MetgFigure> figures;
  double peak_flops = 0;  // of one core
  int code = 0;
};
MetgResult measure_metg(World& world, const RunSettings& settings, const MetgOptions& options);

std::string text_of(const MetgResult& result);
void write_json(const std::string& path, const std::vector<MetgFigure>& figures);

}  // namespace rankine::apps
