// Who is asked to give tasks to whom, word by word.
#include "runtime/scheduler/balance.h"

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace rankine::scheduler {
namespace {

using protocol::Kind;
using protocol::Message;
using protocol::Wants;

Message state(Wants wants, std::int64_t work_ns = 0, std::int64_t gives_seen = 0,
              std::int64_t tasks = 10) {
  Message message;
  message.kind = Kind::kAdvance;
  message.idle = static_cast<std::uint32_t>(wants);
  message.round = 3;
  message.chunk.position = gives_seen;
  message.bytes = work_ns;
  message.second = work_ns > 0 ? tasks : 0;
  return message;
}
Message gave(int thief, std::uint32_t given, std::int64_t work_ns = 0) {
  Message message = state(Wants::kNothing, work_ns);
  message.kind = Kind::kGave;
  message.chunk.output = static_cast<std::uint32_t>(thief);
  message.chunk.layer = given;
  return message;
}

class Orders : public ::testing::Test {
 protected:
  void say(int rank, const Message& message) {
    balance.on_state(rank, message);
    balance.sanity_check();
  }
  // "victim>thief", or nothing.
  std::string next() {
    const auto order = balance.next();
    balance.sanity_check();
    return order ? std::to_string(order->victim) + ">" + std::to_string(order->thief) : "";
  }
  Balance balance{5};
};

TEST_F(Orders, TheOneWithMostGivesToTheFirstThatHasNothing) {
  say(1, state(Wants::kNothing, 1'000));
  say(2, state(Wants::kNothing, 9'000));
  EXPECT_EQ(next(), "") << "nobody wants tasks";
  say(3, state(Wants::kSoon));
  say(4, state(Wants::kNow));
  EXPECT_EQ(next(), "2>4");
  EXPECT_EQ(next(), "1>3");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(balance.open(), 2);
}

TEST_F(Orders, TheLastTasksAreForThreadsThatHaveNothing) {
  say(1, state(Wants::kNothing, 9'000, 0, 2));
  say(3, state(Wants::kSoon));
  EXPECT_EQ(next(), "");
  say(3, state(Wants::kNow));
  EXPECT_EQ(next(), "1>3");
}

TEST_F(Orders, ARankTakesPartInOneOrderAtATime) {
  say(1, state(Wants::kNothing, 9'000));
  say(3, state(Wants::kNow));
  EXPECT_EQ(next(), "1>3");
  say(1, state(Wants::kNothing, 9'000));
  say(4, state(Wants::kNow));
  say(3, state(Wants::kNow));
  EXPECT_EQ(next(), "");
  say(1, gave(3, 2, 5'000));
  EXPECT_EQ(balance.moved(), 2);
  EXPECT_EQ(next(), "1>4") << "rank 3 has not spoken since it got two";
}

TEST_F(Orders, AWordFromBeforeTheTasksCameIsOld) {
  say(1, state(Wants::kNothing, 9'000));
  say(3, state(Wants::kNow));
  EXPECT_EQ(next(), "1>3");
  say(3, state(Wants::kNow, 0, 1));  // it got one of two
  say(1, gave(3, 2, 5'000));
  EXPECT_EQ(next(), "");
  say(3, state(Wants::kNow, 0, 2));
  EXPECT_EQ(next(), "1>3");
}

TEST_F(Orders, AThiefMaySpeakAgainBeforeItsVictimDoes) {
  say(1, state(Wants::kNothing, 9'000));
  say(3, state(Wants::kNow));
  EXPECT_EQ(next(), "1>3");
  say(3, state(Wants::kNow, 0, 1));  // it got it and is done
  say(1, gave(3, 1, 5'000));
  EXPECT_EQ(next(), "1>3");
}

TEST_F(Orders, WhoGotNothingStillWantsSome) {
  say(1, state(Wants::kNothing, 9'000));
  say(3, state(Wants::kNow));
  EXPECT_EQ(next(), "1>3");
  say(1, gave(3, 0));
  EXPECT_EQ(next(), "");
  say(2, state(Wants::kNothing, 2'000));
  EXPECT_EQ(next(), "2>3");
}

TEST_F(Orders, NobodyIsKeptTwiceWhateverIsSaid) {
  testing::Random random("Orders.NobodyIsKeptTwiceWhateverIsSaid");
  std::vector<std::pair<int, int>> open;  // victim, thief
  std::int64_t seen[5] = {};
  for (int round = 0; round < 5000; ++round) {
    const int rank = static_cast<int>(random.between(0, 4));
    if (!open.empty() && random.one_in(3)) {
      const auto [victim, thief] = open.back();
      open.pop_back();
      const auto given = static_cast<std::uint32_t>(random.between(0, 2));
      say(victim, gave(thief, given, random.between(0, 1) * 4'000));
      seen[thief] += given;
    } else {
      say(rank,
          state(static_cast<Wants>(random.between(0, 2)), random.between(0, 5'000), seen[rank]));
    }
    while (const auto order = balance.next()) {
      balance.sanity_check();
      EXPECT_NE(order->victim, order->thief);
      open.emplace_back(order->victim, order->thief);
    }
    ASSERT_EQ(balance.open(), static_cast<std::int64_t>(open.size()));
  }
}

}  // namespace
}  // namespace rankine::scheduler
