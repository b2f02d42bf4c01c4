// The order of keys and what is needed to run tasks in it one by one, against brute force.
#include "runtime/plan/key_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/plan/footprint.h"
#include "runtime/plan/reserve.h"
#include "tests/support/random_program.h"
#include "tests/support/sanitized.h"

namespace rankine::plan {
namespace {

using graph::ChunkId;
using graph::TaskId;

struct Planned {
  Planned(std::shared_ptr<const graph::Graph> graph, int ranks, int first_worker)
      : topology(std::move(graph)),
        placement(topology, ranks, first_worker),
        keys(topology, placement) {
    for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
      for (std::int64_t i = 0; i < topology.task_count(layer); ++i) tasks.push_back({layer, i});
    }
  }
  int home(const TaskId& task) const { return placement.home(topology, task); }

  const graph::Topology topology;
  const Placement placement;
  const KeyOrder keys;
  std::vector<TaskId> tasks;
};

std::shared_ptr<graph::Graph> random_graph(testing::Random& random) {
  testing::RandomProgram program(random, static_cast<int>(random.between(1, 12)), 300);
  const auto numeric = optimize::plan_numbers(program.targets(random.one_in(2)));
  optimize::LowerOptions options;
  options.fuse = !random.one_in(3);
  for (const auto& node : optimize::shared_nodes(numeric)) {
    if (random.one_in(2)) options.held.insert(node.get());
  }
  return optimize::lower(numeric, options);
}

Planned random_plan(testing::Random& random) {
  const auto ranks = static_cast<int>(random.between(1, 6));
  return {random_graph(random), ranks, ranks > 1 && random.one_in(4) ? 1 : 0};
}

TEST(KeyOrder, ExtendsTheDependencies) {
  testing::Random random("KeyOrder.ExtendsTheDependencies");
  for (int round = 0; round < 400; ++round) {
    const Planned plan = random_plan(random);
    std::set<OrderKey> keys;
    for (const TaskId& task : plan.tasks) {
      const OrderKey key = plan.keys.key(task);
      ASSERT_TRUE(keys.insert(key).second) << "two tasks have one key, round " << round;
      plan.topology.for_each_input(task, [&](const ChunkId& input) {
        ASSERT_LT(plan.keys.key(input.task()), key) << "round " << round;
      });
    }
  }
}

TEST(KeyOrder, ListsTheTasksOfARankInOrder) {
  testing::Random random("KeyOrder.ListsTheTasksOfARankInOrder");
  for (int round = 0; round < 300; ++round) {
    const Planned plan = random_plan(random);
    std::size_t listed = 0;
    for (int rank = 0; rank < plan.placement.ranks(); ++rank) {
      for (std::uint32_t layer = 0; layer < plan.topology.layer_count(); ++layer) {
        std::vector<TaskId> tasks;
        if (std::holds_alternative<graph::Reduce>(plan.topology.graph().layers[layer].kind)) {
          for (const std::int64_t node : plan.keys.nodes(layer, rank))
            tasks.push_back({layer, node});
        } else {
          for (const Interval& piece : plan.keys.pieces(layer, rank)) {
            for (std::int64_t i = piece.lo; i < piece.hi; ++i) {
              tasks.push_back({layer, plan.placement.position_at(plan.topology, layer, i)});
            }
          }
        }
        for (std::size_t i = 0; i < tasks.size(); ++i) {
          ASSERT_EQ(plan.home(tasks[i]), rank) << "round " << round;
          if (i == 0) continue;
          ASSERT_LT(plan.keys.key(tasks[i - 1]), plan.keys.key(tasks[i])) << "round " << round;
        }
        listed += tasks.size();
      }
    }
    ASSERT_EQ(listed, plan.tasks.size()) << "each once, round " << round;
  }
}

// All tasks one after the other in the order of keys: chunks are made on their home, come to
// another rank when its first task that uses them is next, and go with their last use.
class OneByOne {
 public:
  explicit OneByOne(const Planned& plan) : plan_(plan), held_(plan.placement.ranks()) {
    for (const TaskId& task : plan.tasks) order_.emplace_back(plan.keys.key(task), task);
    std::sort(order_.begin(), order_.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }

  std::int64_t peak() {
    for (const auto& [key, task] : order_) run(task);
    return peak_;
  }

 private:
  struct Held {
    std::int64_t bytes;
    std::int64_t uses;
  };
  using Name = std::tuple<std::uint32_t, std::uint32_t, std::int64_t>;
  static Name name_of(const ChunkId& chunk) { return {chunk.layer, chunk.output, chunk.position}; }

  void run(const TaskId& task) {
    const int home = plan_.home(task);
    plan_.topology.for_each_input(task, [&](const ChunkId& chunk) { fetch(chunk, home); });
    std::int64_t now = admitted_bytes(plan_.topology, plan_.placement, task.layer);
    for (const auto& [name, held] : held_[home]) now += held.bytes;
    peak_ = std::max(peak_, now);
    for (std::uint32_t i = 0; i < plan_.topology.output_count(task.layer); ++i) {
      if (plan_.topology.leaves_chunk(task.layer, i)) leave({task.layer, i, task.position}, home);
    }
    plan_.topology.for_each_input(task, [&](const ChunkId& chunk) { release(chunk, home); });
  }

  std::int64_t uses_on(const ChunkId& chunk, int rank) const {
    std::int64_t uses = 0;
    plan_.topology.for_each_consumer(chunk, [&](TaskId task) { uses += plan_.home(task) == rank; });
    return uses;
  }
  std::int64_t block(const ChunkId& chunk) const {
    return pool_block(plan_.topology.output_bytes(chunk));
  }

  void fetch(const ChunkId& chunk, int rank) {
    const int from = plan_.home(chunk.task());
    if (from == rank || held_[rank].contains(name_of(chunk))) return;
    held_[rank][name_of(chunk)] = {block(chunk), uses_on(chunk, rank)};
    release(chunk, from);
  }
  void leave(const ChunkId& chunk, int home) {
    std::set<int> ranks;
    plan_.topology.for_each_consumer(chunk, [&](TaskId task) { ranks.insert(plan_.home(task)); });
    ranks.erase(home);
    const std::int64_t uses = uses_on(chunk, home) + std::ssize(ranks);
    if (uses > 0) held_[home][name_of(chunk)] = {block(chunk), uses};
  }
  void release(const ChunkId& chunk, int rank) {
    const auto found = held_[rank].find(name_of(chunk));
    if (--found->second.uses == 0) held_[rank].erase(found);
  }

  const Planned& plan_;
  std::vector<std::pair<OrderKey, TaskId>> order_;
  std::vector<std::map<Name, Held>> held_;  // by rank
  std::int64_t peak_ = 0;
};

TEST(Reserve, IsEnoughForTasksOneByOne) {
  testing::Random random("Reserve.IsEnoughForTasksOneByOne");
  for (int round = 0; round < testing::repeats(600); ++round) {
    const Planned plan = random_plan(random);
    const std::int64_t peak = OneByOne(plan).peak();
    ASSERT_LE(peak, reserve(plan.topology, plan.placement, plan.keys).bytes) << "round " << round;
  }
}

// Anomalies from the mean of each row of chunks: one row is held, not the array.
TEST(Reserve, IsThatOfASlabNotThatOfTheArray) {
  const auto here = expr::Location::current();
  const auto along = [&](std::int64_t length, Extents axes) {
    const auto ramp = expr::arange(Literal::of(0.0), Literal::of(1.0),
                                   AxisChunks::regular(length, 1000), DType::kFloat64, here);
    return expr::view(ramp, axes, {5000, 40000}, {}, here);
  };
  const auto x = expr::elementwise(kernels::Op::kAdd,
                                   {{along(5000, {0, -1}), {}}, {along(40000, {-1, 0}), {}}}, here);
  const auto mean = expr::reduce(x, kernels::ReduceOp::kMean, {1, 0}, true, false, 0, here);
  const auto anomaly = expr::elementwise(kernels::Op::kSubtract, {{x, {}}, {mean, {}}}, here);
  io::OutputVariable variable;
  variable.dtype = DType::kFloat64;
  variable.shape = anomaly->shape();
  optimize::LowerOptions options;
  options.held.insert(x.get());
  const auto graph = optimize::lower(optimize::plan_numbers({{anomaly, variable}}), options);
  const std::int64_t chunk = pool_block(8'000'000);
  for (const int ranks : {1, 4}) {
    const Planned plan(graph, ranks, 0);
    const Reserve needed = reserve(plan.topology, plan.placement, plan.keys);
    EXPECT_LE(needed.bytes - needed.task_bytes, 6 * chunk) << ranks << " ranks";
    EXPECT_GE(footprint(plan.topology, plan.placement, 1).held_bytes, 200 / ranks * chunk);
  }
}

}  // namespace
}  // namespace rankine::plan
