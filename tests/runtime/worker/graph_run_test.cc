// Whole runs: five ranks of two threads in one process, random graphs one after the other, some of
// which fail on the way. Every run must end, give the bytes of a single plain rank, and leave the
// ranks fit for the next one. And a rank that fails though it has no task of a graph.
#include "runtime/worker/loop.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <utility>

#include "runtime/rankine.h"
#include "runtime/scheduler/reactor.h"
#include "tests/support/cluster.h"
#include "tests/support/random_program.h"
#include "tests/support/small_graphs.h"

namespace rankine {
namespace {

using testing::Random;
using testing::RandomProgram;
using testing::run_cluster;
using testing::threads;

// 2 to the power of -1 where x < limit, which fails, and of 0 elsewhere.
Array failing_below(const Array& x, double limit) {
  return pow(full({}, Literal::of(std::int64_t{2}), DType::kInt64),
             -(x < limit).astype(DType::kInt64));
}

struct Outcome {
  bool failed = false;
  std::vector<NdArray> values;
};

Outcome outcome_of(Session& session, const std::vector<Array>& arrays) {
  Outcome outcome;
  try {
    outcome.values = session.compute_all(arrays);
  } catch (const Error& error) {
    outcome.failed = true;
    EXPECT_FALSE(error.task_story.empty()) << error.message;
  }
  return outcome;
}

TEST(GraphRun, RandomGraphsEndAndGiveTheSameBytesOnFiveRanks) {
  Random random("GraphRun.RandomGraphsEndAndGiveTheSameBytesOnFiveRanks");
  RunSettings unfused = threads(1);
  unfused.fuse = false;
  int failures = 0;
  run_cluster(1, unfused, [&](Session& plain) {
    run_cluster(5, threads(2), [&](Session& many) {
      for (int round = 0; round < 200; ++round) {
        RandomProgram program(random, static_cast<int>(random.between(1, 14)), 300);
        std::vector<Array> arrays;
        for (const auto& node : program.roots()) arrays.emplace_back(node);
        if (random.one_in(4)) {
          arrays.push_back(
              failing_below(arrays.front(), static_cast<double>(random.between(-9, 3))).sum());
        }
        const Outcome expected = outcome_of(plain, arrays);
        const Outcome got = outcome_of(many, arrays);
        ASSERT_EQ(got.failed, expected.failed) << "round " << round;
        failures += got.failed ? 1 : 0;
        for (std::size_t i = 0; i < got.values.size(); ++i) {
          ASSERT_EQ(got.values[i].bytes(), expected.values[i].bytes()) << "round " << round;
        }
      }
    });
  });
  std::printf("%d of 200 graphs failed\n", failures);
  EXPECT_GT(failures, 0) << "the test is about failures, too";
}

// One rank with one graph, and on rank 0 its scheduler.
class ManualRank : private worker::LoopHost {
 public:
  ManualRank(collectives::Communicator& communicator,
             const std::shared_ptr<const graph::Topology>& topology)
      : loop_(communicator, 1, collectives::Cores::kShared, *this),
        scheduler_(communicator.size(), 1, topology->task_count()) {
    worker::Installation installation{
        1, topology, plan::Placement(*topology, communicator.size()), {}};
    run_ = std::make_shared<worker::GraphRun>(communicator, pool_, loop_.mail(), held_,
                                              std::move(installation), nullptr);
  }
  worker::GraphRun& run() { return *run_; }
  const scheduler::Reactor& scheduler() const { return scheduler_; }
  // Until the graph is over; that nothing of it is left is checked on the way.
  void work() {
    worker::TaskContext context;
    loop_.work(0, context);
  }

 private:
  void on_message(int from, const protocol::Message& message,
                  std::span<const std::byte> payload) override {
    scheduler::Reactor::Outbox outbox;
    if (message.kind == protocol::Kind::kFailed) {
      scheduler_.on_failure(from, from_bytes<Error>(payload), outbox);
    } else {
      scheduler_.on_message(from, message, outbox);
    }
    for (const auto& [to, order] : outbox) loop_.mail().send(to, order);
  }
  bool turn() override {
    if (!std::exchange(added_, true)) loop_.add(run_);
    return false;
  }
  void on_over(worker::GraphRun&) override { loop_.stop(); }
  bool expects_messages() const override { return true; }

  Pool pool_;
  worker::HeldStore held_;
  worker::Loop loop_;
  scheduler::Reactor scheduler_;
  std::shared_ptr<worker::GraphRun> run_;
  bool added_ = false;
};

// One graph on ranks that are driven by hand.
class ManualRanks {
 public:
  ManualRanks(const std::shared_ptr<graph::Graph>& graph, int ranks) : network_(ranks) {
    const auto topology = std::make_shared<const graph::Topology>(graph);
    for (int rank = 0; rank < ranks; ++rank) {
      ranks_.push_back(std::make_unique<ManualRank>(network_.rank(rank), topology));
    }
  }
  worker::GraphRun& run(int rank) { return ranks_[rank]->run(); }
  const scheduler::Reactor& scheduler() const { return ranks_[0]->scheduler(); }
  void work(int rank) { ranks_[rank]->work(); }

 private:
  collectives::LoopbackNetwork network_;
  std::vector<std::unique_ptr<ManualRank>> ranks_;
};

// Rank 2 comes late and has nothing to run; the graph must wait for its word all the same.
TEST(GraphRun, AFailureOfARankWithoutTasksIsNotLost) {
  ManualRanks ranks(testing::graph_of({{testing::ramp(1), std::nullopt}}), 3);
  std::thread first([&] { ranks.work(0); });
  std::thread second([&] { ranks.work(1); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ranks.run(2).fail(Error(ExitCode::kInput, "no such file here"));
  ranks.work(2);
  first.join();
  second.join();
  ASSERT_TRUE(ranks.scheduler().failure());
  EXPECT_EQ(ranks.scheduler().failure()->message, "no such file here");
  EXPECT_EQ(ranks.scheduler().failure()->exit_code, ExitCode::kInput);
}

TEST(GraphRun, AnEmptyGraphEndsOnEveryRank) {
  ManualRanks ranks(std::make_shared<graph::Graph>(), 2);
  std::thread first([&] { ranks.work(0); });
  ranks.work(1);
  first.join();
  EXPECT_TRUE(ranks.scheduler().finished());
  EXPECT_FALSE(ranks.scheduler().failure());
}

}  // namespace
}  // namespace rankine
