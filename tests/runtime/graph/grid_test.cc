// Grids of users' tasks: edges from both ends against plain enumeration, the order that inputs of
// the same grid leave, what damaged bytes may say, the way over the wire.
#include "runtime/graph/grid.h"

#include <gtest/gtest.h>

#include <map>

#include "runtime/base/archive.h"
#include "runtime/graph/topology.h"
#include "tests/support/random_grid.h"

namespace rankine::graph {
namespace {

using rankine::testing::Random;
using rankine::testing::RandomGrids;
using Edges = std::map<std::tuple<std::uint32_t, std::int64_t, std::uint32_t, std::int64_t>, int>;

template <class Visit>
void for_each_task(const Topology& topology, const Visit& visit) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) visit(TaskId{layer, i});
  }
}

Edges by_inputs(const Topology& topology) {
  Edges edges;
  for_each_task(topology, [&](TaskId task) {
    std::int64_t count = 0;
    topology.for_each_input(task, [&](const ChunkId& chunk) {
      ++count;
      ++edges[{chunk.layer, chunk.position, task.layer, task.position}];
    });
    EXPECT_EQ(count, topology.count_inputs(task));
  });
  return edges;
}
Edges by_consumers(const Topology& topology) {
  Edges edges;
  for_each_task(topology, [&](TaskId task) {
    topology.for_each_consumer({task.layer, 0, task.position}, [&](TaskId consumer) {
      ++edges[{task.layer, task.position, consumer.layer, consumer.position}];
    });
  });
  return edges;
}

// The definition, with long division and nothing clever.
std::int64_t line(const GridLine& line, std::int64_t i) {
  std::int64_t x = line.a * i + line.b, q = 0;
  for (; x < 0; x += line.c) --q;
  return q + x / line.c;
}
Edges by_definition(const Topology& topology) {
  Edges edges;
  for_each_task(topology, [&](TaskId task) {
    const GridEdges* grid = topology.grid_edges(task.layer);
    if (grid == nullptr) {
      const auto& collect = std::get<GridCollect>(topology.graph().layers[task.layer].kind);
      ++edges[{collect.layer, topology.collected_position(task), task.layer, task.position}];
      return;
    }
    const Extents at = coordinate_of(task.position, topology.counts(task.layer));
    for (const GridInput& input : grid->grid().inputs) {
      const Extents& produced = topology.counts(input.layer);
      for (const GridEdge& edge : input.edges) {
        bool has = true;
        for (std::size_t k = 0; k < at.size(); ++k) {
          has = has && at[k] >= edge.domain.lo[k] && at[k] < edge.domain.hi[k];
        }
        for (std::int64_t i = 0; has && i < volume(produced); ++i) {
          const Extents from = coordinate_of(i, produced);
          bool needed = true;
          for (std::size_t k = 0; k < from.size(); ++k) {
            const GridAxis& axis = edge.axes[k];
            needed = needed && from[k] >= line(axis.lo, at[axis.axis]) &&
                     from[k] <= line(axis.hi, at[axis.axis]);
          }
          if (needed) ++edges[{input.layer, i, task.layer, task.position}];
        }
      }
    }
  });
  return edges;
}

TEST(Grid, InputsAndConsumersAreWhatTheDefinitionSays) {
  Random random("Grid.InputsAndConsumersAreWhatTheDefinitionSays");
  std::size_t edges = 0;
  for (int round = 0; round < 400; ++round) {
    const RandomGrids grids(random, static_cast<std::uint32_t>(random.between(1, 4)), 6);
    const Topology topology(grids.graph());
    const Edges expected = by_definition(topology);
    ASSERT_EQ(by_inputs(topology), expected) << "round " << round;
    ASSERT_EQ(by_consumers(topology), expected) << "round " << round;
    edges += expected.size();

    const auto copy = std::make_shared<Graph>(from_bytes<Graph>(to_bytes(*grids.graph())));
    ASSERT_EQ(by_inputs(Topology(copy)), expected) << "round " << round;
    ASSERT_EQ(to_bytes(*copy), to_bytes(*grids.graph()));
  }
  std::printf("%zu edges\n", edges);
}

