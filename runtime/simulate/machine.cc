#include "runtime/simulate/machine.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/base/error.h"
#include "runtime/simulate/random.h"

namespace rankine::simulate {
namespace {

// One stream of words for each thing that is drawn.
enum class Stream : std::uint64_t { kTask = 1, kSlow, kDelay, kSpread };
std::uint64_t drawn(std::uint64_t seed, Stream stream, std::uint64_t what) {
  return mixed(mixed(seed + static_cast<std::uint64_t>(stream) * 0x632be59bd9b4e019U) ^ what);
}

void require(bool right, const char* what) {
  if (!right) throw usage_error(what);
}

}  // namespace

void Machine::check() const {
  constexpr double kHour = 3.6e9;  // in microseconds
  require(ranks >= 1 && threads >= 1, "a machine has one rank and one thread at least");
  require(task_us >= 0 && task_us <= kHour, "a task takes from nothing to an hour");
  require(imbalance >= 1 && imbalance <= 1e6, "imbalance is a factor from 1 to 1,000,000");
  require(spread >= 0 && spread <= 1, "a spread is from 0 to 1");
  require(slow_ranks >= 0 && slow_ranks <= ranks, "there are not so many ranks to be slow");
  require(slow_factor >= 1 && slow_factor <= 1e6, "slowness is a factor from 1 to 1,000,000");
  require(latency_us >= 0 && latency_us <= kHour, "a latency is from nothing to an hour");
  require(gigabytes_per_s > 1e-9 && gigabytes_per_s <= 1e9, "a bandwidth is more than nothing");
}

Draws::Draws(const Machine& machine)
    : machine_(machine),
      slow_(static_cast<std::size_t>(machine.ranks), false) {
  std::vector<int> order(slow_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const auto key = [&](int rank) { return drawn(machine.seed, Stream::kSlow, rank); };
    return std::pair(key(a), a) < std::pair(key(b), b);
  });
  for (std::int64_t i = 0; i < machine.slow_ranks; ++i) slow_[order[i]] = true;
}

std::int64_t Draws::task_ns(const graph::TaskId& task) const {
  double us = machine_.task_us;
  if (machine_.imbalance > 1) {
    const std::uint64_t word = drawn(machine_.seed, Stream::kTask,
                                     mixed(task.layer) ^ static_cast<std::uint64_t>(task.position));
    us *= std::pow(machine_.imbalance, 2 * unit(word) - 1);
  }
  if (machine_.spread > 0) {
    const std::uint64_t word = drawn(machine_.seed, Stream::kSpread,
                                     mixed(task.layer) ^ static_cast<std::uint64_t>(task.position));
    us *= 1 + machine_.spread * (2 * unit(word) - 1);
  }
  return std::llround(us * 1e3);
}

// Mostly within one latency, sometimes far behind.
std::int64_t Draws::delay_ns() {
  if (!machine_.reorder) return 0;
  const std::uint64_t word = drawn(machine_.seed, Stream::kDelay, delays_++);
  constexpr double kFar = 64;
  const double scale = (word & 7) == 0 ? kFar : 1;
  return std::llround(unit(word) * scale * std::max(0.1, machine_.latency_us) * 1e3);
}

double Draws::cores_from(int first) const {
  double cores = 0;
  for (int rank = first; rank < machine_.ranks; ++rank) {
    cores += machine_.threads / slowness(rank);
  }
  return cores;
}

}  // namespace rankine::simulate
