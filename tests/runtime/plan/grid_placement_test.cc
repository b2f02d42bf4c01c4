// Homes and orders of grids of users' tasks, and whole grids run through one board.
#include <gtest/gtest.h>

#include "runtime/plan/footprint.h"
#include "runtime/plan/placement.h"
#include "tests/support/board_run.h"
#include "tests/support/random_grid.h"

namespace rankine::plan {
namespace {

using namespace rankine::testing;
using graph::TaskId;
using graph::Topology;

void expect_partition(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  std::int64_t next = 0;
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    const Interval range = placement.range(topology, layer, rank);
    if (range.empty()) continue;
    ASSERT_EQ(range.lo, next) << "rank " << rank;
    next = range.hi;
    const Interval sources = placement.source_range(topology, layer, rank);
    ASSERT_EQ(sources.lo, range.lo);
    ASSERT_LE(sources.hi, range.hi);
    for (std::int64_t ordered = range.lo; ordered < range.hi; ++ordered) {
      const TaskId task{layer, placement.position_at(topology, layer, ordered)};
      ASSERT_EQ(placement.home(topology, task), rank);
      ASSERT_EQ(placement.ordered_of(topology, task), ordered);
      if (ordered >= sources.hi) {
        ASSERT_GT(topology.count_inputs(task), 0);
      }
    }
  }
  ASSERT_EQ(next, topology.task_count(layer));
}

// Along the axis of time a column has one home, and a rank takes its tasks step by step.
void expect_steps(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  const std::int32_t time = topology.grid_edges(layer)->time_axis();
  const Extents& counts = topology.counts(layer);
  for (std::int64_t position = 0; time >= 0 && position < topology.task_count(layer); ++position) {
    Extents at = coordinate_of(position, counts);
    const int home = placement.home(topology, {layer, position});
    const std::int64_t ordered = placement.ordered_of(topology, {layer, position});
    if (++at[time] == counts[time]) continue;
    const TaskId later{layer, position_of(at, counts)};
    ASSERT_EQ(placement.home(topology, later), home);
    ASSERT_GT(placement.ordered_of(topology, later), ordered);
  }
}

TEST(GridPlacement, RangesPartitionGridsAndDoNotCutTime) {
  Random random("GridPlacement.RangesPartitionGridsAndDoNotCutTime");
  for (int round = 0; round < 200; ++round) {
    const RandomGrids grids(random, 3, 6);
    const Topology topology(grids.graph());
    const int ranks = static_cast<int>(random.between(1, 9));
    const int first = ranks > 1 && random.one_in(3) ? 1 : 0;
    const Placement placement(topology, ranks, first);
    for (std::uint32_t layer = 0; layer < 3; ++layer) {
      ASSERT_NO_FATAL_FAILURE(expect_partition(topology, placement, layer)) << "round " << round;
      ASSERT_NO_FATAL_FAILURE(expect_steps(topology, placement, layer)) << "round " << round;
    }
    for (std::uint32_t layer = 3; layer < topology.layer_count(); ++layer) {
      EXPECT_EQ(placement.layer(layer).pinned, 0) << "results are collected on rank 0";
    }
    EXPECT_GE(footprint(topology, placement).total(1), 0);
  }
}

TEST(GridPlacement, ABoardRunsEveryTaskOnceAndKeepsNothing) {
  Random random("GridPlacement.ABoardRunsEveryTaskOnceAndKeepsNothing");
  for (int round = 0; round < 200; ++round) {
    const RandomGrids grids(random, 3, 6);
    const Topology topology(grids.graph());
    const Placement placement(topology, 1);
    BoardRun run(topology, placement);
    std::set<std::pair<std::uint32_t, std::int64_t>> ran;
    run.run(
        [&](const TaskId& task) { EXPECT_TRUE(ran.emplace(task.layer, task.position).second); });
    ASSERT_EQ(static_cast<std::int64_t>(ran.size()), topology.task_count()) << "round " << round;
    ASSERT_TRUE(run.board.empty()) << run.board.describe();
  }
}

// A stencil of a thousand steps never holds more than about two of them.
TEST(GridPlacement, AStencilHoldsTwoSteps) {
  graph::Grid grid;
  grid.counts = {1000, 8};
  grid.item_bytes = 100;
  graph::GridEdge edge{Box::whole(grid.counts),
                       {{0, {1, -1, 1}, {1, -1, 1}}, {1, {1, -1, 1}, {1, 1, 1}}}};
  grid.inputs.push_back({0, {edge}, std::nullopt});
  auto graph = std::make_shared<graph::Graph>();
  graph->layers.push_back({"grid", "", grid});
  const Topology topology(graph);
  const Placement placement(topology, 1);
  BoardRun run(topology, placement);
  std::int64_t step = 0;
  run.run([&](const TaskId& task) {
    EXPECT_GE(task.position / 8, step) << "steps follow each other";
    step = task.position / 8;
  });
  EXPECT_LE(run.most_held, 100 * 2 * 8);
  EXPECT_GE(footprint(topology, placement).held_bytes, run.most_held);
}

}  // namespace
}  // namespace rankine::plan
