#include "runtime/base/clock.h"

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

TickCounter::Kind TickCounter::measure() noexcept {
#if defined(__x86_64__)
  constexpr std::int64_t kMeasuredNs = 200'000;  // reading the clock is exact to some 30 ns
  if (!kernel_trusts_the_counter()) return {};
  const std::int64_t begin_ns = clock_ns();
  const auto begin = static_cast<Ticks>(__rdtsc());
  std::int64_t end_ns = begin_ns;
  while (end_ns - begin_ns < kMeasuredNs) end_ns = clock_ns();
  const auto ticks = static_cast<Ticks>(__rdtsc()) - begin;
  if (ticks <= 0) return {};
  return {true, 1e-9 * static_cast<double>(end_ns - begin_ns) / static_cast<double>(ticks)};
#else
  return {};
#endif
}

}  // namespace rankine
