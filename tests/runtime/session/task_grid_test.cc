// Grids of users' tasks on several ranks and threads, against plain loops.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>

#include "runtime/rankine.h"
#include "tests/support/cluster.h"
#include "tests/support/random.h"
#include "tests/support/sanitized.h"

namespace rankine {
namespace {

using testing::Random;
using testing::run_cluster;
using testing::threads;

class Grids : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  int ranks() const { return std::get<0>(GetParam()); }
  RunSettings settings() const { return threads(std::get<1>(GetParam())); }
};

// What a task saw, by name: where it stands, and its inputs in order.
struct Seen {
  std::string text;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text);
  }
};

double diffuse(const GridPoint& at, const Inputs<double>& u, double rate) {
  if (u.empty()) return static_cast<double>(at[1] * at[1] % 7);
  return u[1] + rate * (u[0] - 2 * u[1] + u[2]);
}

std::vector<double> diffused(std::int64_t steps, std::int64_t width, double rate) {
  std::vector<double> now(static_cast<std::size_t>(width));
  for (std::int64_t i = 0; i < width; ++i) now[i] = static_cast<double>(i * i % 7);
  for (std::int64_t step = 1; step < steps; ++step) {
    const std::vector<double> old = now;
    for (std::int64_t i = 0; i < width; ++i) {
      const double left = old[(i + width - 1) % width], right = old[(i + 1) % width];
      now[i] = old[i] + rate * (left - 2 * old[i] + right);
    }
  }
  return now;
}

TEST_P(Grids, AStencilOnARingGivesWhatALoopGives) {
  Random random("Grids.AStencilOnARingGivesWhatALoopGives");
  run_cluster(ranks(), settings(), [&](Session& session) {
    for (int round = 0; round < 4; ++round) {
      const std::int64_t steps = random.between(1, 60), width = random.between(1, 20);
      const TaskGrid<double> heat({steps, width}, diffuse,
                                  itself(reach::offset(-1), reach::ring(-1, 1)), 0.25);
      EXPECT_EQ(session.compute(heat.slice(0, steps - 1)), diffused(steps, width, 0.25))
          << steps << " steps of " << width;
      EXPECT_EQ(session.compute(heat.at({steps - 1, width - 1})),
                diffused(steps, width, 0.25).back());
    }
  });
}

TEST_P(Grids, NeighboursOnAPlaneComeRowByRowAcrossBothSeams) {
  run_cluster(ranks(), settings(), [&](Session& session) {
    constexpr std::int64_t kRows = 4, kColumns = 5;
    const TaskGrid<std::vector<std::int64_t>> torus(
        {2, kRows, kColumns},
        [](const GridPoint& at, const Inputs<std::vector<std::int64_t>>& near) {
          if (near.empty()) return std::vector<std::int64_t>{at[1] * kColumns + at[2]};
          std::vector<std::int64_t> all;
          for (std::size_t i = 0; i < near.size(); ++i) all.push_back(near[i].at(0));
          return all;
        },
        itself(reach::offset(-1), reach::ring(-1, 1), reach::ring(-1, 1)));
    const auto all = session.compute(torus.slice(0, 1));
    for (std::int64_t row = 0; row < kRows; ++row) {
      for (std::int64_t column = 0; column < kColumns; ++column) {
        std::vector<std::int64_t> expected;
        for (int i = -1; i <= 1; ++i) {
          for (int j = -1; j <= 1; ++j) {
            expected.push_back((row + i + kRows) % kRows * kColumns +
                               (column + j + kColumns) % kColumns);
          }
        }
        EXPECT_EQ(all[row * kColumns + column], expected) << row << ", " << column;
      }
    }
  });
}

struct Words {
  std::string a, b;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(a, b);
  }
};

// The table of a longest common subsequence: no axis goes back along both edges.
TEST_P(Grids, AWavefrontNeedsNoAxisThatAllEdgesGoBackAlong) {
  Random random("Grids.AWavefrontNeedsNoAxisThatAllEdgesGoBackAlong");
  Words words;
  for (int i = 0; i < 17; ++i) words.a += static_cast<char>('a' + random.between(0, 3));
  for (int i = 0; i < 23; ++i) words.b += static_cast<char>('a' + random.between(0, 3));
  std::vector<std::vector<int>> table(18, std::vector<int>(24, 0));
  for (std::size_t i = 1; i <= 17; ++i) {
    for (std::size_t j = 1; j <= 23; ++j) {
      table[i][j] = words.a[i - 1] == words.b[j - 1] ? table[i - 1][j - 1] + 1
                                                     : std::max(table[i - 1][j], table[i][j - 1]);
    }
  }
  run_cluster(ranks(), settings(), [&](Session& session) {
    const TaskGrid<int> lcs(
        {17, 23},
        [](const GridPoint& at, const Inputs<int>& above, const Inputs<int>& left,
           const Inputs<int>& corner, const Words& w) {
          const auto of = [](const Inputs<int>& in) { return in.empty() ? 0 : in[0]; };
          if (w.a[at[0]] == w.b[at[1]]) return of(corner) + 1;
          return std::max(of(above), of(left));
        },
        itself(reach::offset(-1), reach::same()), itself(reach::same(), reach::offset(-1)),
        itself(reach::offset(-1), reach::offset(-1)), words);
    EXPECT_EQ(session.compute(lcs.at({16, 22})), table[17][23]);
  });
}

