// Stalls are explained, and silent ranks end the job.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "collectives/loopback.h"
#include "runtime/rankine.h"

namespace rankine::session {
namespace {

std::atomic<bool> opened{false};
int wait_for_opening(int x) {
  while (!opened) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return x;
}

TEST(Watch, AStallIsExplainedRankByRank) {
  opened = false;
  std::mutex mutex;
  std::string told;
  EngineOptions options;
  options.stall_s = 0.3;
  options.on_stall = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    told = text;
    opened = true;
  };
  collectives::LoopbackNetwork network(2);
  Engine other(network.rank(1), options);
  Engine engine(network.rank(0), options);
  {
    Session session(engine, {});
    const auto quick = delayed([] { return 1; });
    const auto stuck = delayed(TaskOptions{.name = "stuck"}, wait_for_opening, 7);
    EXPECT_EQ(session.compute(delayed([](int x, int y) { return x + y; }, quick, stuck)), 8);
  }
  engine.quit();
  other.serve();
  const std::lock_guard lock(mutex);
  EXPECT_NE(told.find("nothing has completed"), std::string::npos) << told;
  EXPECT_NE(told.find("thread 0 runs stuck"), std::string::npos) << told;
  EXPECT_NE(told.find("rank 1"), std::string::npos) << told;
  EXPECT_NE(told.find("waits for"), std::string::npos) << told;
}

TEST(WatchDeathTest, ASilentRankEndsTheJob) {
  EXPECT_EXIT(
      {
        EngineOptions options;
        options.silence_s = 0.2;
        options.nodes.assign(2, "there");
        collectives::LoopbackNetwork network(2);  // nobody drives rank 1
        Engine engine(network.rank(0), options);
        Session session(engine, {});
        session.compute(delayed([] { return 1; }));
      },
      ::testing::ExitedWithCode(5), "rank 1 on there has given no sign of life");
}

TEST(Watch, ABusyRankIsNotSilent) {
  EngineOptions options;
  options.silence_s = 2.5;
  collectives::LoopbackNetwork network(2);
  Engine other(network.rank(1), options);
  Engine engine(network.rank(0), options);
  {
    Session session(engine, {});
    const auto sleep = [](int x) {
      std::this_thread::sleep_for(std::chrono::seconds(4));
      return x;
    };
    std::vector<Delayed<int>> tasks{delayed(sleep, 1), delayed(sleep, 2)};
    EXPECT_EQ(session.compute(tasks), (std::vector{1, 2}));
  }
  engine.quit();
  other.serve();
}

}  // namespace
}  // namespace rankine::session
