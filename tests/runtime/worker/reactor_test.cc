// The worker's reactor by itself: its books, and what it costs to have many ranks. orders_test.cc
// has all orders of messages.
#include "runtime/worker/reactor.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace rankine::worker {
namespace {

using protocol::Kind;

Message eager(std::int64_t position, std::int64_t bytes) {
  Message message;
  message.kind = Kind::kEager;
  message.chunk = {0, 0, position};
  message.bytes = bytes;
  return message;
}

TEST(WorkerReactor, KeepsNothingOfRanksItHasNothingToDoWith) {
  constexpr int kRanks = 1 << 20;
  Reactor reactor(3, kRanks, 1);
  Outbox outbox;
  EXPECT_TRUE(reactor.quiet());
  EXPECT_TRUE(reactor.peers().empty());
  const int to = kRanks - 1;
  reactor.on_output({0, 0, 7}, 100, std::span(&to, 1), outbox);
  reactor.on_message(5, eager(9, 100), outbox);
  EXPECT_EQ(reactor.peers().size(), 2U);
  EXPECT_FALSE(reactor.quiet());
  EXPECT_EQ(reactor.peers().at(5).owed, protocol::kEagerCost);
  EXPECT_EQ(reactor.peers().at(to).lent, protocol::kEagerCost);
  reactor.sanity_check();
  reactor.give_back(true, outbox);
  Message credit;
  credit.kind = Kind::kCredit;
  credit.first = protocol::kEagerCost;
  reactor.on_message(to, credit, outbox);
  EXPECT_TRUE(reactor.quiet());
  reactor.sanity_check();
}

TEST(WorkerReactor, NoticesBooksThatDoNotAddUp) {
  Reactor reactor(0, 2, 1);
  Outbox outbox;
  Message credit;
  credit.kind = Kind::kCredit;
  credit.first = 1;
  reactor.on_message(1, credit, outbox);
  EXPECT_THROW(reactor.sanity_check(), std::logic_error) << "more credit than was lent";
  Reactor other(0, 2, 1);
  Message decline;
  decline.kind = Kind::kDecline;
  other.on_message(1, decline, outbox);
  EXPECT_THROW(other.sanity_check(), std::logic_error) << "nothing was announced";
  Reactor third(0, 2, 1);
  third.on_message(0, eager(1, 8), outbox);
  EXPECT_THROW(third.sanity_check(), std::logic_error) << "a message to itself";
}

TEST(WorkerReactor, DescribesWhatIsOpenInAFewLines) {
  Reactor reactor(0, 1000, 1);
  Outbox outbox;
  for (int to = 1; to < 1000; ++to) {
    reactor.on_output({0, 0, to}, protocol::kEagerLimit + 1, std::span(&to, 1), outbox);
  }
  const std::string text = reactor.describe();
  EXPECT_NE(text.find("999 announced chunks not taken yet"), std::string::npos) << text;
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 12) << text;
}

}  // namespace
}  // namespace rankine::worker