// i + d modulo the width, d from a table: one way for the tasks, the other way for their results.
struct Turn {
  std::vector<std::int64_t> by;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(by);
  }
  static constexpr bool feeds_all = true;
  void inputs(const GridPoint& at, GridVisit visit) const { turn(at, -1, 1, visit); }
  void consumers(const GridPoint& at, GridVisit visit) const { turn(at, 1, -1, visit); }
  void turn(const GridPoint& at, std::int64_t step, std::int64_t sign, GridVisit visit) const {
    const std::int64_t width = at.count(1);
    for (const std::int64_t d : by) {
      visit({at[0] + step, ((at[1] + sign * d) % width + width) % width});
    }
  }
};

TEST_P(Grids, DependenciesByCodeAreFollowedBothWays) {
  run_cluster(ranks(), settings(), [&](Session& session) {
    const TaskGrid<std::int64_t> grid(
        {9, 7},
        [](const GridPoint& at, const Inputs<std::int64_t>& before) {
          std::int64_t sum = at[1] + 1;
          for (std::size_t i = 0; i < before.size(); ++i) {
            sum = (sum * 31 + before[i]) % 1'000'003;
          }
          return sum;
        },
        itself(Turn{{0, 3, 3, -2}}));
    std::vector<std::int64_t> now{1, 2, 3, 4, 5, 6, 7};
    for (int step = 1; step < 9; ++step) {
      const std::vector<std::int64_t> old = now;
      for (std::int64_t i = 0; i < 7; ++i) {
        now[i] = i + 1;
        for (const std::int64_t d : {0, 3, 3, -2}) {
          now[i] = (now[i] * 31 + old[(i + d + 7) % 7]) % 1'000'003;
        }
      }
    }
    EXPECT_EQ(session.compute(grid.slice(0, 8)), now);
  });
}

TEST_P(Grids, GridsReadGridsAndMixWithTasksAndArrays) {
  run_cluster(ranks(), settings(), [&](Session& session) {
    const TaskGrid<std::int64_t> leaves({16}, [](const GridPoint& at) { return at[0] + 1; });
    const TaskGrid<std::int64_t> pairs(
        {8}, [](const GridPoint&, const Inputs<std::int64_t>& two) { return two[0] * two[1]; },
        leaves.read(reach::scaled(2, 0, 1)));
    const TaskGrid<std::string> words(
        {2, 3},
        [](const GridPoint& at, const Inputs<std::int64_t>& all, const Inputs<std::int64_t>& one,
           const std::string& word) {
          return word + std::to_string(all.size()) + "," + std::to_string(one[0]) + "," +
                 std::to_string(at[0]);
        },
        leaves.read(reach::every().along(1)), pairs.read(reach::scaled(1, 2, 2).along(1)), "x");
    const auto [p, w, sum, array, one] =
        session.compute(pairs.all(), words.all(), delayed([](int a) { return a + 1; }, 1),
                        arange(10, 3).sum(), leaves.at({15}));
    EXPECT_EQ(p, (std::vector<std::int64_t>{2, 12, 30, 56, 90, 132, 182, 240}));
    EXPECT_EQ(w, (std::vector<std::string>{"x16,30,0", "x16,56,0", "x16,90,0", "x16,30,1",
                                           "x16,56,1", "x16,90,1"}));
    EXPECT_EQ(sum, 2);
    EXPECT_EQ(array.item<std::int64_t>(), 45);
    EXPECT_EQ(one, 16);
    EXPECT_EQ(session.compute(std::vector{leaves.at({3}), leaves.at({0}), pairs.at({1})}),
              (std::vector<std::int64_t>{4, 1, 12}));
  });
}

