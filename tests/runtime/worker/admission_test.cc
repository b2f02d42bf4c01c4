// Memory that is short, on one board: what starts, what is parked, and what is said of it. All
// orders of messages: orders_test.cc; random graphs: ../simulate.
#include "runtime/worker/admission.h"

#include <gtest/gtest.h>

#include "runtime/worker/stall.h"
#include "tests/support/small_graphs.h"

namespace rankine::worker {
namespace {

using namespace rankine::testing;

class AdmissionOnABoard : public ::testing::Test {
 protected:
  // Four chunks and, of each of them and its mirror image, one that is written.
  const graph::Topology topology{crossing_graph(4)};
  const plan::Placement placement{topology, 1};
  const plan::KeyOrder keys{topology, placement};
  const std::int64_t reserve = plan::reserve(topology, placement, keys).bytes;
  Pool pool;

  Board board_with(std::int64_t slack) {
    return Board(topology, placement, 0, {},
                 admission_for(topology, placement, 0, {reserve + slack, reserve}));
  }
  void finish(Board& board, const graph::TaskId& task) {
    for (std::uint32_t i = 0; i < topology.output_count(task.layer); ++i) {
      const graph::ChunkId chunk{task.layer, i, task.position};
      if (topology.leaves_chunk(task.layer, i)) board.put(chunk, pool.allocate_shared(1), true);
    }
    board.complete(task);
    board.sanity_check();
  }
  static void rise(Board& board) { board.admission()->set_frontier(*board.admission()->lowest()); }
};

TEST_F(AdmissionOnABoard, WithoutSlackOnlyTheTaskAtTheFrontierStarts) {
  Board board = board_with(0);
  EXPECT_FALSE(board.next()) << "nobody has told of the frontier";
  std::int64_t runs = 0;
  for (; !board.empty(); ++runs) {
    rise(board);
    const auto task = board.next();
    ASSERT_TRUE(task);
    EXPECT_EQ(keys.key(*task), *board.admission()->frontier());
    EXPECT_FALSE(board.next()) << "one at a time";
    board.sanity_check();
    finish(board, *task);
  }
  EXPECT_EQ(runs, topology.task_count());
  EXPECT_EQ(board.admission()->charged_bytes(), 0);
  EXPECT_FALSE(board.admission()->lowest());
}

TEST_F(AdmissionOnABoard, SlackIsForTasksBeyondTheFrontierAndComesBack) {
  const std::int64_t task_bytes = plan::admitted_bytes(topology, placement, 0);
  Board board = board_with(2 * task_bytes);
  const auto first = board.next();
  const auto second = board.next();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(board.next()) << "the slack is taken";
  EXPECT_EQ(board.admission()->slack_used(), 2 * task_bytes);
  rise(board);
  EXPECT_EQ(board.admission()->slack_used(), task_bytes) << "the first one is the frontier's now";
  EXPECT_TRUE(board.next());
  board.sanity_check();
  finish(board, *first);
  rise(board);
  EXPECT_EQ(board.admission()->slack_used(), task_bytes);
}

TEST_F(AdmissionOnABoard, TheLowestKeyIsToldWhenItChangesAndAtTheEnd) {
  Board board = board_with(0);
  Admission& admission = *board.admission();
  EXPECT_TRUE(admission.has_to_tell());
  EXPECT_EQ(admission.tell().idle, 0U);
  EXPECT_FALSE(admission.has_to_tell());
  EXPECT_FALSE(board.next());
  EXPECT_TRUE(admission.has_to_tell()) << "something waits for memory";
  EXPECT_EQ(admission.tell().idle, 1U);
  while (!board.empty()) {
    rise(board);
    finish(board, *board.next());
  }
  EXPECT_EQ(admission.tell().idle, 2U);
  EXPECT_FALSE(admission.has_to_tell());
}

TEST_F(AdmissionOnABoard, AStallSaysWhatWaitsForMemory) {
  Board board = board_with(0);
  EXPECT_FALSE(board.next());
  const Reactor reactor(0, 1, 1);
  const std::string said = explain_stall(topology, placement, board, reactor);
  for (const std::string part : {"something waits for memory", "next here: "}) {
    EXPECT_NE(said.find(part), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace rankine::worker
