// The edges of graphs lowered from random expressions, task by task: what is computed in closed
// form from both ends must be one and the same set of edges.
#include "runtime/graph/topology.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "runtime/base/archive.h"
#include "tests/support/random_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_graphs.h"

namespace rankine::graph {
namespace {

using rankine::testing::Random;
using rankine::testing::RandomProgram;

using Name = std::tuple<std::uint32_t, std::uint32_t, std::int64_t>;  // of a chunk
using TaskName = std::pair<std::uint32_t, std::int64_t>;
using Edges = std::map<std::pair<Name, TaskName>, int>;  // how often

Name name_of(const ChunkId& chunk) { return {chunk.layer, chunk.output, chunk.position}; }

std::uint32_t outputs_of(const Topology& topology, std::uint32_t layer) {
  const auto* map = std::get_if<Map>(&topology.graph().layers[layer].kind);
  return map == nullptr ? 1 : static_cast<std::uint32_t>(map->heads.size());
}

template <class Visit>
void for_each_task(const Topology& topology, const Visit& visit) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) visit(TaskId{layer, i});
  }
}

Edges edges_by_inputs(const Topology& topology) {
  Edges edges;
  for_each_task(topology, [&](TaskId task) {
    topology.for_each_input(task, [&](const ChunkId& chunk) {
      ++edges[{name_of(chunk), {task.layer, task.position}}];
    });
  });
  return edges;
}

Edges edges_by_consumers(const Topology& topology) {
  Edges edges;
  for_each_task(topology, [&](TaskId task) {
    for (std::uint32_t output = 0; output < outputs_of(topology, task.layer); ++output) {
      const ChunkId chunk{task.layer, output, task.position};
      topology.for_each_consumer(chunk, [&](TaskId consumer) {
        ++edges[{name_of(chunk), {consumer.layer, consumer.position}}];
      });
    }
  });
  return edges;
}

void expect_sound(const Topology& topology) {
  const Edges inputs = edges_by_inputs(topology);
  ASSERT_EQ(inputs, edges_by_consumers(topology));
  std::map<TaskName, std::int64_t> counts;
  for (const auto& [edge, times] : inputs) {
    counts[edge.second] += times;
    const auto& [layer, output, position] = edge.first;
    ASSERT_LT(layer, topology.layer_count());
    ASSERT_LT(output, outputs_of(topology, layer));
    ASSERT_GE(position, 0);
    ASSERT_LT(position, topology.task_count(layer)) << "nobody makes this chunk";
    ASSERT_TRUE(layer < edge.second.first ||
                (layer == edge.second.first && position < edge.second.second))
        << "a producer must come before its consumer";
    ASSERT_GT(topology.output_bytes({layer, output, position}), 0)
        << "a chunk without bytes is read";
    ASSERT_LE(topology.output_bytes({layer, output, position}),
              topology.largest_output_bytes({layer, output}));
  }
  std::int64_t tasks = 0;
  for_each_task(topology, [&](TaskId task) {
    ++tasks;
    const auto found = counts.find({task.layer, task.position});
    ASSERT_EQ(topology.count_inputs(task), found == counts.end() ? 0 : found->second);
    if (topology.is_source(task.layer)) {
      ASSERT_EQ(topology.count_inputs(task), 0);
    }
  });
  ASSERT_EQ(tasks, topology.task_count());
  std::int64_t sum = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    sum += topology.task_count(layer);
    ASSERT_EQ(topology.task_count(layer), volume(topology.counts(layer)));
  }
  ASSERT_EQ(sum, topology.task_count());
}

// Every chunk of every output grid that others can read is made by exactly the task that says so.
void expect_tasks_of_chunks(const Topology& topology) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::uint32_t output = 0; output < outputs_of(topology, layer); ++output) {
      const ChunkGrid& grid = topology.output_grid({layer, output});
      std::set<std::int64_t> makers;
      for (std::int64_t i = 0; i < grid.chunk_count(); ++i) {
        const std::int64_t task =
            topology.task_of({layer, output}, coordinate_of(i, grid.counts()));
        ASSERT_GE(task, 0);
        ASSERT_LT(task, topology.task_count(layer));
        ASSERT_TRUE(makers.insert(task).second) << "one task makes two chunks of one output";
      }
    }
  }
}

class RandomGraphs : public ::testing::TestWithParam<bool> {};

