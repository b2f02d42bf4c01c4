// Shards of a graph against what they are for: every part is of one of them, together they leave
// little to do, and none does much more than its part.
#include "runtime/plan/shard_tasks.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/plan/outstanding.h"
#include "tests/support/random_program.h"
#include "tests/support/small_graphs.h"

namespace rankine::plan {
namespace {

using graph::ChunkId;
using graph::TaskId;
using What = Outstanding::What;

// What logs hold, of runs that did all they were to.
struct Logs {
  std::set<std::pair<std::uint32_t, std::int64_t>> stored;
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::int64_t>> states;

  Outstanding left_of(const graph::Topology& topology, const ShardTasks* shard) const {
    return Outstanding(
        topology,
        [&](std::uint32_t v, std::int64_t chunk) {
          return stored.contains({v, chunk});
        },
        [&](const ChunkId& chunk) {
          return states.contains({chunk.layer, chunk.output, chunk.position});
        },
        shard);
  }
};

template <class Visit>
void for_each_task(const graph::Topology& topology, Visit visit) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) visit(TaskId{layer, i});
  }
}

template <class Visit>
void for_each_store(const graph::Topology& topology, const TaskId& task, Visit visit) {
  const auto* map = std::get_if<graph::Map>(&topology.graph().layers[task.layer].kind);
  if (map == nullptr) return;
  for (const graph::Head& head : map->heads) {
    const auto* store = std::get_if<graph::Store>(&head);
    if (store != nullptr) visit(store->logged.variable, logged_chunk(topology, task, *store));
  }
}

// A shard runs its tasks, beginning with what `before` has; the number of those it runs.
std::int64_t run(const graph::Topology& topology, const io::Shard& number, const Logs& before,
                 Logs& after) {
  const ShardTasks shard(topology, number);
  const Outstanding outstanding = before.left_of(topology, &shard);
  std::int64_t count = 0;
  for_each_task(topology, [&](const TaskId& task) {
    if (outstanding.of(task) != What::kRun) return;
    ++count;
    for_each_store(topology, task, [&](std::uint32_t variable, std::int64_t chunk) {
      after.stored.emplace(variable, chunk);
    });
    if (!shard.logs(topology, task)) return;
    for (std::uint32_t output = 0; output < topology.output_count(task.layer); ++output) {
      if (topology.leaves_chunk(task.layer, output)) {
        after.states.emplace(task.layer, output, task.position);
      }
    }
  });
  return count;
}

std::int64_t left_to_do(const graph::Topology& topology, const Logs& logs) {
  const Outstanding outstanding = logs.left_of(topology, nullptr);
  std::int64_t count = 0;
  for_each_task(topology, [&](const TaskId& task) { count += outstanding.of(task) == What::kRun; });
  return count;
}

TEST(ShardTasks, EveryPartIsOfOneShard) {
  testing::Random random("ShardTasks.EveryPartIsOfOneShard");
  std::int64_t stores = 0, states = 0;
  for (int round = 0; round < 200; ++round) {
    testing::RandomProgram program(random, static_cast<int>(random.between(1, 12)), 300);
    const auto numeric = optimize::plan_numbers(program.targets(!random.one_in(4)));
    const graph::Topology topology(optimize::lower(numeric, {}));
    const auto count = static_cast<std::int32_t>(random.between(1, 6));
    std::vector<ShardTasks> shards;
    for (std::int32_t i = 1; i <= count; ++i) shards.emplace_back(topology, io::Shard{i, count});
    for_each_task(topology, [&](const TaskId& task) {
      int storing = 0, logging = 0;
      for (const ShardTasks& shard : shards) {
        storing += shard.stores(topology, task);
        logging += shard.logs(topology, task);
      }
      ASSERT_LE(storing, 1) << "round " << round;
      ASSERT_LE(logging, 1) << "round " << round;
      stores += storing;
      states += logging;
    });
  }
  EXPECT_GT(stores, 300);
  EXPECT_GT(states, 30);
}

// Whatever the order, and if one of them had to begin again.
TEST(ShardTasks, LeaveNothingTwiceAndWhoTakesOverFindsItAll) {
  testing::Random random("ShardTasks.LeaveNothingTwiceAndWhoTakesOverFindsItAll");
  int with_states = 0;
  for (int round = 0; round < 200; ++round) {
    testing::RandomProgram program(random, static_cast<int>(random.between(1, 12)), 300);
    const auto numeric = optimize::plan_numbers(program.targets(true));
    const graph::Topology topology(optimize::lower(numeric, {}));
    const auto count = static_cast<std::int32_t>(random.between(1, 6));
    Logs all;
    for (std::int32_t i = 1; i <= count; ++i) {
      run(topology, {i, count}, {}, all);
      // A shard that was finished has nothing to do.
      Logs again;
      ASSERT_EQ(run(topology, {i, count}, all, again), 0) << "round " << round;
    }
    with_states += all.states.empty() ? 0 : 1;
    // A store is there, or made from states that are.
    const Outstanding left = all.left_of(topology, nullptr);
    for_each_task(topology, [&](const TaskId& task) {
      if (left.of(task) != What::kRun) return;
      for (std::int32_t i = 1; i <= count; ++i) {
        const ShardTasks shard(topology, {i, count});
        ASSERT_FALSE(shard.logs(topology, task)) << "round " << round << ", layer " << task.layer;
        if (!shard.stores(topology, task)) continue;
        // What it stores is there; something else of it is needed once more.
        for_each_store(topology, task, [&](std::uint32_t variable, std::int64_t chunk) {
          EXPECT_TRUE(all.stored.contains({variable, chunk})) << "round " << round;
        });
      }
    });
  }
  EXPECT_GT(with_states, 10);
}

TEST(ShardTasks, AMeanInOneChunkIsCutAlongItsInput) {
  const auto x = testing::ramp(4096, 16);
  const graph::Topology topology(testing::graph_of({{testing::mean_of(x), std::nullopt}}));
  std::int64_t tasks = 0;
  for_each_task(topology, [&](const TaskId&) { ++tasks; });
  for (const std::int32_t count : {1, 3, 4, 32}) {
    Logs all;
    for (std::int32_t i = 1; i <= count; ++i) {
      const std::int64_t done = run(topology, {i, count}, {}, all);
      EXPECT_GT(done, 0);
      EXPECT_LE(done, 2 * tasks / count + 8) << count;
    }
    EXPECT_LE(std::ssize(all.states), 2 * 8 * count) << count;
    EXPECT_LE(left_to_do(topology, all), 2 * 2 * 8 * count) << count;
  }
}

// More shards than there is work: some do nothing, and nothing is lost.
TEST(ShardTasks, MayHaveNothingToDo) {
  const auto x = testing::ramp(4);
  const graph::Topology topology(testing::graph_of({{testing::mean_of(x), std::nullopt}}));
  Logs all;
  int idle = 0;
  for (std::int32_t i = 1; i <= 9; ++i) idle += run(topology, {i, 9}, {}, all) == 0;
  EXPECT_EQ(idle, 5);
  EXPECT_EQ(std::ssize(all.states), 4);
}

}  // namespace
}  // namespace rankine::plan