TEST(Grid, TasksInTheOrderOfAGridNeedEarlierOnesOnly) {
  Random random("Grid.TasksInTheOrderOfAGridNeedEarlierOnesOnly");
  for (int round = 0; round < 200; ++round) {
    const RandomGrids grids(random, 2, 6);
    const Topology topology(grids.graph());
    for_each_task(topology, [&](TaskId task) {
      const GridEdges* grid = topology.grid_edges(task.layer);
      if (grid == nullptr) return;
      const auto key = [&](std::int64_t position) {
        const Extents at = coordinate_of(position, topology.counts(task.layer));
        std::vector<std::int64_t> ordered;
        for (const std::int64_t axis : grid->order()) ordered.push_back(at[axis]);
        return ordered;
      };
      const Extents at = coordinate_of(task.position, topology.counts(task.layer));
      bool fed = false;
      topology.for_each_input(task, [&](const ChunkId& chunk) {
        fed = true;
        if (chunk.layer == task.layer) {
          ASSERT_LT(key(chunk.position), key(task.position));
        }
      });
      const std::int64_t time = grid->time_axis() < 0 ? 0 : at[grid->time_axis()];
      if (time >= grid->fed_from()) {
        ASSERT_TRUE(fed) << "task " << to_string(at);
      }
      if (topology.is_source(task.layer)) {
        ASSERT_FALSE(fed);
      }
    });
  }
}

GridEdge back_by(std::initializer_list<std::int64_t> steps, const Extents& counts) {
  GridEdge edge{Box::whole(counts), {}};
  std::int32_t axis = 0;
  for (const std::int64_t step : steps) {
    edge.axes.push_back({axis++, {1, step, 1}, {1, step, 1}});
  }
  return edge;
}

Grid grid_of(const Extents& counts, const std::vector<GridEdge>& edges) {
  Grid grid;
  grid.counts = counts;
  grid.inputs.push_back({0, edges, std::nullopt});
  return grid;
}

TEST(Grid, AnOrderIsFoundIfThereIsOne) {
  const Extents counts{4, 4};
  const auto order = [&](const std::vector<GridEdge>& edges) {
    return grid_of(counts, edges).order_of(0);
  };
  EXPECT_EQ(order({}), Extents{});
  EXPECT_EQ(order({back_by({-1, 1}, counts), back_by({-1, -1}, counts)}), Extents{0});
  EXPECT_EQ(order({back_by({1, -1}, counts), back_by({0, -2}, counts)}), Extents{1});
  EXPECT_EQ(order({back_by({-1, 0}, counts), back_by({0, -1}, counts)}), (Extents{0, 1}));
  EXPECT_EQ(order({back_by({-1, 2}, counts), back_by({0, -1}, counts)}), (Extents{0, 1}));
  EXPECT_THROW(order({back_by({-1, 1}, counts), back_by({1, -1}, counts)}), Error);
  EXPECT_THROW(order({back_by({0, 0}, counts)}), Error);
  GridEdge nowhere = back_by({1, 1}, counts);
  nowhere.domain.hi[0] = 0;
  EXPECT_EQ(order({nowhere}), Extents{}) << "an edge that no task has hinders nobody";
  // i / 2 goes back from 1 on, not from 0 on.
  GridEdge half = back_by({0, 0}, counts);
  half.axes[0].lo = half.axes[0].hi = {1, 0, 2};
  EXPECT_THROW(order({half}), Error);
  half.domain.lo[0] = 1;
  EXPECT_EQ(order({half}), Extents{0});
}

