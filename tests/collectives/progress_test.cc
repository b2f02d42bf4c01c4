#include "collectives/progress.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

namespace rankine::collectives {
namespace {

using namespace std::chrono_literals;
using Step = Waiter::Step;

TEST(Waiter, SpinsForEverOnACoreOfItsOwn) {
  EXPECT_EQ(Waiter::step(Cores::kOwn, 0ns), Step::kSpin);
  EXPECT_EQ(Waiter::step(Cores::kOwn, 1h), Step::kSpin);
}

TEST(Waiter, GivesASharedCoreAwayAfterTwoMicrosecondsAndSleepsAfterOneMillisecond) {
  EXPECT_EQ(Waiter::step(Cores::kShared, 0ns), Step::kSpin);
  EXPECT_EQ(Waiter::step(Cores::kShared, 1999ns), Step::kSpin);
  EXPECT_EQ(Waiter::step(Cores::kShared, 2us), Step::kYield);
  EXPECT_EQ(Waiter::step(Cores::kShared, 999us), Step::kYield);
  EXPECT_EQ(Waiter::step(Cores::kShared, 1ms), Step::kSleep);
  EXPECT_EQ(Waiter::step(Cores::kShared, 1h), Step::kSleep);
}

TEST(ProgressRight, IsHeldByOneThreadAtATime) {
  ProgressRight right;
  EXPECT_TRUE(right.try_lock());
  EXPECT_FALSE(right.try_lock());
  right.unlock();
  EXPECT_TRUE(right.try_lock());
  right.unlock();
}

TEST(ProgressRight, ShowsTheNextHolderWhatTheLastOneDid) {
  ProgressRight right;
  long count = 0;  // under the right
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 5000; ++turn) {
        const std::lock_guard lock(right);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 20000);
}

}  // namespace
}  // namespace rankine::collectives
