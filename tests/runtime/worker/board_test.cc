// One board by itself: whole random graphs task by task, the order of tasks, and misuse.
#include "runtime/worker/board.h"

#include <gtest/gtest.h>

#include "tests/support/board_run.h"
#include "tests/support/random_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_graphs.h"

namespace rankine::worker {
namespace {

using namespace rankine::testing;
using graph::Topology;

TEST(Board, RunsEveryTaskOfARandomGraphOnceWithItsInputs) {
  Random random("Board.RunsEveryTaskOfARandomGraphOnceWithItsInputs");
  for (int round = 0; round < repeats(300); ++round) {
    RandomProgram program(random, static_cast<int>(random.between(1, 14)), 300);
    optimize::LowerOptions options;
    options.fuse = !random.one_in(3);
    const Topology topology(
        optimize::lower(optimize::plan_numbers(program.targets(random.one_in(2))), options));
    const plan::Placement placement(topology, 1);
    BoardRun run(topology, placement);
    std::set<std::pair<std::uint32_t, std::int64_t>> ran;
    EXPECT_EQ(run.board.empty(), topology.task_count() == 0);
    run.run([&](const graph::TaskId& task) {
      ASSERT_TRUE(ran.emplace(task.layer, task.position).second) << "a task runs twice";
      ASSERT_FALSE(run.board.empty()) << "a task is running";
    });
    ASSERT_EQ(static_cast<std::int64_t>(ran.size()), topology.task_count()) << run.board.describe();
    EXPECT_EQ(run.board.tasks_run(), topology.task_count());
    EXPECT_TRUE(run.board.idle());
    EXPECT_TRUE(run.board.empty()) << run.board.describe();
    EXPECT_EQ(run.held(), 0) << "a chunk was kept though nobody needs it any more";
  }
}

TEST(Board, TakesTheDeepestReadyTaskSoThatFewChunksWait) {
  const Topology topology(tree_graph(24));
  const plan::Placement placement(topology, 1);
  BoardRun run(topology, placement);
  std::vector<std::pair<std::uint32_t, std::int64_t>> order;
  run.run([&](const graph::TaskId& task) { order.emplace_back(task.layer, task.position); });
  ASSERT_EQ(order.size(), 24U + 4 + 1);
  EXPECT_EQ(order[8], (std::pair<std::uint32_t, std::int64_t>{1, 0}))
      << "eight partial sums make a node of the tree";
  EXPECT_EQ(order[9], (std::pair<std::uint32_t, std::int64_t>{0, 8}));
}

TEST(Board, StartsNothingAfterItWasStopped) {
  const Topology topology(chain_graph(4, 2));
  const plan::Placement placement(topology, 1);
  BoardRun run(topology, placement);
  const auto task = run.board.next();
  ASSERT_TRUE(task);
  run.board.stop_admitting();
  EXPECT_FALSE(run.board.idle()) << "one task is still running";
  EXPECT_FALSE(run.board.next());
  run.finish(*task);
  EXPECT_TRUE(run.board.idle());
  EXPECT_FALSE(run.board.next());
  EXPECT_FALSE(run.board.empty()) << "what the task made is still there";
}

TEST(Board, IsNotEmptyBeforeItsTasksWereStarted) {
  const Topology topology(chain_graph(2, 2));
  const plan::Placement placement(topology, 1);
  EXPECT_FALSE(Board(topology, placement, 0).empty());
}

class MisusedBoard : public ::testing::Test {
 protected:
  MisusedBoard() { first = *run.board.next(); }
  const Topology topology{chain_graph(2, 2)};
  const plan::Placement placement{topology, 1};
  BoardRun run{topology, placement};
  graph::TaskId first;
};

TEST_F(MisusedBoard, AChunkPutDownTwiceIsALogicError) {
  const graph::ChunkId chunk{first.layer, 0, first.position};
  run.board.put(chunk, run.buffer(8), true);
  EXPECT_THROW(run.board.put(chunk, run.buffer(8), true), std::logic_error);
}

TEST_F(MisusedBoard, AReleaseTooManyIsALogicError) {
  const graph::ChunkId chunk{first.layer, 0, first.position};
  EXPECT_THROW(run.board.unpin(chunk), std::logic_error);
  run.board.put(chunk, run.buffer(8), true);
  run.board.unpin(chunk);
  EXPECT_THROW(run.board.unpin(chunk), std::logic_error);
}

TEST_F(MisusedBoard, AnInputThatNeverCameIsALogicError) {
  EXPECT_THROW(run.board.input({first.layer, 0, first.position}), std::logic_error);
}

TEST_F(MisusedBoard, ATaskCompletedTwiceIsALogicError) {
  run.finish(first);
  const auto second = run.board.next();
  ASSERT_TRUE(second);
  run.finish(*second);
  EXPECT_THROW(
      {
        run.board.complete(*second);
        run.board.complete(first);
        run.board.sanity_check();
      },
      std::logic_error);
}

TEST(Board, SaysWhoWaitsForWhat) {
  const Topology topology(tree_graph(3));
  const plan::Placement placement(topology, 1);
  BoardRun run(topology, placement);
  run.finish(*run.board.next());
  EXPECT_NE(run.board.describe().find("waits for 2 of 3 inputs"), std::string::npos)
      << run.board.describe();
}

}  // namespace
}  // namespace rankine::worker