TEST_P(RandomGraphs, InputsAndConsumersAreEachOthersInverse) {
  Random random("RandomGraphs.InputsAndConsumersAreEachOthersInverse");
  std::int64_t tasks = 0;
  std::int64_t layers = 0;
  for (int round = 0; round < testing::repeats(300); ++round) {
    RandomProgram program(random, static_cast<int>(random.between(1, 14)), 300);
    optimize::LowerOptions options;
    options.fuse = GetParam();
    const auto plan = optimize::plan_numbers(program.targets(random.one_in(2)));
    if (options.fuse && random.one_in(2)) {
      for (const auto& node : optimize::shared_nodes(plan)) options.held.insert(node.get());
    }
    const auto graph = optimize::lower(plan, options);
    const Topology topology(graph);
    ASSERT_NO_FATAL_FAILURE(expect_sound(topology)) << "round " << round;
    ASSERT_NO_FATAL_FAILURE(expect_tasks_of_chunks(topology)) << "round " << round;
    tasks += topology.task_count();
    layers += static_cast<std::int64_t>(topology.layer_count());

    const auto copy = std::make_shared<Graph>(from_bytes<Graph>(to_bytes(*graph)));
    const Topology again(copy);
    ASSERT_EQ(edges_by_inputs(again), edges_by_inputs(topology)) << "round " << round;
    ASSERT_EQ(again.task_count(), topology.task_count());
    ASSERT_EQ(to_bytes(*copy), to_bytes(*graph));
  }
  std::printf("%lld layers, %lld tasks\n", static_cast<long long>(layers),
              static_cast<long long>(tasks));
}

INSTANTIATE_TEST_SUITE_P(FusedOrNot, RandomGraphs, ::testing::Bool());

// A tree of 20 leaves with fan-in 8: 3 + 1 nodes above it.
TEST(Topology, ATreeIsNumberedLevelByLevelWithTheRootLast) {
  const auto x = expr::arange(Literal::of(std::int64_t{0}), Literal::of(std::int64_t{1}),
                              AxisChunks::regular(60, 3), DType::kInt64, expr::Location::current());
  const auto sum = expr::reduce(x, kernels::ReduceOp::kSum, Extents{1}, false, false, 0,
                                expr::Location::current());
  const Topology topology(optimize::lower(optimize::plan_numbers({{sum, std::nullopt}}), {}));
  ASSERT_EQ(topology.layer_count(), 3U) << "partial sums, tree, fetch";
  EXPECT_EQ(topology.task_count(0), 20);
  ASSERT_EQ(topology.task_count(1), 4);
  EXPECT_EQ(topology.reduction(1).leaves, 20);
  EXPECT_EQ(topology.count_inputs({1, 0}), 8);
  EXPECT_EQ(topology.count_inputs({1, 2}), 4);
  EXPECT_EQ(topology.count_inputs({1, 3}), 3);
  std::vector<std::int64_t> leaves;
  topology.for_each_input({1, 1}, [&](const ChunkId& chunk) {
    EXPECT_EQ(chunk.layer, 0U);
    leaves.push_back(chunk.position);
  });
  EXPECT_EQ(leaves, (std::vector<std::int64_t>{8, 9, 10, 11, 12, 13, 14, 15}))
      << "left to right: the order fixes the bits";
  EXPECT_EQ(topology.middle_leaf({1, 0}), 4);
  EXPECT_EQ(topology.middle_leaf({1, 3}), 10);
}

TEST(Topology, AGraphThatReadsLaterLayersIsAnError) {
  const auto x = expr::arange(Literal::of(std::int64_t{0}), Literal::of(std::int64_t{1}),
                              AxisChunks::regular(4, 2), DType::kInt64, expr::Location::current());
  optimize::LowerOptions apart;
  apart.fuse = false;
  const auto graph = optimize::lower(optimize::plan_numbers({{x, std::nullopt}}), apart);
  ASSERT_EQ(graph->layers.size(), 2U);
  std::swap(graph->layers[0], graph->layers[1]);
  EXPECT_THROW(Topology{graph}, Error);
}

// Chunks of a thousand lengths in a program of twenty layers: their table travels once.
TEST(Topology, IrregularCutsTravelOnce) {
  Random random("Topology.IrregularCutsTravelOnce");
  const auto size_with = [&](int layers) {
    std::vector<std::int64_t> lengths(1000);
    for (std::int64_t& length : lengths) length = random.between(1, 100);
    const AxisChunks cut = AxisChunks::of(lengths);
    const auto here = expr::Location::current();
    expr::NodePtr x = expr::arange(Literal::of(0.0), Literal::of(1.0), cut, DType::kFloat64, here);
    std::vector<expr::NodePtr> held;
    for (int i = 0; i < layers; ++i) {
      held.push_back(x);
      x = expr::elementwise(kernels::Op::kSqrt, {{x, {}}}, here);
    }
    const auto graph = testing::graph_of({testing::stored(x)}, held);
    EXPECT_EQ(graph->layers.size(), static_cast<std::size_t>(layers + 1));
    const Bytes bytes = to_bytes(*graph);
    const auto copy = std::make_shared<Graph>(from_bytes<Graph>(bytes));
    EXPECT_EQ(edges_by_inputs(Topology(copy)), edges_by_inputs(Topology(graph)));
    EXPECT_EQ(to_bytes(*copy), bytes);
    return bytes.size();
  };
  const std::size_t one = size_with(1), twenty = size_with(20);
  EXPECT_GT(one, 2000u);
  EXPECT_LT(twenty, one + 20 * 150);
}

}  // namespace
}  // namespace rankine::graph
