// Graphs that the ranks know from before, and looking at a graph without running it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>
#include <variant>
#include <vector>

#include "runtime/rankine.h"
#include "runtime/session/known_graphs.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

using session::GraphKey;
using session::RecentGraphs;
using testing::run_cluster;
using testing::threads;

TEST(RecentGraphs, KeepsTheOnesUsedLastWithinTheirBytes) {
  RecentGraphs<int> recent;
  constexpr auto kMost = RecentGraphs<int>::kMost;
  for (std::uint64_t i = 0; i < kMost; ++i) recent.add({i, 0}, 10, static_cast<int>(i));
  EXPECT_EQ(*recent.find({0, 0}), 0) << "and is used last now";
  EXPECT_EQ(recent.find({0, 1}), nullptr);
  recent.add({100, 0}, 10, 100);
  EXPECT_EQ(recent.find({1, 0}), nullptr) << "was the one used longest ago";
  EXPECT_NE(recent.find({0, 0}), nullptr);
  EXPECT_EQ(recent.bytes(), 10 * static_cast<std::int64_t>(kMost));
  recent.add({200, 0}, RecentGraphs<int>::kMostBytes, 200);
  EXPECT_EQ(recent.find({0, 0}), nullptr) << "made room";
  EXPECT_NE(recent.find({200, 0}), nullptr);
  recent.add({300, 0}, RecentGraphs<int>::kMostBytes + 1, 300);
  EXPECT_EQ(recent.find({300, 0}), nullptr) << "is too long";
  EXPECT_NE(recent.find({200, 0}), nullptr);
  recent.clear();
  EXPECT_EQ(recent.bytes(), 0);
  EXPECT_EQ(recent.find({200, 0}), nullptr);
}

class Replay : public ::testing::TestWithParam<int> {};

std::int64_t triangle(std::int64_t steps, std::int64_t width) {
  return width * (width - 1) / 2 + width * (steps - 1);
}

TaskGrid<std::int64_t> counting(std::int64_t steps, std::int64_t width) {
  return TaskGrid<std::int64_t>(
      {steps, width},
      [](const GridPoint& at, const Inputs<std::int64_t>& before) {
        return before.empty() ? at[1] : before[0] + 1;
      },
      itself(reach::offset(-1), reach::same()));
}

