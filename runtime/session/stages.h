// What every run measures: the six stages, and what each rank did.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "runtime/session/engine.h"
#include "runtime/session/prepare.h"

namespace rankine::session {

struct Stage {
  const char* name;
  StageTimes times = {};
  std::int64_t layers_in = 0;
  std::int64_t layers_out = 0;
  std::int64_t tasks_in = 0;
  std::int64_t tasks_out = 0;
  std::int64_t bytes = 0;
};

// A graph as it was started.
struct Planned {
  std::shared_ptr<const Prepared> prepared;
  bool again = false;            // it was prepared before, for another run of the same
  std::int64_t bound_bytes = 0;  // of a rank, with all else that is there now
  std::int64_t index_bytes = 0;
};

// Sums over all graphs of a run.
class StageTable {
 public:
  void add_construct(double wall_s, double cpu_s);
  void add(const Planned& graph, const GraphOutcome& outcome);
  // Settling, metadata, rename: part of executing.
  void add_write(double wall_s, double cpu_s, std::int64_t bytes);

  bool any() const { return graphs_ > 0; }
  std::int64_t bytes_broadcast() const { return stages_[3].bytes; }
  std::int64_t tasks_stolen() const;  // run on other ranks than their homes
  std::string text() const;           // the table, one budget line per rank, and the verdict
  std::string json(int threads) const;

 private:
  std::array<Stage, 6> stages_{
      {{"construct"}, {"optimize"}, {"serialize"}, {"communicate"}, {"schedule"}, {"execute"}}};
  std::int64_t graphs_ = 0;
  std::int64_t index_bytes_ = 0;
  std::int64_t promised_bytes_ = 0;
  std::vector<RankReport> ranks_;
};

}  // namespace rankine::session