TEST_P(Grids, GridsWithoutTasksAndBoxesWithoutResultsAreEmpty) {
  run_cluster(ranks(), settings(), [&](Session& session) {
    const TaskGrid<int> none(
        {0, 5}, [](const GridPoint&, const Inputs<int>&) { return 1; },
        itself(reach::offset(-1), reach::ring(-1, 1)));
    EXPECT_TRUE(session.compute(none.all()).empty());
    const TaskGrid<int> thin(
        {5, 0}, [](const GridPoint&, const Inputs<int>&) { return 1; },
        itself(reach::offset(-1), reach::every()));
    EXPECT_TRUE(session.compute(thin.slice(0, 4)).empty());
    const TaskGrid<std::string> one({1}, [](const GridPoint&) { return std::string("one"); });
    EXPECT_EQ(session.compute(one.all()), std::vector<std::string>{"one"});
    EXPECT_TRUE(session.compute(one.box({1}, {1})).empty());
    EXPECT_THROW(one.at({1}), Error);
    EXPECT_THROW(one.at({-1}), Error);
    EXPECT_THROW(one.at({0, 0}), Error);
    EXPECT_THROW(one.slice(1, 0), Error);
    EXPECT_THROW(one.box({1}, {0}), Error);
  });
}

TEST_P(Grids, WhatAFunctionThrowsArrivesWithItsPlaceAndRetriesAreCounted) {
  static std::atomic<int> calls;
  calls = 0;
  run_cluster(ranks(), settings(), [&](Session& session) {
    const TaskGrid<int> fails(
        {3, 4}, TaskOptions{.name = "fragile", .retries = 2},
        [](const GridPoint& at, const Inputs<int>&) {
          if (at[0] == 1 && at[1] == 2) {
            ++calls;
            throw std::runtime_error("no way");
          }
          return 0;
        },
        itself(reach::offset(-1), reach::same()));
    try {
      session.compute(fails.all());
      FAIL() << "it throws";
    } catch (const Error& error) {
      EXPECT_EQ(error.message, "no way (after 3 attempts)");
      EXPECT_NE(error.task_story.find("fragile, task (1, 2), task_grid_test.cc:"),
                std::string::npos)
          << error.task_story;
    }
    EXPECT_EQ(calls, 3);
    const TaskGrid<int> other({3}, [](const GridPoint& at) { return static_cast<int>(at[0]); });
    EXPECT_EQ(session.compute(other.all()), (std::vector<int>{0, 1, 2})) << "afterwards";
  });
}

// Threads take short tasks several at a time.
TEST_P(Grids, AmongManyShortTasksSomeMayTakeLongOrThrow) {
  const auto count = [](const GridPoint& at, const Inputs<std::int64_t>& before) {
    if (at[0] % 500 == 499 && at[1] == 5) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (at.count(1) == 9 && at[0] == 1234 && at[1] == 7) throw std::runtime_error("no more");
    return before.empty() ? std::int64_t{1} : before[0] + 1;
  };
  run_cluster(ranks(), settings(), [&](Session& session) {
    for (const std::int64_t width : {8, 9, 10}) {
      const TaskGrid<std::int64_t> grid({2000, width}, count,
                                        itself(reach::offset(-1), reach::same()));
      if (width == 9) {
        EXPECT_THROW(session.compute(grid.slice(0, 1999)), Error);
      } else {
        EXPECT_EQ(session.compute(grid.slice(0, 1999)),
                  std::vector<std::int64_t>(static_cast<std::size_t>(width), 2000));
      }
    }
  });
}

struct Brittle {
  void inputs(const GridPoint& at, GridVisit visit) const { visit({at[0] - 1, at[1]}); }
  void consumers(const GridPoint& at, GridVisit visit) const {
    if (at[0] == 1777 && at[1] == 3) throw std::runtime_error("where was I");
    visit({at[0] + 1, at[1]});
  }
};

TEST_P(Grids, ADependencyThatThrowsFailsItsTask) {
  run_cluster(ranks(), settings(), [&](Session& session) {
    const TaskGrid<int> brittle(
        {2000, 6},
        [](const GridPoint&, const Inputs<int>& before) { return before.empty() ? 1 : 2; },
        itself(Brittle{}));
    try {
      session.compute(brittle.slice(0, 1999));
      FAIL() << "it throws";
    } catch (const Error& error) {
      EXPECT_EQ(error.message, "where was I");
      EXPECT_NE(error.task_story.find("task (1777, 3)"), std::string::npos) << error.task_story;
    }
  });
}

