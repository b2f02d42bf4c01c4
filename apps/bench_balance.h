// `bench balance`: independent tasks of random lengths, with and without stealing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/session/session.h"

namespace rankine::apps {

struct BalanceOptions {
  std::int64_t tasks = 64;  // for each thread of a rank
  double task_us = 10'000;  // in the mean; tasks take from nothing to twice that, evenly
  int repeat = 3;
};

struct BalanceFigure {
  std::string tasks;  // sleep: they wait; compute: they use a core
  bool steal = false;
  int threads = 0;        // of all ranks
  double makespan_s = 0;  // from the first start to the last end, by the clock of the machine
  double ideal_s = 0;     // all work over all threads that can run, or the longest task
  std::int64_t stolen = 0;
  double efficiency() const { return ideal_s / makespan_s; }
};

// Of each kind the run in the middle. The ranks must be on one machine: they share its clock.
std::vector<BalanceFigure> measure_balance(Session& session, const BalanceOptions& options);

std::string text_of(const std::vector<BalanceFigure>& figures);
void write_json(const std::string& path, const std::vector<BalanceFigure>& figures);

}  // namespace rankine::apps
