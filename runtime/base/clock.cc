#include "runtime/base/clock.h"

#include <cmath>
#include <fstream>
#include <string>

namespace rankine {
namespace {

// The kernel knows which counters it trusts on this machine.
bool kernel_trusts_the_counter() {
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string name;
  return static_cast<bool>(file >> name) && name == "tsc";
}

}  // namespace

#if defined(__x86_64__)
// A thread that lost its core between two reads measures nonsense; that is why the caller compares.
double TickCounter::measured_seconds_per_tick() noexcept {
  constexpr std::int64_t kMeasuredNs = 100'000;  // reading the clock is exact to some 30 ns
  const std::int64_t begin_ns = clock_ns();
  const auto begin = static_cast<Ticks>(__rdtsc());
  std::int64_t end_ns = begin_ns;
  while (end_ns - begin_ns < kMeasuredNs) end_ns = clock_ns();
  const auto ticks = static_cast<Ticks>(__rdtsc()) - begin;
  return ticks <= 0 ? 0
                    : 1e-9 * static_cast<double>(end_ns - begin_ns) / static_cast<double>(ticks);
}
#endif

TickCounter::Kind TickCounter::measure() noexcept {
#if defined(__x86_64__)
  constexpr int kTries = 8;
  if (!kernel_trusts_the_counter()) return {};
  for (int i = 0; i < kTries; ++i) {
    const double once = measured_seconds_per_tick();
    const double again = measured_seconds_per_tick();
    if (once > 0 && std::abs(again / once - 1) < 0.01) return {true, (once + again) / 2};
  }
  return {};
#else
  return {};
#endif
}

}  // namespace rankine
