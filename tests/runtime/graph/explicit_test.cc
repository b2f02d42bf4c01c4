// Graphs of users' tasks: edges from both ends, what damaged bytes may name, the way over the wire.
#include "runtime/graph/explicit.h"

#include <gtest/gtest.h>

#include <map>

#include "runtime/base/archive.h"
#include "runtime/graph/topology.h"
#include "tests/support/random.h"
#include "tests/support/small_graphs.h"

namespace rankine::graph {
namespace {

using rankine::testing::Random;
using Edges = std::map<std::tuple<std::uint32_t, std::int64_t, std::uint32_t, std::int64_t>, int>;

// Random tasks on top of an array of `chunks` chunks, which some of them take whole.
std::shared_ptr<Graph> random_graph(Random& random, std::int64_t chunks) {
  auto graph = std::make_shared<Graph>();
  if (chunks > 0) {
    graph = testing::graph_of({{testing::ramp(chunks), std::nullopt, true}});
    EXPECT_EQ(graph->kept.size(), 1u);
  }
  Explicit tasks;
  tasks.functions.resize(3);
  for (const auto& [target, output] : graph->kept) tasks.arrays.push_back(output);
  tasks.constants = "seven!!";
  tasks.constant_begin = {0, 7, 7};
  const std::int64_t count = random.between(1, 60);
  for (std::int64_t task = 0; task < count; ++task) {
    for (std::int64_t i = random.between(0, 4); i > 0; --i) {
      const std::int64_t kind = random.between(0, 5);
      if (kind == 0 && chunks > 0) {
        tasks.arguments.push_back(Argument(Argument::Kind::kArray, 0).code());
      } else if (kind == 1 || task == 0) {
        const auto index = static_cast<std::size_t>(random.between(0, 1));
        tasks.arguments.push_back(Argument(Argument::Kind::kConstant, index).code());
      } else {
        const auto earlier = static_cast<std::size_t>(random.between(0, task - 1));
        tasks.arguments.push_back(Argument(Argument::Kind::kTask, earlier).code());
      }
    }
    tasks.argument_begin.push_back(static_cast<std::uint32_t>(tasks.arguments.size()));
    tasks.function_of.push_back(static_cast<std::uint32_t>(random.between(0, 2)));
  }
  const auto layer = static_cast<std::uint32_t>(graph->layers.size());
  Collect collect{layer, {}, 0};
  for (std::int64_t i = random.between(1, 5); i > 0; --i) {
    collect.tasks.push_back(static_cast<std::uint32_t>(random.between(0, count - 1)));
  }
  graph->layers.push_back({"tasks", "", std::move(tasks)});
  graph->layers.push_back({"collect", "", std::move(collect)});
  return graph;
}

Edges by_inputs(const Topology& topology) {
  Edges edges;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) {
      std::int64_t inputs = 0;
      topology.for_each_input({layer, i}, [&](const ChunkId& chunk) {
        ++edges[{chunk.layer, chunk.position, layer, i}];
        ++inputs;
      });
      EXPECT_EQ(topology.count_inputs({layer, i}), inputs);
    }
  }
  return edges;
}

Edges by_consumers(const Topology& topology) {
  Edges edges;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) {
      topology.for_each_consumer({layer, 0, i}, [&](TaskId task) {
        ++edges[{layer, i, task.layer, task.position}];
      });
    }
  }
  return edges;
}

TEST(Explicit, InputsAndConsumersAreEachOthersInverse) {
  Random random("Explicit.InputsAndConsumersAreEachOthersInverse");
  for (int round = 0; round < 300; ++round) {
    const auto graph = random_graph(random, random.between(0, 4));
    const Topology topology(graph);
    ASSERT_EQ(by_inputs(topology), by_consumers(topology)) << "round " << round;
    const auto copy = std::make_shared<Graph>(from_bytes<Graph>(to_bytes(*graph)));
    ASSERT_EQ(by_inputs(Topology(copy)), by_inputs(topology)) << "round " << round;
    ASSERT_EQ(to_bytes(*copy), to_bytes(*graph));
  }
}

TEST(Explicit, TakesFewBytesForATask) {
  std::vector<std::vector<std::uint32_t>> takes(10'000);
  const std::size_t none = to_bytes(testing::named_tasks(takes)).size();
  EXPECT_LT(none, 10'000 * 8 + 200);
  for (std::uint32_t task = 2; task < takes.size(); ++task) takes[task] = {task - 1, task - 2};
  EXPECT_LT(to_bytes(testing::named_tasks(takes)).size(), 10'000 * 16 + 200);
}

TEST(Explicit, RefusesWhatNamesNothing) {
  const Explicit good = testing::named_tasks({{}, {0}, {1, 0}});
  good.check(0);
  const auto refuses = [&](const auto& damage) {
    Explicit bad = good;
    damage(bad);
    EXPECT_THROW(bad.check(0), Error);
  };
  refuses([](Explicit& tasks) { tasks.arguments[0] = 1; });  // itself
  refuses([](Explicit& tasks) { tasks.arguments[2] = 7; });
  refuses([](Explicit& tasks) { tasks.arguments[0] = 1u << 30; });  // a constant
  refuses([](Explicit& tasks) { tasks.arguments[0] = 2u << 30; });  // an array
  refuses([](Explicit& tasks) { tasks.arguments[0] = 3u << 30; });
  refuses([](Explicit& tasks) { tasks.function_of[1] = 1; });
  refuses([](Explicit& tasks) { tasks.function_of.pop_back(); });
  refuses([](Explicit& tasks) { tasks.argument_begin[1] = 2; });
  refuses([](Explicit& tasks) { tasks.argument_begin.back() = 9; });
  refuses([](Explicit& tasks) { tasks.argument_begin.clear(); });
  refuses([](Explicit& tasks) { tasks.constant_begin = {0, 5}; });
  refuses([](Explicit& tasks) { tasks.constant_begin.clear(); });
  refuses([](Explicit& tasks) { tasks.arrays.push_back({0, 0}); });
}

}  // namespace
}  // namespace rankine::graph
