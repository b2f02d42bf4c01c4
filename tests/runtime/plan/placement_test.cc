// Homes and orders of the tasks of random graphs, and how much memory is promised for them.
#include "runtime/plan/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "runtime/base/archive.h"
#include "runtime/plan/footprint.h"
#include "runtime/plan/rank_index.h"
#include "tests/support/board_run.h"
#include "tests/support/random_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_graphs.h"

namespace rankine::plan {
namespace {

using namespace rankine::testing;
using graph::TaskId;
using graph::Topology;

bool is_map(const Topology& topology, std::uint32_t layer) {
  return std::holds_alternative<graph::Map>(topology.graph().layers[layer].kind);
}

// The ranges of the ranks follow each other, from the first position to the last.
void expect_partition(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  std::int64_t next = 0;
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    const Interval range = placement.range(topology, layer, rank);
    if (range.empty()) continue;
    ASSERT_EQ(range.lo, next) << "rank " << rank;
    next = range.hi;
    for (std::int64_t ordered = range.lo; ordered < range.hi; ++ordered) {
      const TaskId task{layer, placement.position_at(topology, layer, ordered)};
      ASSERT_EQ(placement.home(topology, task), rank);
      ASSERT_EQ(placement.ordered_of(topology, task), ordered);
    }
  }
  ASSERT_EQ(next, topology.task_count(layer));
}

void expect_even(const Topology& topology, const Placement& placement, std::uint32_t layer,
                 int first_worker) {
  if (placement.layer(layer).pinned >= 0) return;
  const std::int64_t workers = placement.ranks() - first_worker;
  const std::int64_t least = topology.task_count(layer) / workers;
  for (int rank = first_worker; rank < placement.ranks(); ++rank) {
    const std::int64_t share = placement.range(topology, layer, rank).length();
    ASSERT_TRUE(share == least || share == least + 1) << share << " of about " << least;
  }
}

// The uses of a chunk on one rank are those of all that are at home there.
void expect_uses(const Topology& topology, const Placement& placement,
                 const graph::ChunkId& chunk) {
  using Use = std::tuple<std::uint32_t, std::int64_t, const Topology::LeafEdge*>;
  std::vector<std::vector<Use>> expected(static_cast<std::size_t>(placement.ranks()));
  topology.for_each_use(chunk, [&](TaskId task, const Topology::LeafEdge* edge) {
    expected[placement.home(topology, task)].push_back({task.layer, task.position, edge});
  });
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    std::vector<Use> found;
    placement.for_each_use_on(topology, chunk, rank,
                              [&](TaskId task, const Topology::LeafEdge* edge) {
                                found.push_back({task.layer, task.position, edge});
                              });
    std::sort(found.begin(), found.end());
    std::sort(expected[rank].begin(), expected[rank].end());
    ASSERT_EQ(found, expected[rank]) << "rank " << rank;
  }
}

TEST(Placement, FindsTheUsesOfAChunkOnARankAmongAll) {
  Random random("Placement.FindsTheUsesOfAChunkOnARankAmongAll");
  for (int round = 0; round < 150; ++round) {
    RandomProgram program(random, static_cast<int>(random.between(1, 12)), 200);
    optimize::LowerOptions options;
    options.fuse = !random.one_in(3);
    const Topology topology(
        optimize::lower(optimize::plan_numbers(program.targets(random.one_in(2))), options));
    const int ranks = static_cast<int>(random.between(1, 9));
    const Placement placement(topology, ranks, ranks > 1 && random.one_in(3) ? 1 : 0);
    for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
      for (std::uint32_t output = 0; output < topology.output_count(layer); ++output) {
        if (!topology.leaves_chunk(layer, output)) continue;
        for (std::int64_t i = 0; i < topology.task_count(layer); ++i) {
          ASSERT_NO_FATAL_FAILURE(expect_uses(topology, placement, {layer, output, i}));
        }
      }
    }
  }
}

TEST(RankIndex, NumbersRanksInTheOrderInWhichTheyAreSeen) {
  Random random("RankIndex.NumbersRanksInTheOrderInWhichTheyAreSeen");
  for (const std::int64_t most : {0, 3, 15, 16, 17, 500}) {
    RankIndex index;
    std::vector<int> seen;
    for (int i = 0; i < 1000; ++i) {
      const int rank = static_cast<int>(random.between(0, most));
      const auto known = std::find(seen.begin(), seen.end(), rank);
      const auto [number, fresh] = index.add(rank);
      ASSERT_EQ(fresh, known == seen.end());
      ASSERT_EQ(number, static_cast<std::size_t>(known - seen.begin()));
      if (fresh) seen.push_back(rank);
    }
    EXPECT_EQ(index.take(), seen);
  }
}

