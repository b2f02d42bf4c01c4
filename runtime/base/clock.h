// Time for measurements: monotonic, in seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace rankine {

// The counter that tells the time of single tasks: that of the processor where it runs at one rate
// on all cores and through all states (the "invariant" time stamp counter), else the monotonic
// clock in nanoseconds. Reading it takes some 10 ns.
class TickCounter {
 public:
  using Ticks = std::int64_t;
  static Ticks now() noexcept {
#if defined(__x86_64__)
    if (kind().invariant) return static_cast<Ticks>(__rdtsc());
#endif
    return clock_ns();
  }
  static double seconds(Ticks ticks) noexcept {
    return static_cast<double>(ticks) * kind().seconds_per_tick;
  }
  static Ticks ticks(double seconds) noexcept {
    return static_cast<Ticks>(seconds / kind().seconds_per_tick);
  }

 private:
  struct Kind {
    bool invariant = false;
    double seconds_per_tick = 1e-9;
  };
  static Ticks clock_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{1'000'000'000} * now.tv_sec + now.tv_nsec;
  }
  static const Kind& kind() noexcept {
    static const Kind kind = measure();
    return kind;
  }
  static Kind measure() noexcept;  // takes 0.2 ms
#if defined(__x86_64__)
  static double measured_seconds_per_tick() noexcept;
#endif
};

class Stopwatch {
 public:
  double seconds() const { return TickCounter::seconds(TickCounter::now() - start_); }

 private:
  TickCounter::Ticks start_ = TickCounter::now();
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
