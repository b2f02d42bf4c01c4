// Random graphs of users' tasks one after the other on one set of ranks, some of which fail,
// against the same functions called in a plain loop. tests/runtime/simulate has many more, without
// threads.
#include <gtest/gtest.h>

#include <cstdio>
#include <optional>

#include "runtime/rankine.h"
#include "tests/support/cluster.h"
#include "tests/support/random.h"

namespace rankine {
namespace {

using testing::Random;
using testing::run_cluster;
using testing::threads;

using Words = std::vector<std::uint64_t>;

// Depends on every word it takes. Some results travel eagerly, some are pulled.
Words digest(std::uint64_t own, const std::vector<Words>& taken) {
  std::uint64_t word = simulate::mixed(own);
  for (const Words& words : taken) {
    for (const std::uint64_t other : words) word = simulate::mixed(word ^ other);
  }
  Words words(word % 16 == 0 ? 10'000 : 1 + word % 5);
  for (std::uint64_t& each : words) each = word = simulate::mixed(word);
  return words;
}
Words failure(std::uint64_t, const std::vector<Words>&) {
  throw std::runtime_error("a task fails on purpose");
}

struct Made {
  std::vector<Delayed<Words>> asked;
  std::vector<Words> expected;
  bool fails = false;
};

Made random_tasks(Random& random) {
  Made made;
  std::vector<Delayed<Words>> tasks;
  std::vector<Words> values;
  const bool may_fail = random.one_in(4);
  for (std::int64_t i = random.between(1, 100); i > 0; --i) {
    std::vector<Delayed<Words>> takes;
    std::vector<Words> taken;
    for (std::int64_t k = tasks.empty() ? 0 : random.between(0, 4); k > 0; --k) {
      const auto other = static_cast<std::size_t>(random.between(0, std::ssize(tasks) - 1));
      takes.push_back(tasks[other]);
      taken.push_back(values[other]);
    }
    const std::uint64_t own = random.word();
    const bool fails = may_fail && i == 1;  // the last, which is asked for
    made.fails = made.fails || fails;
    tasks.push_back(delayed(fails ? failure : digest, own, takes));
    values.push_back(digest(own, taken));
    if (i > 1 && !random.one_in(5)) continue;
    made.asked.push_back(tasks.back());
    made.expected.push_back(values.back());
  }
  return made;
}

class RandomTaskGraphs : public ::testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(RandomTaskGraphs, EndAndGiveWhatALoopGives) {
#ifdef RANKINE_SANITIZED
  constexpr int kGraphs = 20;
#else
  constexpr int kGraphs = 150;
#endif
  Random random("RandomTaskGraphs.EndAndGiveWhatALoopGives");
  int failures = 0;
  run_cluster(std::get<0>(GetParam()), threads(std::get<1>(GetParam())), [&](Session& session) {
    for (int round = 0; round < kGraphs; ++round) {
      const Made made = random_tasks(random);
      std::optional<std::vector<Words>> got;
      try {
        got = session.compute(made.asked);
      } catch (const Error& error) {
        EXPECT_NE(error.message.find("on purpose"), std::string::npos) << error.message;
        ++failures;
      }
      ASSERT_EQ(got.has_value(), !made.fails) << "round " << round;
      if (!got) continue;
      ASSERT_EQ(*got, made.expected) << "round " << round;
    }
  });
  std::printf("%d of %d graphs failed\n", failures, kGraphs);
}

INSTANTIATE_TEST_SUITE_P(RanksByThreads, RandomTaskGraphs,
                         ::testing::Values(std::tuple(1, 2), std::tuple(2, 2), std::tuple(3, 1),
                                           std::tuple(5, 2)),
                         [](const auto& test) {
                           return std::to_string(std::get<0>(test.param)) + "x" +
                                  std::to_string(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace rankine