TEST_P(Grids, AHundredThousandTasksTakeAsManyBytesAsTen) {
  run_cluster(ranks(), settings(), [&](Session& session) {
    std::vector<std::int64_t> bytes;
    for (const std::int64_t steps : {2, testing::repeats(20'000)}) {
      const TaskGrid<double> heat({steps, 5}, diffuse,
                                  itself(reach::offset(-1), reach::ring(-1, 1)), 0.25);
      const std::int64_t before = session.stages().bytes_broadcast();
      EXPECT_EQ(session.compute(heat.slice(0, steps - 1)), diffused(steps, 5, 0.25));
      bytes.push_back(session.stages().bytes_broadcast() - before);
    }
    EXPECT_LE(bytes[1], bytes[0] + 64);
    EXPECT_LE(bytes[1], 2048);
  });
}

INSTANTIATE_TEST_SUITE_P(RanksAndThreads, Grids, ::testing::ValuesIn(testing::ranks_and_threads()));

TEST(TaskGrid, GridsThatCannotRunAreUsageErrors) {
  const auto f = [](const GridPoint&, const Inputs<int>&) { return 1; };
  using Grid = TaskGrid<int>;
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::same(), reach::offset(-1, 1))), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(0, 1), reach::same())), Error);
  EXPECT_THROW(Grid({4}, f, itself(reach::every())), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(-1))), Error) << "one reach too few";
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(-1), reach::same().along(2))), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(-1), reach::ring(-5, 0))), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(-1), reach::scaled(1, 0, 0, 0))), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(-1), reach::scaled(INT64_MAX, 0, 0))), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(INT64_MIN), reach::ring(-1, 1))), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(-1), reach::offset(INT64_MIN, INT64_MAX))),
               Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(reach::offset(-1), reach::ring(INT64_MIN, INT64_MAX))),
               Error);
  EXPECT_NO_THROW(Grid({4, 0}, f, itself(reach::offset(-1), reach::ring(-1, 1))));
  EXPECT_THROW(Grid({-1, 4}, f, itself(reach::offset(-1), reach::same())), Error);
  EXPECT_THROW(Grid({INT64_MAX, 4}, f, itself(reach::offset(-1), reach::same())), Error);
  EXPECT_THROW(Grid({std::int64_t{1} << 40, std::int64_t{1} << 40}, f,
                    itself(reach::offset(-1), reach::same())),
               Error);
  EXPECT_NO_THROW(Grid({4, 4}, f, itself(reach::offset(-3, -1), reach::every())));
  EXPECT_NO_THROW(Grid({4, 4}, f, itself(reach::scaled(1, -1, -1, 2).within(1, 4), reach::same())));
}

// Says one thing to the tasks and another to the results.
struct Lopsided {
  std::int64_t shift = 0;
  void inputs(const GridPoint& at, GridVisit visit) const { visit({at[0] - 1, at[1]}); }
  void consumers(const GridPoint& at, GridVisit visit) const { visit({at[0] + 1, at[1] + shift}); }
};
struct Forward {
  void inputs(const GridPoint& at, GridVisit visit) const { visit({at[0] + 1, at[1]}); }
  void consumers(const GridPoint& at, GridVisit visit) const { visit({at[0] - 1, at[1]}); }
};
struct Flat {
  void inputs(const GridPoint& at, GridVisit visit) const { visit({at[0] - 1}); }
  void consumers(const GridPoint& at, GridVisit visit) const { visit({at[0] + 1}); }
};
struct Hungry {
  static constexpr bool feeds_all = true;
  void inputs(const GridPoint&, GridVisit) const {}
  void consumers(const GridPoint&, GridVisit) const {}
};

TEST(TaskGrid, AnnotationsThatItsTasksCannotHaveAreUsageErrors) {
  const auto f = [](const GridPoint&) { return 1; };
  using Grid = TaskGrid<int>;
  EXPECT_NO_THROW(Grid({4}, TaskOptions{.name = "f", .retries = 3}, f));
  EXPECT_THROW(Grid({4}, TaskOptions{.priority = 1}, f), Error);
  EXPECT_THROW(Grid({4}, TaskOptions{.resources = {{"gpu", 1}}}, f), Error);
  EXPECT_THROW(Grid({4}, TaskOptions{.ranks = {0}}, f), Error);
}

TEST(TaskGrid, CodeThatContradictsItselfIsAUsageError) {
  const auto f = [](const GridPoint&, const Inputs<int>&) { return 1; };
  using Grid = TaskGrid<int>;
  EXPECT_NO_THROW(Grid({4, 4}, f, itself(Lopsided{0})));
  EXPECT_THROW(Grid({4, 4}, f, itself(Lopsided{1})), Error);
  EXPECT_THROW(Grid({400, 400}, f, itself(Lopsided{1})), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(Forward{})), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(Flat{})), Error);
  EXPECT_THROW(Grid({4, 4}, f, itself(Hungry{})), Error);
}

}  // namespace
}  // namespace rankine