std::int64_t sum_of(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

TEST_P(Replay, AKnownGraphIsNotSentAgainAndGivesTheSame) {
  run_cluster(GetParam(), threads(2), [](Session& session) {
    for (int round = 0; round < 3; ++round) {
      for (std::int64_t width : {3, 4, 5}) {
        const std::int64_t before = session.stages().bytes_broadcast();
        const auto values = session.compute(counting(6, width).slice(0, 5));
        EXPECT_EQ(sum_of(values), triangle(6, width)) << width;
        const std::int64_t sent = session.stages().bytes_broadcast() - before;
        EXPECT_EQ(sent > 0, round == 0) << "width " << width << ", round " << round;
      }
    }
  });
}

// Bytes that were serialized so far: nothing of a graph that is prepared already.
std::int64_t serialized(Session& session) {
  const auto stages = nlohmann::json::parse(session.stages().json(1)).at("stages");
  for (const auto& stage : stages) {
    if (stage.at("name") == "serialize") return stage.at("bytes");
  }
  return -1;
}

TEST_P(Replay, WhatIsAskedForAgainIsNotPreparedAgain) {
  run_cluster(GetParam(), threads(2), [](Session& session) {
    const auto one = delayed([](int n) { return n + 1; }, 1);
    const auto two = delayed([](int a, int b) { return 10 * a + b; }, one, one);
    const auto grid = counting(6, 4);
    const Array sum = arange(1000, 100).sum();
    const auto ask = [&](const Delayed<int>& task) {
      const auto [number, column, total] = session.compute(task, grid.at({5, 1}), sum);
      EXPECT_EQ(column, 6);
      EXPECT_EQ(total.item<std::int64_t>(), 499500);
      return number;
    };
    EXPECT_EQ(ask(two), 22);
    const std::int64_t first = serialized(session);
    EXPECT_GT(first, 0);
    EXPECT_EQ(ask(two), 22);
    EXPECT_EQ(ask(two), 22);
    EXPECT_EQ(serialized(session), first);
    EXPECT_EQ(ask(delayed([](int a) { return -a; }, one)), -2) << "another task";
    const std::int64_t other = serialized(session);
    EXPECT_GT(other, first);
    session.set_fuse(false);
    EXPECT_EQ(ask(two), 22);
    EXPECT_GT(serialized(session), other) << "planned in another way";
  });
}

// What only looks the same, at the same address perhaps.
TEST_P(Replay, WhatIsMadeAnewIsPreparedAnew) {
  run_cluster(GetParam(), threads(1), [](Session& session) {
    for (std::int64_t n = 0; n < 20; ++n) {
      EXPECT_EQ(session.compute((arange(10, 5) + n).sum()).item<std::int64_t>(), 45 + 10 * n);
      EXPECT_EQ(session.compute(delayed([](std::int64_t m) { return m; }, n)), n);
    }
  });
}

TEST_P(Replay, GraphsThatWereCrowdedOutAreSentAgain) {
  run_cluster(GetParam(), threads(1), [](Session& session) {
    const auto most = static_cast<std::int64_t>(RecentGraphs<int>::kMost);
    for (int round = 0; round < 2; ++round) {
      for (std::int64_t width = 1; width <= most + 1; ++width) {
        const std::int64_t before = session.stages().bytes_broadcast();
        EXPECT_EQ(sum_of(session.compute(counting(2, width).slice(0, 1))), triangle(2, width));
        EXPECT_GT(session.stages().bytes_broadcast(), before) << width;
      }
    }
  });
}

TEST_P(Replay, AKnownGraphMayFailAndBeRunAgain) {
  run_cluster(GetParam(), threads(1), [](Session& session) {
    const auto fail_at = [](std::int64_t number) {
      return delayed(
          [](std::int64_t n) -> std::int64_t {
            if (n == 3) throw Error(ExitCode::kTaskFailed, "three");
            return n;
          },
          number);
    };
    const auto bad = fail_at(3);
    const auto good = fail_at(4);
    for (int round = 0; round < 3; ++round) {
      EXPECT_THROW(session.compute(bad), Error);
      EXPECT_EQ(session.compute(good), 4);
    }
  });
}

TEST_P(Replay, OtherConstantsAreAnotherGraph) {
  run_cluster(GetParam(), threads(1), [](Session& session) {
    const Array ramp = arange(100, 10);
    for (double factor : {1.0, 2.0, 3.0, 2.0}) {
      EXPECT_EQ(session.compute((ramp * factor).sum()).item<double>(), factor * 4950);
    }
  });
}
INSTANTIATE_TEST_SUITE_P(Ranks, Replay, ::testing::Values(1, 2, 3));

TEST(Looking, OptimizedArraysHaveTheSameValues) {
  run_cluster(1, threads(1), [](Session& session) {
    const Array x = arange(1000, 100);
    const Array y = ((x + 1) * 2)[{Range{100, 200}}];
    const Array z = session.optimize(y);
    EXPECT_EQ(z.shape(), y.shape());
    EXPECT_EQ(session.compute(z.sum()).item<std::int64_t>(),
              session.compute(y.sum()).item<std::int64_t>());
    const auto [a, b] = session.optimize(y, delayed([](int i) { return i; }, 4));
    EXPECT_EQ(a.shape(), y.shape());
    EXPECT_EQ(session.compute(b), 4);
  });
}

TEST(Looking, PlansOfTasksAndGridsCountTheirTasks) {
  run_cluster(1, threads(1), [](Session& session) {
    const auto one = delayed([](int i) { return i; }, 1);
    const auto two = delayed([](int i) { return i + 1; }, one);
    EXPECT_EQ(session.plan(two).tasks_before, 2);
    const PlanReport report = session.plan(counting(100, 10).slice(0, 99), two);
    EXPECT_EQ(report.tasks_before, 1002);
    EXPECT_GT(report.memory_bound_bytes, 0);
    EXPECT_EQ(session.compute(two), 2);
  });
}

}  // namespace
}  // namespace rankine