TEST(Grid, DamagedDescriptionsAreErrors) {
  const auto install = [](const Grid& grid) {
    auto graph = std::make_shared<Graph>();
    graph->layers.push_back({"grid", "", grid});
    return Topology(graph).task_count();
  };
  const Extents counts{4, 4};
  const Grid good = grid_of(counts, {back_by({-1, 0}, counts)});
  EXPECT_EQ(install(good), 16);
  const auto refuses = [&](const auto& damage) {
    Grid bad = good;
    damage(bad);
    EXPECT_THROW(install(bad), Error);
  };
  refuses([](Grid& grid) { grid.counts = {}; });
  refuses([](Grid& grid) { grid.counts[0] = -1; });
  refuses([](Grid& grid) { grid.counts[0] = INT64_MAX; });
  refuses([](Grid& grid) { grid.counts = {4}; });
  refuses([](Grid& grid) { grid.item_bytes = -1; });
  refuses([](Grid& grid) { grid.inputs[0].layer = 7; });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].axes.pop_back(); });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].domain.lo[0] = -1; });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].domain.hi[1] = 5; });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].axes[1].axis = 2; });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].axes[1].axis = -1; });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].axes[1].lo.c = 0; });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].axes[1].lo.a = INT64_MIN; });
  refuses([](Grid& grid) { grid.inputs[0].edges[0].axes[1].hi.b = INT64_MAX; });
  refuses([](Grid& grid) { grid.inputs[0].code.emplace(); });

  const auto collect = [&](const GridCollect& what, std::int64_t bytes) {
    auto graph = std::make_shared<Graph>();
    graph->layers.push_back({"grid", "", good});
    graph->layers.push_back({"collect", "", what});
    graph->results.push_back({DType::kUInt8, {bytes}});
    return Topology(graph).task_count(1);
  };
  EXPECT_EQ(collect({0, {{1, 1}, {2, 2}}, 0, 0}, 0), 1);
  EXPECT_THROW(collect({0, {{1, 1}, {2, 3}}, 0, 0}, 0), Error) << "two results";
  EXPECT_THROW(collect({0, {{1, 1}, {2, 5}}, 0, 0}, 0), Error);
  EXPECT_THROW(collect({0, {{1}, {2}}, 0, 0}, 0), Error);
  EXPECT_THROW(collect({1, {{1, 1}, {2, 2}}, 0, 0}, 0), Error);
  EXPECT_THROW(collect({0, {{1, 1}, {2, 2}}, 0, 8}, 8), Error) << "another length than the grid's";
}

TEST(Grid, StepsFromWhichOnAllTasksHaveInputsAreFoundInClosedForm) {
  const Extents counts{10, 6};
  const auto fed_from = [&](const std::vector<GridEdge>& edges) {
    auto graph = std::make_shared<Graph>();
    graph->layers.push_back({"grid", "", grid_of(counts, edges)});
    return Topology(graph).grid_edges(0)->fed_from();
  };
  EXPECT_EQ(fed_from({back_by({-1, 0}, counts)}), 1);
  EXPECT_EQ(fed_from({back_by({-3, 0}, counts)}), 3);
  EXPECT_EQ(fed_from({back_by({-3, 0}, counts), back_by({-2, 0}, counts)}), 2);
  EXPECT_EQ(fed_from({back_by({-1, 1}, counts)}), INT64_MAX) << "the last column has none";
  EXPECT_EQ(fed_from({back_by({-1, -1}, counts), back_by({-4, 0}, counts)}), 4);
  GridEdge stencil = back_by({-1, 1}, counts);
  stencil.axes[1].lo.b = -1;
  EXPECT_EQ(fed_from({stencil}), 1);
  stencil.domain.hi[0] = 9;
  EXPECT_EQ(fed_from({stencil}), INT64_MAX) << "the last step has none";
  EXPECT_EQ(fed_from({}), INT64_MAX);
}

// Tasks beyond any memory cost nothing to describe.
TEST(Grid, BillionsOfTasksAreInstalledAtOnce) {
  const Extents counts{std::int64_t{1} << 40, 1000};
  auto graph = std::make_shared<Graph>();
  graph->layers.push_back({"grid", "", grid_of(counts, {back_by({-1, 0}, counts)})});
  const Topology topology(graph);
  EXPECT_EQ(topology.task_count(0), 1000 * (std::int64_t{1} << 40));
  EXPECT_EQ(topology.grid_edges(0)->fed_from(), 1) << "only the first step starts by itself";
  EXPECT_EQ(topology.count_inputs({0, 5000}), 1);
  EXPECT_LT(to_bytes(*graph).size(), 300U);
}

}  // namespace
}  // namespace rankine::graph
