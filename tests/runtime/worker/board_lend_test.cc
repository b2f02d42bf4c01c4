// A board that lends tasks: which ones, and that what a rank holds stays within the plan's bound
// however long they are away.
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/plan/footprint.h"
#include "runtime/plan/moves.h"
#include "tests/support/board_run.h"
#include "tests/support/random.h"
#include "tests/support/small_graphs.h"

namespace rankine::worker {
namespace {

using testing::BoardRun;
using testing::Random;

constexpr auto any = [](const TaskId&) { return true; };

TEST(BoardLend, GivesTheLastOfThoseWithoutInputsAndNoneWhileADeeperOneIsReady) {
  const graph::Topology topology(testing::chain_graph(4, 2));
  const plan::Placement placement(topology, 1);
  BoardRun run(topology, placement);
  EXPECT_EQ(run.board.queued(), 4);
  EXPECT_EQ(run.board.lend(any), (TaskId{0, 3}));
  EXPECT_EQ(run.board.next(), (TaskId{0, 0}));
  run.board.sanity_check();
  run.finish({0, 0});
  EXPECT_EQ(run.board.lend(any), (TaskId{1, 3})) << "it takes chunk 0, and is ready";
  EXPECT_EQ(run.board.lend([](const TaskId&) { return false; }), std::nullopt);
  run.board.bring_back({0, 3});
  run.board.sanity_check();
  EXPECT_EQ(run.board.next(), (TaskId{0, 3}));
  EXPECT_FALSE(run.board.all_certain_done());
  EXPECT_THROW(run.board.bring_back({0, 2}), std::logic_error);
}

TEST(BoardLend, WhatAThreadPutsBackIsReadyAgain) {
  const graph::Topology topology(testing::chain_graph(4, 2));
  const plan::Placement placement(topology, 1);
  BoardRun run(topology, placement);
  EXPECT_EQ(run.board.next(), (TaskId{0, 0}));
  EXPECT_EQ(run.board.next(), (TaskId{0, 1}));
  run.board.put_back({0, 1});
  run.board.sanity_check();
  EXPECT_THROW(run.board.put_back({0, 1}), std::logic_error);
  EXPECT_EQ(run.board.live_tasks(), 2);
  run.finish({0, 0});
  EXPECT_EQ(run.board.next(), (TaskId{1, 3})) << "the deepest first";
  EXPECT_EQ(run.board.next(), (TaskId{0, 1}));
  run.finish({1, 3});
  run.finish({0, 1});
  run.board.sanity_check();
}

TEST(BoardLend, StopsWithTheBoard) {
  const graph::Topology topology(testing::chain_graph(4, 2));
  const plan::Placement placement(topology, 1);
  BoardRun run(topology, placement);
  run.board.stop_admitting();
  EXPECT_EQ(run.board.lend(any), std::nullopt);
}

// One thread and as many tasks away as may be, which come back in any order.
void run_with_loans(Random& random, BoardRun& run, const graph::Topology& topology) {
  std::vector<TaskId> away;
  const auto most = static_cast<std::size_t>(plan::lent_tasks(1));
  std::optional<TaskId> running;
  while (true) {
    if (!running) running = run.board.next();
    if (away.size() < most && random.one_in(2)) {
      if (const auto lent = run.board.lend(any)) away.push_back(*lent);
    }
    if (!running && away.empty()) return;
    if (running && random.one_in(3)) {
      run.finish(*running);
      running.reset();
    } else if (!away.empty()) {
      const auto index =
          static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(away.size()) - 1));
      const TaskId task = away[index];
      away.erase(away.begin() + static_cast<std::ptrdiff_t>(index));
      for (std::uint32_t i = 0; i < topology.output_count(task.layer); ++i) {
        const graph::ChunkId chunk{task.layer, i, task.position};
        if (topology.leaves_chunk(task.layer, i)) {
          run.board.put(chunk, run.buffer(topology.output_bytes(chunk)), true);
        }
      }
      run.board.complete_away(task);
    }
    run.board.sanity_check();
  }
}

TEST(BoardLend, HoldsNoMoreThanThePlanSays) {
  Random random("BoardLend.HoldsNoMoreThanThePlanSays");
  const auto x = testing::ramp(300);
  const auto y = testing::recut(testing::ramp(300), 2);
  const std::vector<std::shared_ptr<graph::Graph>> graphs = {
      testing::tree_graph(300),
      testing::tree_graph(64),
      testing::graph_of({testing::stored(testing::minus(x, y))}, {x, y}),
      testing::diamond_graph(200, false),
  };
  for (const auto& graph : graphs) {
    const graph::Topology topology(graph);
    plan::Placement placement(topology, 1);
    placement.set_moves(true);
    const std::int64_t bound = plan::footprint(topology, placement, 1).held_bytes;
    for (int round = 0; round < 40; ++round) {
      BoardRun run(topology, placement);
      run_with_loans(random, run, topology);
      EXPECT_LE(run.most_held, bound);
      EXPECT_TRUE(run.board.all_certain_done());
      EXPECT_TRUE(run.board.empty());
      EXPECT_EQ(run.held(), 0);
    }
  }
}

}  // namespace
}  // namespace rankine::worker
