// Ten thousand random graphs on simulated ranks, against a serial executor: users' tasks and
// arrays, in random orders of messages, with tasks that move, slow ranks, failures, ranks that
// cannot take part, and users who stop.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/random.h"
#include "tests/support/random_case.h"

namespace rankine::testing {
namespace {

// Of each part; RANKINE_TEST_GRAPHS=N for a long watch.
std::uint64_t graph_count() {
#ifdef RANKINE_SANITIZED
  constexpr std::uint64_t kGraphs = 200;
#else
  constexpr std::uint64_t kGraphs = 2500;
#endif
  const char* text = std::getenv("RANKINE_TEST_GRAPHS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : kGraphs;
}

// So that they can run at the same time.
class RandomGraphs : public ::testing::TestWithParam<int> {};

TEST_P(RandomGraphs, GiveWhatASerialRunGivesInAnyOrderOfMessages) {
  const std::uint64_t count = graph_count();
  const std::uint64_t first =
      Random::chosen_seed() + static_cast<std::uint64_t>(GetParam()) * count;
  std::printf("graphs of the seeds from %llu on\n", static_cast<unsigned long long>(first));
  std::uint64_t outcomes[3] = {};
  std::int64_t moved = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    simulate::Random random(seed);
    try {
      const RandomCase wanted = random_case(random);
      ++outcomes[static_cast<int>(run_case(wanted, RandomRun(random), &moved))];
    } catch (const std::exception& fault) {
      FAIL() << fault.what() << "\nrepeat with RANKINE_TEST_SEED=" << seed
             << " --gtest_filter='*RandomGraphs*/0'";
    }
  }
  std::printf("%llu right, %llu failed as they must, %llu were stopped; %lld tasks moved\n",
              static_cast<unsigned long long>(outcomes[0]),
              static_cast<unsigned long long>(outcomes[1]),
              static_cast<unsigned long long>(outcomes[2]), static_cast<long long>(moved));
  if (count < 100) return;
  EXPECT_GT(moved, 0) << "and about tasks that move";
  for (const std::uint64_t seen : outcomes) EXPECT_GT(seen, 0U) << "the test is about all three";
}

INSTANTIATE_TEST_SUITE_P(Parts, RandomGraphs, ::testing::Range(0, 4));

}  // namespace
}  // namespace rankine::testing