void expect_homes(const Topology& topology, const Placement& placement, int first_worker) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    if (is_map(topology, layer)) {
      ASSERT_NO_FATAL_FAILURE(expect_partition(topology, placement, layer));
      ASSERT_NO_FATAL_FAILURE(expect_even(topology, placement, layer, first_worker));
    }
    for (std::int64_t i = 0; i < topology.task_count(layer); ++i) {
      const TaskId task{layer, i};
      const int home = placement.home(topology, task);
      ASSERT_LT(home, placement.ranks());
      ASSERT_GE(home, 0);
      topology.for_each_input(task, [&](const graph::ChunkId& chunk) {
        if (chunk.layer != layer) {
          EXPECT_LT(placement.depth(chunk.layer), placement.depth(layer));
        }
      });
      if (is_map(topology, layer) && placement.layer(layer).pinned < 0) {
        ASSERT_GE(home, first_worker) << "rank 0 only schedules";
      }
    }
  }
}

TEST(Placement, RangesPartitionEveryLayerForAnyNumberOfRanks) {
  Random random("Placement.RangesPartitionEveryLayerForAnyNumberOfRanks");
  for (int round = 0; round < 150; ++round) {
    RandomProgram program(random, static_cast<int>(random.between(1, 12)), 200);
    optimize::LowerOptions options;
    options.fuse = !random.one_in(3);
    const Topology topology(
        optimize::lower(optimize::plan_numbers(program.targets(random.one_in(2))), options));
    for (int ranks = 1; ranks <= 7; ++ranks) {
      for (int first_worker = 0; first_worker < std::min(2, ranks); ++first_worker) {
        const Placement placement(topology, ranks, first_worker);
        ASSERT_NO_FATAL_FAILURE(expect_homes(topology, placement, first_worker))
            << "round " << round << ", " << ranks << " ranks";
        const auto copy = from_bytes<Placement>(to_bytes(placement));
        ASSERT_NO_FATAL_FAILURE(expect_homes(topology, copy, first_worker));
        ASSERT_EQ(to_bytes(copy), to_bytes(placement));
      }
    }
  }
}

TEST(Placement, MoreRanksThanTasksLeaveSomeWithoutWork) {
  const Topology topology(chain_graph(3, 2));
  const Placement placement(topology, 7);
  std::int64_t busy = 0;
  for (int rank = 0; rank < 7; ++rank) {
    const std::int64_t share = placement.range(topology, 0, rank).length();
    EXPECT_LE(share, 1);
    busy += share;
  }
  EXPECT_EQ(busy, 3);
}

TEST(Placement, FetchedLayersArePinnedToRankZeroEvenIfItOnlySchedules) {
  const Topology topology(tree_graph(8));
  for (int first_worker : {0, 1}) {
    const Placement placement(topology, 3, first_worker);
    const auto fetch = static_cast<std::uint32_t>(topology.layer_count() - 1);
    EXPECT_EQ(placement.layer(fetch).pinned, 0);
    EXPECT_EQ(placement.range(topology, fetch, 0), (Interval{0, 1}));
    EXPECT_TRUE(placement.range(topology, fetch, 1).empty());
    EXPECT_EQ(placement.range(topology, 0, 0).empty(), first_worker == 1);
  }
}

TEST(Placement, AxesThatAReductionCollectsGoInside) {
  const auto row = ramp(4);
  const auto grid = expr::view(row, {-1, 0}, {9, 8}, {}, expr::Location::current());
  const auto cut =
      expr::rechunk(grid, ChunkGrid::regular({9, 8}, {3, 2}), expr::Location::current());
  const auto mean = expr::reduce(cut, kernels::ReduceOp::kMean, {1, 0}, false, false, 0,
                                 expr::Location::current());
  const Topology topology(graph_of({stored(mean)}));
  const Placement placement(topology, 2);
  EXPECT_EQ(placement.layer(0).order, (Extents{1, 0})) << "axis 0 is reduced, so it goes inside";
  // All partial states of one column lie on one rank.
  for (std::int64_t column = 0; column < 4; ++column) {
    for (std::int64_t i = 1; i < 3; ++i) {
      EXPECT_EQ(placement.home(topology, {0, i * 4 + column}),
                placement.home(topology, {0, column}));
    }
  }
}

TEST(Footprint, IsAtLeastWhatOneRankHoldsWhenItRunsEverything) {
  Random random("Footprint.IsAtLeastWhatOneRankHoldsWhenItRunsEverything");
  for (int round = 0; round < testing::repeats(400); ++round) {
    RandomProgram program(random, static_cast<int>(random.between(1, 14)), 400);
    optimize::LowerOptions options;
    options.fuse = !random.one_in(4);
    const auto plan = optimize::plan_numbers(program.targets(random.one_in(2)));
    if (options.fuse && random.one_in(2)) {
      for (const auto& node : optimize::shared_nodes(plan)) options.held.insert(node.get());
    }
    const Topology topology(optimize::lower(plan, options));
    const Placement placement(topology, 1);
    const Footprint promised = footprint(topology, placement);
    BoardRun run(topology, placement);
    run.run(
        [&](const TaskId&) { ASSERT_LE(run.held(), promised.held_bytes) << "round " << round; });
    ASSERT_LE(run.most_held, promised.held_bytes + promised.task_bytes) << "round " << round;
  }
}

}  // namespace
}  // namespace rankine::plan
