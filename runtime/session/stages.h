// What every run measures: the six stages, and what each rank did.
#pragma once

#include <array>
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

// Sums over all graphs of a run.
class StageTable {
 public:
  void add_construct(double wall_s, double cpu_s);
  void add(const Prepared& prepared, std::int64_t index_bytes, const GraphOutcome& outcome);
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
