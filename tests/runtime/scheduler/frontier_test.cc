// The frontier, message by message; tests/runtime/worker/orders_test.cc has all orders.
#include "runtime/scheduler/frontier.h"

#include <gtest/gtest.h>

#include "runtime/protocol/order_key.h"

namespace rankine::scheduler {
namespace {

OrderKey at(std::int64_t slab, std::int64_t order) { return {.slab = slab, .order = order}; }

class FrontierOfThree : public ::testing::Test {
 protected:
  // Who is told what in answer.
  std::vector<std::pair<int, OrderKey>> tell(int from, std::optional<OrderKey> lowest,
                                             bool waits = false) {
    protocol::Message message;
    message.kind = protocol::Kind::kLowest;
    message.idle = !lowest ? 2 : waits ? 1 : 0;
    if (lowest) protocol::set_key(message, *lowest);
    Reactor::Outbox outbox;
    frontier.on_message(from, message, outbox);
    frontier.sanity_check();
    std::vector<std::pair<int, OrderKey>> told;
    for (const auto& [to, answer] : outbox) {
      EXPECT_EQ(answer.kind, protocol::Kind::kFrontier);
      EXPECT_EQ(answer.graph, 7U);
      told.emplace_back(to, protocol::key_of(answer));
    }
    return told;
  }
  using Told = std::vector<std::pair<int, OrderKey>>;
  Frontier frontier{3, 7};
};

TEST_F(FrontierOfThree, IsUnknownUntilAllHaveTold) {
  EXPECT_EQ(tell(0, at(0, 5)), Told());
  EXPECT_EQ(tell(1, at(0, 3)), Told());
  EXPECT_FALSE(frontier.key());
  EXPECT_EQ(tell(2, at(0, 9)), (Told{{1, at(0, 3)}, {2, at(0, 3)}}));
}

TEST_F(FrontierOfThree, IsToldAtOnceToTheRankWhoseTurnItIs) {
  tell(0, at(0, 1));
  tell(1, at(0, 2));
  tell(2, at(0, 3));
  EXPECT_EQ(tell(0, at(0, 8)), (Told{{1, at(0, 2)}, {0, at(0, 2)}}));
  EXPECT_EQ(tell(1, at(0, 9)), (Told{{2, at(0, 3)}, {1, at(0, 3)}}));
  EXPECT_EQ(tell(2, std::nullopt), (Told{{0, at(0, 8)}}));
}

TEST_F(FrontierOfThree, IsToldToAllThatWaitWhenItComesToAnotherSlab) {
  tell(0, at(0, 1));
  tell(1, at(3, 2), true);
  tell(2, at(4, 3));
  EXPECT_EQ(tell(0, at(0, 2)), (Told{{0, at(0, 2)}}));
  EXPECT_EQ(tell(0, at(1, 2)), (Told{{0, at(1, 2)}, {1, at(1, 2)}}));
}

TEST_F(FrontierOfThree, EndsWhenAllIsComplete) {
  for (int rank = 0; rank < 3; ++rank) tell(rank, std::nullopt);
  EXPECT_FALSE(frontier.key());
}

TEST(OrderKeyMessage, BringsAllOfTheKey) {
  const OrderKey key{3, std::int64_t{1} << 40, 5, INT64_MAX, 6, 7, std::int64_t{1} << 39};
  protocol::Message message;
  protocol::set_key(message, key);
  EXPECT_EQ(protocol::key_of(message), key);
}

}  // namespace
}  // namespace rankine::scheduler
