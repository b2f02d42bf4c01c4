// What an observer of a session is told.
#include <gtest/gtest.h>

#include "runtime/base/clock.h"
#include "runtime/rankine.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

using testing::run_cluster;
using testing::threads;

// Longer and longer work, until the observer was told of it; then what it was told.
std::vector<RunProgress> watch(Session& session) {
  std::vector<RunProgress> told;
  session.on_progress([&](const RunProgress& progress) { told.push_back(progress); });
  for (std::int64_t length = 200'000; told.empty() && length < 1'000'000'000; length *= 2) {
    session.compute(sin(arange(length, 100)).sum());
  }
  return told;
}

TEST(Progress, CountsTheTasksOfAllRanksUpToTheEnd) {
  for (const int ranks : {1, 3}) {
    run_cluster(ranks, threads(2), [&](Session& session) {
      const std::vector<RunProgress> told = watch(session);
      ASSERT_GE(told.size(), 2u) << ranks << " ranks";
      for (std::size_t i = 0; i < told.size(); ++i) {
        EXPECT_EQ(told[i].phase == RunProgress::Phase::kOver, i + 1 == told.size());
        EXPECT_EQ(told[i].tasks_total, told[0].tasks_total);
        EXPECT_LE(told[i].tasks_done, told[i].tasks_total);
        if (i == 0) continue;
        EXPECT_GE(told[i].tasks_done, told[i - 1].tasks_done);
        EXPECT_GE(told[i].seconds, told[i - 1].seconds);
      }
      EXPECT_GT(told[0].tasks_total, 0);
      EXPECT_EQ(told.back().tasks_done, told.back().tasks_total);
    });
  }
}

TEST(Progress, CanBeWatchedNoMore) {
  run_cluster(2, threads(1), [](Session& session) {
    session.on_progress([](const RunProgress&) {});
    EXPECT_EQ(session.compute(arange(10, 3).sum()).item<std::int64_t>(), 45);
    session.on_progress({});
    EXPECT_EQ(session.compute(arange(10, 3).sum()).item<std::int64_t>(), 45);
  });
}

}  // namespace
}  // namespace rankine
