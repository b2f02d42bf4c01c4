// Time for measurements: monotonic, in seconds.
#pragma once

#include <chrono>
#include <ctime>

namespace rankine {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// CPU time of the whole process since it began.
inline double process_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct StageTimes {
  double wall_s = 0;
  double cpu_s = 0;  // of the whole process
  StageTimes& operator+=(const StageTimes& other) {
    wall_s += other.wall_s;
    cpu_s += other.cpu_s;
    return *this;
  }
};

// Adds the time it lives.
class StageClock {
 public:
  explicit StageClock(StageTimes& times) : times_(times) {}
  ~StageClock() { times_ += {wall_.seconds(), process_cpu_seconds() - cpu_start_}; }
  StageClock(const StageClock&) = delete;
  StageClock& operator=(const StageClock&) = delete;

 private:
  StageTimes& times_;
  const Stopwatch wall_;
  const double cpu_start_ = process_cpu_seconds();
};

}  // namespace rankine
