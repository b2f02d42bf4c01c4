// What is said of a rank that stands still.
#include "runtime/worker/stall.h"

#include <gtest/gtest.h>

#include "tests/support/small_graphs.h"

namespace rankine::worker {
namespace {

using namespace rankine::testing;

protocol::Message announce(std::int64_t position) {
  protocol::Message message;
  message.kind = protocol::Kind::kAnnounce;
  message.chunk = {0, 0, position};
  message.bytes = 1 << 20;
  return message;
}

std::shared_ptr<graph::Graph> placed(std::shared_ptr<graph::Graph> graph,
                                     std::vector<std::int32_t> homes) {
  std::get<graph::Explicit>(graph->layers[0].kind).homes = std::move(homes);
  return graph;
}

class Stall : public ::testing::Test {
 protected:
  // Five users' tasks on two ranks: 0, 1 and 2 on rank 0, 3 and 4 on rank 1; 3 takes 0, 1 and 2.
  const graph::Topology topology{
      placed(tasks_graph({{}, {}, {}, {0, 1, 2}, {3}}), {0, 0, 0, 1, 1})};
  const plan::Placement placement{topology, 2};
  Pool pool;

  std::string text(const Board& board, const Reactor& reactor) {
    return explain_stall(topology, placement, board, reactor);
  }
  static void expect(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in\n" << text;
  }
};

TEST_F(Stall, NamesTheInputsThatAreMissingAndTheirRank) {
  Board board(topology, placement, 1);
  Reactor reactor(1, 2, 1);
  Outbox outbox;
  board.put({0, 0, 0}, pool.allocate_shared(8), false);
  reactor.on_message(0, announce(1), outbox);
  const std::string said = text(board, reactor);
  expect(said, "rank 1: 0 running, 0 ready, 1 waiting, 1 chunks held");
  expect(said, ", task 3 waits for 2 of 3 inputs:");
  expect(said, ", task 1: pulled, not here yet, from rank 0");
  expect(said, ", task 2: no word from rank 0");
  expect(said, "inputs missing in all: 2 from rank 0");
  expect(said, "1 pulled chunk not come yet from rank 0");
}

TEST_F(Stall, NamesWhatRunsAndWhatIsNotTaken) {
  Board board(topology, placement, 0);
  Reactor reactor(0, 2, 1);
  Outbox outbox;
  ASSERT_TRUE(board.next());
  const int to = 1;
  reactor.on_output({0, 0, 0}, 1 << 20, std::span(&to, 1), outbox);
  reactor.on_output({0, 0, 1}, 100, std::span(&to, 1), outbox);
  const std::string said = text(board, reactor);
  expect(said, "runs: , task 0");
  expect(said, "1 announced chunk not taken yet by rank 1");
  expect(said, "4096 bytes sent eagerly and not acknowledged by rank 1");
}

TEST_F(Stall, SaysThatAGraphWasGivenUp) {
  Board board(topology, placement, 0);
  Reactor reactor(0, 2, 1);
  board.stop_admitting();
  reactor.on_abort();
  expect(text(board, reactor), "given up");
}

// However much waits, a person can read it.
TEST(StallOfMany, IsShort) {
  std::vector<std::vector<std::uint32_t>> takes(400);
  for (std::uint32_t i = 200; i < 400; ++i) {
    for (std::uint32_t k = 0; k < 20; ++k) takes[i].push_back(k * 10);
  }
  const graph::Topology topology(tasks_graph(takes));
  const plan::Placement placement(topology, 40);
  Pool pool;
  for (int rank = 0; rank < 40; ++rank) {
    Board board(topology, placement, rank);
    Reactor reactor(rank, 40, 1);
    if (rank != 0) board.put({0, 0, 0}, pool.allocate_shared(8), false);
    const std::string text = explain_stall(topology, placement, board, reactor);
    EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 30) << text;
    if (rank >= 20) {
      EXPECT_NE(text.find("more"), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace rankine::worker
