// The simulator itself: times that can be worked out by hand, the same events for the same seed,
// what it costs to have many ranks, and that it notices what goes wrong.
#include "runtime/simulate/simulation.h"

#include <gtest/gtest.h>

#include "runtime/simulate/phantom.h"
#include "runtime/simulate/shapes.h"
#include "tests/support/random.h"
#include "tests/support/random_case.h"
#include "tests/support/small_graphs.h"

namespace rankine::simulate {
namespace {

// Messages cost nothing but their latency.
Machine plain_machine(int ranks, double latency_us) {
  Machine machine;
  machine.ranks = ranks;
  machine.task_us = 10;
  machine.latency_us = latency_us;
  machine.task_overhead_ns = machine.packet_ns = machine.message_ns = 0;
  machine.gigabytes_per_s = 1e9;
  return machine;
}

struct Ran {
  Report report;
  std::int64_t critical_path_ns;
  std::int64_t work_ns;
};

Ran ran(const std::shared_ptr<const graph::Graph>& graph, const Machine& machine,
        std::int64_t eager_limit = protocol::kEagerLimit) {
  const graph::Topology topology(graph);
  const plan::Placement placement(topology, machine.ranks);
  Draws draws(machine);
  PhantomWork work(topology, draws, 64);
  const World world{topology, placement, work, machine.ranks, eager_limit};
  Ran ran{Simulation(world, machine, draws, {.check = true}).run(), 0, 0};
  ran.critical_path_ns = work.critical_path_ns();
  ran.work_ns = work.work_ns();
  return ran;
}

TEST(Simulation, TasksOfOneRankTakeTheSumOfTheirTimes) {
  const auto graph = make_shape("chain", {.tasks = 7});
  const Ran one = ran(graph, plain_machine(1, 1));
  EXPECT_EQ(one.report.makespan_ns(), 80'000) << "seven tasks and one that hands over";
  EXPECT_EQ(one.critical_path_ns, 80'000);
  EXPECT_EQ(one.work_ns, 80'000);
  EXPECT_EQ(one.report.ranks[0].most_live_tasks, 1);
}

TEST(Simulation, ThreadsShareWhatIsReady) {
  const auto graph = make_shape("wide", {.tasks = 9});
  Machine machine = plain_machine(1, 1);
  EXPECT_EQ(ran(graph, machine).report.makespan_ns(), 100'000);
  machine.threads = 4;
  EXPECT_EQ(ran(graph, machine).report.makespan_ns(), 40'000) << "8 / 4 + 2";
}

// Three tasks on rank 0, three on rank 1, and the result back to rank 0: eagerly one latency each,
// pulled three (announce, pull, bytes).
TEST(Simulation, AMessageTakesItsLatency) {
  const auto graph = make_shape("chain", {.tasks = 6});
  EXPECT_EQ(ran(graph, plain_machine(2, 5)).report.makespan_ns(), 70'000 + 2 * 5'000);
  EXPECT_EQ(ran(graph, plain_machine(2, 5), 0).report.makespan_ns(), 70'000 + 6 * 5'000);
}

// Of what all threads could take, little is allowed: it takes longer, never more memory, and few
// messages about it.
// Tasks of the larger graphs.
#ifdef RANKINE_SANITIZED
constexpr std::int64_t kTasks = 320;
#else
constexpr std::int64_t kTasks = 800;
#endif

TEST(Simulation, RanksKeepToTheirBudgetOfMemory) {
  for (const char* shape : {"anomaly", "rechunk", "stencil", "mean"}) {
    const auto graph = make_shape(shape, {.tasks = kTasks, .seed = 1, .chunk_bytes = 1 << 20});
    Machine machine = plain_machine(16, 2);
    machine.threads = 3;
    machine.reorder = true;
    machine.imbalance = 4;
    const graph::Topology topology(graph);
    const plan::Placement placement(topology, machine.ranks);
    ASSERT_TRUE(plan::KeyOrder::supports(topology, placement)) << shape;
    const auto reserve =
        plan::reserve(topology, placement, plan::KeyOrder(topology, placement)).bytes;
    for (const std::int64_t slack : {std::int64_t{0}, std::int64_t{8} << 20}) {
      Draws draws(machine);
      PhantomWork work(topology, draws, 64);
      World world{topology, placement, work, machine.ranks};
      world.budget = {reserve + slack, reserve};
      const Report report = Simulation(world, machine, draws, {.check = slack > 0}).run();
      EXPECT_EQ(report.tasks_run, topology.task_count()) << shape;
      for (const RankTally& rank : report.ranks) {
        EXPECT_GT(rank.most_charged_bytes, 0);
        EXPECT_LE(rank.most_charged_bytes, reserve + slack);
      }
      EXPECT_LE(report.control_messages, 8 * (report.tasks_run + machine.ranks)) << shape;
      std::printf("  %s, slack %lld: %.3f ms, %lld control messages for %lld tasks\n", shape,
                  static_cast<long long>(slack), static_cast<double>(report.makespan_ns()) * 1e-6,
                  static_cast<long long>(report.control_messages),
                  static_cast<long long>(report.tasks_run));
    }
  }
}

TEST(Simulation, SlowRanksTakeLonger) {
  Machine machine = plain_machine(2, 0);
  machine.slow_ranks = 2;
  machine.slow_factor = 3;
  const Ran slow = ran(make_shape("chain", {.tasks = 6}), machine);
  EXPECT_EQ(slow.report.makespan_ns(), 210'000);
  EXPECT_EQ(slow.critical_path_ns, 70'000) << "on ranks that are not slow";
}

TEST(Simulation, OneSeedGivesOneCourseOfEvents) {
  Machine machine;
  machine.ranks = 17;
  machine.threads = 2;
  machine.imbalance = 10;
  machine.slow_ranks = 3;
  machine.reorder = true;
  for (const ShapeName& shape : shape_names()) {
    const auto graph = make_shape(shape.name, {.tasks = kTasks / 2, .seed = 3});
    const Report first = ran(graph, machine).report;
    const Report second = ran(graph, machine).report;
    EXPECT_EQ(first.events, second.events) << shape.name;
    EXPECT_EQ(first.over_ns, second.over_ns) << shape.name;
    EXPECT_EQ(first.packets, second.packets) << shape.name;
    Machine other = machine;
    other.seed = 2;
    EXPECT_NE(ran(graph, other).report.over_ns, first.over_ns) << shape.name;
  }
}

TEST(Simulation, EveryShapeRunsOnAnyNumberOfRanks) {
  testing::Random random("Simulation.EveryShapeRunsOnAnyNumberOfRanks");
  for (const ShapeName& shape : shape_names()) {
    for (const int ranks : {1, 2, 3, 5, 64}) {
      Machine machine;
      machine.ranks = ranks;
      machine.threads = static_cast<int>(random.between(1, 2));
      machine.reorder = random.one_in(2);
      const std::int64_t tasks = random.one_in(4) ? random.between(1, 3) : random.between(1, 150);
      const auto graph = make_shape(shape.name, {.tasks = tasks, .seed = random.word()});
      const Ran run = ran(graph, machine);
      EXPECT_EQ(run.report.tasks_run, graph::Topology(graph).task_count()) << shape.name;
      EXPECT_FALSE(run.report.failure);
    }
  }
  EXPECT_THROW(make_shape("round", {}), Error);
  EXPECT_THROW(make_shape("chain", {.tasks = 0}), Error);
}

// Of the ideal: all work over all ranks.
double balance(std::int64_t tasks, const Machine& machine, bool steal, std::int64_t& moved) {
  const graph::Topology topology(make_shape("independent", {.tasks = tasks}));
  plan::Placement placement(topology, machine.ranks);
  placement.set_moves(steal);
  Draws draws(machine);
  PhantomWork work(topology, draws, 64);
  World world{topology, placement, work, machine.ranks};
  world.threads = machine.threads;
  const Report report = Simulation(world, machine, draws, {.check = machine.ranks < 100}).run();
  moved = report.tasks_moved;
  return static_cast<double>(work.work_ns()) / draws.cores_from(0) /
         static_cast<double>(report.makespan_ns());
}

TEST(Simulation, RanksThatHaveNothingToDoTakeTasksOfOthers) {
  Machine machine;
  machine.ranks = 1024;
  machine.task_us = 10'000;
  machine.spread = 1;
  std::int64_t moved = 0;
  EXPECT_LT(balance(65'536, machine, false, moved), 0.9);
  EXPECT_EQ(moved, 0);
  EXPECT_GE(balance(65'536, machine, true, moved), 0.95);
  EXPECT_GT(moved, 0);
  machine.ranks = 4;
  machine.threads = 2;
  machine.slow_ranks = 1;
  EXPECT_GE(balance(512, machine, true, moved), 0.9);
  machine.task_us = 2;
  EXPECT_LT(balance(512, machine, true, moved), 0.9);
  EXPECT_EQ(moved, 0) << "tasks too short to be worth it";
}

TEST(Simulation, AUserMayStopIt) {
  const auto graph = make_shape("chain", {.tasks = 100});
  const graph::Topology topology(graph);
  const Machine machine = plain_machine(3, 1);
  const plan::Placement placement(topology, machine.ranks);
  Draws draws(machine);
  PhantomWork work(topology, draws, 64);
  const World world{topology, placement, work, machine.ranks};
  const Report report =
      Simulation(world, machine, draws, {.check = true, .stop_ns = 300'000}).run();
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->message, "stopped");
  EXPECT_LT(report.tasks_run, 50);
}

// Leaves out what one task should leave, or changes a byte on the way.
class BrokenWork : public ValueWork {
 public:
  enum class Fault { kLosesAChunk, kChangesAByte };
  BrokenWork(const graph::Topology& topology, Fault fault) : ValueWork(topology), fault_(fault) {}

  std::vector<worker::Output> run(int rank, const graph::TaskId& task,
                                  const worker::FindChunk& find_chunk) override {
    std::vector<worker::Output> outputs = ValueWork::run(rank, task, find_chunk);
    if (fault_ == Fault::kLosesAChunk && task == graph::TaskId{0, 2}) outputs.clear();
    return outputs;
  }
  SharedBuffer pack(const graph::ChunkId& chunk, const plan::Piece& piece,
                    const SharedBuffer& whole) override {
    const SharedBuffer packed = ValueWork::pack(chunk, piece, whole);
    if (fault_ == Fault::kLosesAChunk || changed) return packed;
    changed = true;
    const SharedBuffer other = pool_.allocate_shared(packed->size());
    std::copy_n(packed->data(), packed->size(), other->data());
    other->data()[packed->size() / 2] ^= std::byte{1};
    return other;
  }

  bool changed = false;

 private:
  Fault fault_;
  Pool pool_;
};

TEST(Simulation, SaysWhoWaitsForWhatIfItIsStuck) {
  const graph::Topology topology(make_shape("chain", {.tasks = 6}));
  const Machine machine = plain_machine(2, 1);
  const plan::Placement placement(topology, machine.ranks);
  Draws draws(machine);
  BrokenWork work(topology, BrokenWork::Fault::kLosesAChunk);
  const World world{topology, placement, work, machine.ranks};
  try {
    Simulation(world, machine, draws, {.check = true}).run();
    FAIL() << "it ended";
  } catch (const std::logic_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("stuck"), std::string::npos) << text;
    EXPECT_NE(text.find("rank 0 is the first that has not reported"), std::string::npos) << text;
  }
}

TEST(Simulation, AChangedByteChangesTheResults) {
  testing::Random random("Simulation.AChangedByteChangesTheResults");
  int noticed = 0;
  for (int round = 0; round < 50; ++round) {
    const testing::RandomCase wanted = testing::RandomTasks(random, 40, false).finish();
    const graph::Topology topology(wanted.graph);
    const Machine machine = plain_machine(3, 1);
    const plan::Placement placement(topology, machine.ranks);
    Draws draws(machine);
    BrokenWork work(topology, BrokenWork::Fault::kChangesAByte);
    const World world{topology, placement, work, machine.ranks};
    Simulation(world, machine, draws, {}).run();
    noticed += work.results() != *wanted.expected ? 1 : 0;
  }
  // How many lead to a result that is asked for is a matter of chance: about half.
  EXPECT_GT(noticed, 10);
}

TEST(Machine, RefusesNumbersWithoutSense) {
  EXPECT_NO_THROW(Machine().check());
  const auto refused = [](const auto& change) {
    Machine machine;
    change(machine);
    EXPECT_THROW(machine.check(), Error);
  };
  refused([](Machine& machine) { machine.ranks = 0; });
  refused([](Machine& machine) { machine.task_us = -1; });
  refused([](Machine& machine) { machine.task_us = std::nan(""); });
  refused([](Machine& machine) { machine.imbalance = 0.5; });
  refused([](Machine& machine) { machine.slow_ranks = 2; });
  refused([](Machine& machine) { machine.gigabytes_per_s = 0; });
}

}  // namespace
}  // namespace rankine::simulate
