// What simulated ranks (simulated_rank.h) are given: the graph, how the network behaves, what
// fails.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "runtime/base/pool.h"
#include "runtime/graph/topology.h"
#include "runtime/simulate/work.h"

namespace rankine::testing {

struct SimulatedGraph {
  SimulatedGraph(std::shared_ptr<const graph::Graph> graph, int ranks)
      : installed(std::move(graph)),
        placed(installed, ranks) {}
  graph::Topology installed;
  plan::Placement placed;
};

// Every chunk has a buffer of its own, so a wrong chunk in a right place is seen.
class IdentityWork : public simulate::Work {
 public:
  explicit IdentityWork(const graph::Topology& topology) : topology_(topology) {}

  std::vector<worker::Output> run(int, const graph::TaskId& task,
                                  const worker::FindChunk& find_chunk) override {
    topology_.for_each_input(task, [&](const graph::ChunkId& chunk) {
      if (find_chunk(chunk).buffer != buffer_of(chunk)) {
        throw std::logic_error("an input holds other bytes");
      }
    });
    std::vector<worker::Output> outputs;
    for (std::uint32_t i = 0; i < topology_.output_count(task.layer); ++i) {
      const graph::ChunkId chunk{task.layer, i, task.position};
      if (topology_.leaves_chunk(task.layer, i)) outputs.push_back({chunk, buffer_of(chunk)});
    }
    return outputs;
  }
  // The result of a user's task has some length.
  std::int64_t bytes_of(const graph::ChunkId& chunk, const plan::Piece& piece,
                        const Buffer&) const override {
    return std::max<std::int64_t>(1, plan::piece_bytes(topology_, chunk, piece));
  }
  SharedBuffer pack(const graph::ChunkId&, const plan::Piece&, const SharedBuffer& whole) override {
    return whole;
  }

 private:
  SharedBuffer buffer_of(const graph::ChunkId& chunk) {
    SharedBuffer& buffer = buffers_[{chunk.layer, chunk.output, chunk.position}];
    if (!buffer) buffer = pool_.allocate_shared(1);
    return buffer;
  }

  const graph::Topology& topology_;
  Pool pool_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>, SharedBuffer> buffers_;
};

// What stands while events happen. Outlives every state.
struct SimulatedWorld : SimulatedGraph, IdentityWork, simulate::World {
  SimulatedWorld(std::shared_ptr<const graph::Graph> graph, int rank_count)
      : SimulatedGraph(std::move(graph), rank_count),
        IdentityWork(installed),
        World{installed, placed, *this, rank_count} {
    steal = {0, 0, 0, 0};
  }
  // Tasks may move whenever a rank has one to give and another one has none.
  void move_tasks() { placed.set_moves(true); }
  std::int64_t moved = 0;  // in all orders that were gone through

  // A rank has one thread, which runs a task at one go and sends at once. Else it has two, starting
  // and finishing a task are two events, and what a rank has to send may wait while others happen.
  bool prompt = true;
  // After an abort the scheduler could ask for counts for ever while a transfer is slow; but every
  // transfer ends some day: after so many rounds a question waits for all else.
  std::uint32_t free_rounds = 2;
  bool advances = false;            // ranks may say at any moment how far they are
  std::int64_t spill_receives = 0;  // above 0: all layers are spilled, so many come at a time

  // Failures a run must survive.
  std::set<std::pair<std::uint32_t, std::int64_t>> failing;  // tasks (layer, position) that throw
  int broken_rank = -1;                                      // fails while it installs the graph
  bool interruptible = false;  // the user may stop the run at any moment, through rank 0

  // Faults of the protocol, to show that they are noticed.
  bool lose_first_credit = false;  // of every rank
  bool double_first_data = false;  // eager or announce, of every rank
  std::int64_t missing_tasks = 0;  // in what the scheduler believes is the total
  bool lose_frontiers = false;     // that rank 0 tells

  // Before there are ranks: memory for one task at a time, and so many bytes more.
  void be_short_of_memory(std::int64_t slack) {
    if (!plan::KeyOrder::supports(installed, placed)) throw std::logic_error("no keys");
    const auto reserve = plan::reserve(installed, placed, plan::KeyOrder(installed, placed)).bytes;
    budget = {reserve + slack, reserve};
  }

  bool must_fail() const { return !failing.empty() || broken_rank >= 0; }
  std::int64_t number_of(const graph::TaskId& task) const {
    std::int64_t number = task.position;
    for (std::uint32_t i = 0; i < task.layer; ++i) number += topology.task_count(i);
    return number;
  }
};

// Bits that tell states apart: one word does for the thousands of states of a rank, both together
// for the millions of states of all.
struct Digest {
  // No small number that is added first makes zero of them.
  std::uint64_t a = 0x243f6a8885a308d3U;
  std::uint64_t b = 0x13198a2e03707344U;
  void add(std::uint64_t what) {
    a = mixed(a ^ what);
    b = mixed(b ^ what);
  }
  void add(const protocol::ChunkName& chunk) {
    add(chunk.layer * std::uint64_t{1000003} + chunk.output * std::uint64_t{10007} +
        static_cast<std::uint64_t>(chunk.position));
  }
  void add(const graph::TaskId& task) { add(protocol::ChunkName{task.layer, 0, task.position}); }
  void add(const protocol::Message& message) {
    add(message.chunk);
    add((static_cast<std::uint64_t>(message.kind) << 56) ^
        (static_cast<std::uint64_t>(message.idle) << 48) ^
        (static_cast<std::uint64_t>(message.round) << 40) ^
        (static_cast<std::uint64_t>(message.second) << 20) ^
        static_cast<std::uint64_t>(message.first));
  }
  bool operator==(const Digest&) const = default;
  struct Hash {
    std::size_t operator()(const Digest& digest) const { return digest.a; }
  };

 private:
  static std::uint64_t mixed(std::uint64_t word) {
    word *= 0x9e3779b97f4a7c15U;
    word = (word ^ (word >> 29)) * 0xbf58476d1ce4e5b9U;
    return word ^ (word >> 32);
  }
};

}  // namespace rankine::testing
