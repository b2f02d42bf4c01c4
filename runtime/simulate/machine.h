// The machine of a simulation: how many ranks, how long tasks take, and what a message costs. Every
// number that is drawn is a function of the seed and of what it is for, so the order of events
// changes none. Times are nanoseconds, int64: 292 years.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/topology.h"

namespace rankine::simulate {

struct Machine {
  int ranks = 1;
  int threads = 1;  // of a rank; any of them carries messages when it is free
  std::uint64_t seed = 1;

  double task_us = 100;         // of a task in the middle
  double imbalance = 1;         // tasks take from 1/imbalance to imbalance times that
  double spread = 0;            // and from 1 - spread to 1 + spread times that, all alike likely
  std::int64_t slow_ranks = 0;  // so many ranks, chosen by the seed,
  double slow_factor = 4;       // take so much longer for every task and message

  double latency_us = 1.5;
  double gigabytes_per_s = 10;  // of a rank, into and out of the network
  // Messages are held up by anything between nothing and 64 latencies, transfers too: what the
  // network may reorder arrives in another order. Packets between two ranks never overtake.
  bool reorder = false;

  // What a thread pays.
  std::int64_t task_overhead_ns = 350;
  std::int64_t packet_ns = 500;   // for each sent or taken
  std::int64_t message_ns = 100;  // for each inside, and for each transfer

  // Throws Error (usage) if a number makes no sense.
  void check() const;
};

// Draws what a machine leaves open.
class Draws {
 public:
  explicit Draws(const Machine& machine);

  // Of a task on a rank that is not slow.
  std::int64_t task_ns(const graph::TaskId& task) const;
  double slowness(int rank) const { return slow_[rank] ? machine_.slow_factor : 1; }
  // How much later the next message or transfer arrives.
  std::int64_t delay_ns();
  // How many tasks the ranks [first, ranks) do at one time, slow ones counting less.
  double cores_from(int first) const;

 private:
  Machine machine_;
  std::vector<bool> slow_;
  std::uint64_t delays_ = 0;
};

}  // namespace rankine::simulate
