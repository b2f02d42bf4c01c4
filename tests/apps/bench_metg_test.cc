// What `bench metg` relies on: its patterns, what its tasks look at, and how figures are made.
#include <gtest/gtest.h>

#include <map>

#include "apps/bench_pattern.h"
#include "apps/bench_work.h"
#include "apps/metg_point.h"

namespace rankine::apps {
namespace {

std::vector<std::int64_t> inputs(const Pattern& pattern, std::int64_t step, std::int64_t column) {
  const auto columns = pattern.inputs(step, column);
  return {columns.begin(), columns.end()};
}

TEST(Pattern, InputsAndConsumersAreEachOthersInverse) {
  for (const std::string& name : Pattern::names()) {
    for (const std::int64_t width : {1, 2, 3, 5, 8, 13}) {
      const Pattern pattern(Pattern::kind_of(name), width, 7);
      for (std::int64_t step = 1; step <= 2 * pattern.period(); ++step) {
        std::map<std::pair<std::int64_t, std::int64_t>, int> taken, given;
        for (std::int64_t column = 0; column < width; ++column) {
          for (const std::int64_t from : pattern.inputs(step, column)) ++taken[{from, column}];
          for (const std::int64_t to : pattern.consumers(step, column)) ++given[{column, to}];
          EXPECT_EQ(pattern.inputs(step, column).empty(), name == "trivial");
        }
        EXPECT_EQ(taken, given) << name << ", width " << width << ", step " << step;
      }
    }
  }
}

TEST(Pattern, ColumnsAreThoseOfTaskBench) {
  using List = std::vector<std::int64_t>;
  const auto of = [](const char* name) { return Pattern(Pattern::kind_of(name), 8, 0); };
  EXPECT_EQ(inputs(of("stencil"), 1, 0), (List{0, 1}));
  EXPECT_EQ(inputs(of("stencil"), 5, 4), (List{3, 4, 5}));
  EXPECT_EQ(inputs(of("nearest"), 1, 1), (List{0, 1, 2, 3}));
  EXPECT_EQ(inputs(of("spread"), 1, 2), (List{2, 3, 5, 6, 0}));
  EXPECT_EQ(inputs(of("spread"), 2, 2), (List{2, 4, 6, 7, 1}));
  EXPECT_EQ(inputs(of("fft"), 1, 0), (List{0, 1}));
  EXPECT_EQ(inputs(of("fft"), 2, 3), (List{1, 3, 5}));
  EXPECT_EQ(inputs(of("fft"), 3, 3), (List{3, 7}));
  EXPECT_EQ(inputs(of("fft"), 4, 3), (List{2, 3, 4})) << "from the front again";
  EXPECT_EQ(inputs(of("tree"), 1, 7), List{3});
  EXPECT_EQ(inputs(of("all_to_all"), 1, 7).size(), 8U);
  EXPECT_THROW(Pattern::kind_of("star"), Error);
}

TEST(Work, ATaskSeesEveryWrongInput) {
  const Work work{Pattern(Pattern::Kind::kStencil, 4, 0), 3, false, 0};
  const auto run = [&](std::vector<Cell> before) {
    return work.run(2, 1, before.size(), [&](std::size_t i) -> const Cell& { return before[i]; });
  };
  const std::vector<Cell> right = {{1, 0, 0.5}, {1, 1, 0.25}, {1, 2, 0}};
  EXPECT_EQ(run(right).step, 2);
  EXPECT_EQ(run(right).column, 1);
  const auto refuses = [&](const auto& damage) {
    std::vector<Cell> wrong = right;
    damage(wrong);
    EXPECT_THROW(run(wrong), Error);
  };
  refuses([](auto& cells) { cells.pop_back(); });
  refuses([](auto& cells) { cells.push_back({1, 3, 0}); });
  refuses([](auto& cells) { std::swap(cells[0], cells[1]); });
  refuses([](auto& cells) { cells[2].step = 0; });
  refuses([](auto& cells) { cells[1].column = 0; });
  refuses([](auto& cells) { cells.clear(); });
}

TEST(Work, ImbalanceTakesAShareOfTheIterations) {
  Work work{Pattern(Pattern::Kind::kTrivial, 4, 0), 1000, true, 0};
  double sum = 0;
  for (std::int64_t step = 0; step < 1000; ++step) {
    const std::int64_t iterations = work.iterations_of(step, step % 4);
    ASSERT_GE(iterations, 0);
    ASSERT_LT(iterations, 1000);
    EXPECT_EQ(iterations, work.iterations_of(step, step % 4)) << "always the same";
    sum += static_cast<double>(iterations);
  }
  EXPECT_NEAR(sum / 1000, 500, 50);
  work.imbalance = false;
  EXPECT_EQ(work.iterations_of(3, 3), 1000);
}

// A runtime with a fixed overhead reaches one half where a task is as long as it.
TEST(Metg, AFixedOverheadIsFoundBetweenAnyPoints) {
  for (const double overhead : {0.3, 1.0, 7.0}) {
    std::vector<MetgPoint> points;
    for (const double work : {0.0, 0.1, 0.5, 2.0, 40.0, 300.0}) {
      points.push_back({work + overhead, work / (work + overhead)});
    }
    EXPECT_NEAR(metg_of(points), 2 * overhead, 1e-9);
  }
  EXPECT_EQ(metg_of({{1, 0}, {2, 0.3}, {100, 0.49}}), 0) << "never reached";
  EXPECT_EQ(metg_of({}), 0);
  const double noisy = metg_of({{1, 0}, {1.5, 0.51}, {1.6, 0.4}, {3, 0.7}});
  EXPECT_GT(noisy, 1.6);
  EXPECT_LT(noisy, 3);
}

}  // namespace
}  // namespace rankine::apps
