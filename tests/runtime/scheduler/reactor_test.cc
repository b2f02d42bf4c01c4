// The scheduler's side of a graph, message by message; tests/runtime/worker/orders_test.cc has all
// orders.
#include "runtime/scheduler/reactor.h"

#include <gtest/gtest.h>

namespace rankine::scheduler {
namespace {

using protocol::Kind;
using protocol::Message;

Message progress(std::int64_t tasks) {
  Message message;
  message.kind = Kind::kProgress;
  message.first = tasks;
  return message;
}
Message count(std::uint32_t round, std::int64_t sent, std::int64_t received, bool idle = true) {
  Message message;
  message.kind = Kind::kCountReply;
  message.round = round;
  message.first = sent;
  message.second = received;
  message.idle = idle ? 1 : 0;
  return message;
}

class Scheduler : public ::testing::Test {
 protected:
  // What is sent in answer: the kind, and to how many ranks.
  std::vector<std::pair<Kind, int>> sent() {
    std::vector<std::pair<Kind, int>> kinds;
    for (const auto& [to, message] : outbox) {
      EXPECT_EQ(message.graph, 9U);
      if (kinds.empty() || kinds.back().first != message.kind) kinds.push_back({message.kind, 0});
      EXPECT_EQ(to, kinds.back().second++) << "every rank in turn";
    }
    outbox.clear();
    return kinds;
  }
  std::vector<std::pair<Kind, int>> take(int from, const Message& message) {
    reactor.on_message(from, message, outbox);
    return sent();
  }
  using Sent = std::vector<std::pair<Kind, int>>;
  Reactor reactor{2, 9, 5};
  Reactor::Outbox outbox;
};

TEST_F(Scheduler, EndsTheGraphWhenTheCountsAddUp) {
  EXPECT_EQ(take(0, progress(2)), Sent());
  EXPECT_EQ(take(0, progress(3)), Sent()) << "a newer count replaces the older one";
  EXPECT_EQ(reactor.tasks_seen(), 3);
  EXPECT_EQ(take(1, progress(2)), (Sent{{Kind::kFinish, 2}}));
  EXPECT_TRUE(reactor.finished());
  EXPECT_FALSE(reactor.failure());
}

TEST_F(Scheduler, AnAdvanceIsShownAndEndsNothing) {
  Message advance = progress(5);
  advance.kind = Kind::kAdvance;
  EXPECT_EQ(take(0, progress(0)), Sent());
  EXPECT_EQ(take(1, progress(0)), Sent());
  EXPECT_EQ(take(0, advance), Sent()) << "rank 0 may still owe something";
  EXPECT_EQ(reactor.tasks_seen(), 5);
  EXPECT_EQ(take(0, progress(4)), Sent());
  EXPECT_EQ(reactor.tasks_seen(), 5) << "what is shown never falls";
  EXPECT_EQ(take(0, progress(5)), (Sent{{Kind::kFinish, 2}}));
}

TEST_F(Scheduler, WaitsForRanksWithoutTasksForTheyMayHaveFailed) {
  EXPECT_EQ(take(0, progress(5)), Sent()) << "rank 1 has not installed the graph yet";
  EXPECT_EQ(take(1, progress(0)), (Sent{{Kind::kFinish, 2}}));
}

TEST_F(Scheduler, AnEmptyGraphIsOverWhenEveryRankHasSeenIt) {
  reactor = Reactor(2, 9, 0);
  EXPECT_EQ(take(1, progress(0)), Sent());
  EXPECT_EQ(take(0, progress(0)), (Sent{{Kind::kFinish, 2}}));
}

TEST_F(Scheduler, AFailureAbortsAndTheFirstOneIsKept) {
  reactor.on_failure(1, Error(ExitCode::kInput, "first"), outbox);
  EXPECT_EQ(sent(), (Sent{{Kind::kAbort, 2}, {Kind::kCountQuery, 2}}));
  reactor.on_failure(0, Error(ExitCode::kTaskFailed, "second"), outbox);
  EXPECT_EQ(sent(), Sent());
  ASSERT_TRUE(reactor.failure());
  EXPECT_EQ(reactor.failure()->message, "first");
  EXPECT_EQ(reactor.failure()->task_story, "on rank 1");
  EXPECT_EQ(take(0, progress(5)), Sent()) << "counts of tasks do not end an abort";
}

TEST_F(Scheduler, AnAbortEndsAfterTwoEqualRoundsThatAddUp) {
  reactor.on_failure(0, Error(ExitCode::kInput, "failed"), outbox);
  outbox.clear();
  EXPECT_EQ(take(0, count(1, 4, 1)), Sent());
  EXPECT_EQ(take(1, count(1, 1, 3)), (Sent{{Kind::kCountQuery, 2}})) << "one is under way";
  EXPECT_EQ(take(0, count(2, 4, 1)), Sent());
  EXPECT_EQ(take(1, count(2, 1, 4)), (Sent{{Kind::kCountQuery, 2}})) << "changed since";
  EXPECT_EQ(take(0, count(2, 4, 1)), Sent()) << "an answer to an older round counts nothing";
  EXPECT_EQ(take(0, count(3, 4, 1)), Sent());
  EXPECT_EQ(take(1, count(3, 1, 4)), (Sent{{Kind::kFinish, 2}}));
}

TEST_F(Scheduler, AnAbortDoesNotEndWhileATaskRuns) {
  reactor.on_failure(0, Error(ExitCode::kInput, "failed"), outbox);
  outbox.clear();
  for (std::uint32_t round = 1; round < 4; ++round) {
    EXPECT_EQ(take(0, count(round, 0, 0)), Sent());
    EXPECT_EQ(take(1, count(round, 0, 0, false)), (Sent{{Kind::kCountQuery, 2}}));
  }
  EXPECT_EQ(take(0, count(4, 0, 0)), Sent());
  EXPECT_EQ(take(1, count(4, 0, 0)), (Sent{{Kind::kCountQuery, 2}}));
  EXPECT_EQ(take(0, count(5, 0, 0)), Sent());
  EXPECT_EQ(take(1, count(5, 0, 0)), (Sent{{Kind::kFinish, 2}}));
}

TEST_F(Scheduler, KnowsWhoDoesNotAnswerWhileItGivesUp) {
  EXPECT_EQ(reactor.unanswered(), std::vector<int>());
  reactor.on_failure(0, Error(ExitCode::kInput, "failed"), outbox);
  EXPECT_EQ(reactor.unanswered(), (std::vector{0, 1}));
  take(0, count(1, 4, 1));
  EXPECT_EQ(reactor.unanswered(), std::vector{1});
  take(1, count(1, 1, 4));
  EXPECT_EQ(reactor.unanswered(), (std::vector{0, 1})) << "the next round";
}

TEST_F(Scheduler, AFailureAfterTheEndChangesNothing) {
  take(0, progress(3));
  take(1, progress(2));
  reactor.on_failure(1, Error(ExitCode::kInput, "late"), outbox);
  EXPECT_EQ(sent(), Sent());
  EXPECT_FALSE(reactor.failure());
}

}  // namespace
}  // namespace rankine::scheduler
