// Users' tasks: irregular graphs with values of many types, on several ranks and threads, against
// the same functions called one after the other.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <numeric>
#include <string>

#include "runtime/base/resident_memory.h"
#include "runtime/rankine.h"
#include "tests/support/cluster.h"
#include "tests/support/random.h"

namespace rankine {
namespace {

using testing::Random;
using testing::run_cluster;
using testing::threads;

class Tasks : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  int ranks() const { return std::get<0>(GetParam()); }
  RunSettings settings() const { return threads(std::get<1>(GetParam())); }
};

double add(double a, double b) { return a + b; }
double subtract(double a, double b) { return a - b; }

// A state that travels.
struct Scale {
  double factor = 1;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(factor);
  }
  double operator()(double x) const { return factor * x; }
};

struct Particle {
  std::string name;
  std::vector<double> position;
  std::map<std::string, int> tags;
  bool operator==(const Particle&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, position, tags);
  }
};

TEST_P(Tasks, FunctionsOfOneSignatureAreToldApart) {
  run_cluster(ranks(), settings(), [](Session& session) {
    const Delayed<double> a = delayed(add, 1.5, 2.0), b = delayed(subtract, a, 1.0);
    const Delayed<double> c = delayed([](double x, double y) { return x * y; }, a, b);
    const Delayed<double> d = delayed([](double x, double y) { return x / y; }, c, a);
    const Delayed<double> e = delayed(Scale{10}, d), f = delayed(Scale{100}, d);
    EXPECT_EQ(session.compute(c), 8.75);
    EXPECT_EQ(session.compute(a, b, c, d, e, f), (std::tuple{3.5, 2.5, 8.75, 2.5, 25.0, 250.0}));
    EXPECT_EQ(session.compute(session.delayed(add, a, a)), 7.0);
  });
}

TEST_P(Tasks, ValuesOfManyTypesArriveAsTheyWere) {
  run_cluster(ranks(), settings(), [](Session& session) {
    const Particle particle{"mu", {1, 2, 3}, {{"charge", -1}}};
    const Delayed<Particle> moved = delayed(
        [](Particle p, const std::vector<float>& by, const std::string& name, bool yes) {
          for (std::size_t i = 0; i < by.size(); ++i) p.position[i] += by[i];
          if (yes) p.name += name;
          return p;
        },
        particle, std::vector<float>{1, 0, -1}, "on", true);
    EXPECT_EQ(session.compute(moved), (Particle{"muon", {2, 2, 2}, {{"charge", -1}}}));
    const Delayed<std::vector<std::int64_t>> large = delayed(
        [](std::int64_t n) {
          std::vector<std::int64_t> values(static_cast<std::size_t>(n));
          std::iota(values.begin(), values.end(), 0);
          return values;
        },
        std::int64_t{300'000});
    const auto sum = [](const std::vector<std::int64_t>& v) {
      return std::accumulate(v.begin(), v.end(), std::int64_t{0});
    };
    std::vector<Delayed<std::int64_t>> sums;
    for (int i = 0; i < 8; ++i) sums.push_back(delayed(sum, large));
    for (const auto& one : sums) EXPECT_EQ(session.compute(one), 44'999'850'000);
    EXPECT_EQ(session.compute(large).size(), 300'000u);
    EXPECT_EQ(session.compute(sums), std::vector<std::int64_t>(8, 44'999'850'000));
    EXPECT_EQ(session.compute(delayed(sum, sums)), 8 * 44'999'850'000);
    EXPECT_EQ(session.compute(delayed(sum, std::vector<Delayed<std::int64_t>>())), 0);
    const auto [quotient, rest] = split(delayed(
        [](int a, int b) {
          return std::pair{a / b, a % b};
        },
        17, 5));
    EXPECT_EQ(session.compute(quotient, rest), (std::tuple{3, 2}));
  });
}

std::atomic<int> calls{0};

TEST_P(Tasks, WhatReturnsNothingRunsOnceAndBeforeWhatFollows) {
  run_cluster(ranks(), settings(), [](Session& session) {
    calls = 0;
    const Delayed<void> nothing = delayed([] { ++calls; });
    session.compute(nothing);
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(std::get<1>(session.compute(nothing, delayed(add, 1.0, 1.0))), 2.0);
    EXPECT_EQ(calls, 2);
    delayed([] { calls = 100; });  // not asked for
    session.compute(delayed(add, 1.0, 1.0));
    EXPECT_EQ(calls, 2);
  });
}

TEST_P(Tasks, TakeArraysAndStandBesideThem) {
  run_cluster(ranks(), settings(), [](Session& session) {
    const Array x = arange(1000, 64) * 2.0;
    const Delayed<double> mine = delayed(
        [](const NdArray& values, double scale) {
          double sum = 0;
          for (std::int64_t i = 0; i < values.size(); ++i) sum += values.data<double>()[i];
          return scale * sum;
        },
        x, 0.5);
    const auto [total, sum, mean] = session.compute(mine, x.sum(), x.mean());
    EXPECT_EQ(total, 499'500.0);
    EXPECT_EQ(sum.item<double>(), 999'000.0);
    EXPECT_EQ(mean.item<double>(), 999.0);
    const Delayed<NdArray> same = delayed(
        [](const NdArray& a, const NdArray& b) { return a.size() > b.size() ? a : b; }, x.max(), x);
    EXPECT_EQ(session.compute(same).bytes(), session.compute(x).bytes());
  });
}

TEST_P(Tasks, ThatThrowEndTheirGraphWithTheirStory) {
  run_cluster(ranks(), settings(), [&](Session& session) {
    const auto fail = [](int x) -> int {
      if (x > 2) throw std::runtime_error("x is " + std::to_string(x));
      return x;
    };
    std::vector<Delayed<int>> some;
    for (int i = 0; i < 12; ++i) {
      some.push_back(delayed([](int a, int b) { return a + b; }, delayed(fail, i % 3), 1));
    }
    const int line = __LINE__ + 1;
    const Delayed<int> bad = delayed(fail, 3);
    try {
      session.compute(some[0], bad, some[11]);
      FAIL() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kTaskFailed);
      EXPECT_EQ(error.message, "x is 3");
      EXPECT_NE(error.task_story.find("delayed_test.cc:" + std::to_string(line)), std::string::npos)
          << error.task_story;
      EXPECT_EQ(error.task_story.find("rank ") != std::string::npos, ranks() > 1);
    }
    EXPECT_EQ(session.compute(some[11]), 3);
  });
}

TEST(EmbeddedArguments, GetAWordWhenTheyAreMany) {
  run_cluster(2, threads(1), [](Session& session) {
    const auto size = [](const std::vector<double>& values) { return values.size(); };
    ::testing::internal::CaptureStderr();
    session.compute(delayed(size, std::vector<double>(1000)));
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    ::testing::internal::CaptureStderr();
    const int line = __LINE__ + 1;
    const auto many = delayed(TaskOptions{.name = "size"}, size, std::vector<double>(500'000));
    EXPECT_EQ(session.compute(many), 500'000u);
    const std::string word = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(word.find("embeds 4.0 MB"), std::string::npos) << word;
    EXPECT_NE(word.find("size, delayed_test.cc:" + std::to_string(line)), std::string::npos)
        << word;
  });
}

TEST(EmbeddedArguments, OfFuturesAndGridsCountToo) {
  run_cluster(1, threads(1), [](Session& session) {
    const std::vector<double> many(500'000, 1.0);
    ::testing::internal::CaptureStderr();
    const int line = __LINE__ + 1;
    session.submit([](const std::vector<double>& values) { return values.size(); }, many).get();
    std::string word = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(word.find("delayed_test.cc:" + std::to_string(line)), std::string::npos) << word;
    EXPECT_NE(word.find("scatter"), std::string::npos) << word;
    ::testing::internal::CaptureStderr();
    const TaskGrid<double> grid(
        {3},
        [](const GridPoint& at, const std::vector<double>& table) {
          return table[static_cast<std::size_t>(at[0])];
        },
        many);
    EXPECT_EQ(session.compute(grid.at({2})), 1.0);
    word = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(word.find("embeds 4.0 MB"), std::string::npos) << word;
  });
}

TEST_P(Tasks, ThatReturnMoreThanARankMayHoldFail) {
  RunSettings little = settings();
  little.memory_bytes = resident_bytes() + (std::int64_t{256} << 20);
  const std::string most = "a rank may hold " + std::to_string(little.memory_bytes);
  const int many = static_cast<int>(little.memory_bytes >> 20) + 1;
  run_cluster(ranks(), little, [&](Session& session) {
    const auto zeros = [](int mebibytes) {
      return std::vector<double>(static_cast<std::size_t>(mebibytes) << 17);
    };
    const auto told = [](const auto& act) {
      try {
        act();
      } catch (const Error& error) {
        return error.message;
      }
      return std::string("no error");
    };
    const std::string often = told([&] { session.compute(delayed(zeros, many)); });
    EXPECT_NE(often.find(most), std::string::npos) << often;
    const std::string future = told([&] { session.submit(zeros, many).get(); });
    EXPECT_NE(future.find(most), std::string::npos) << future << ", and nothing of it is left";
    EXPECT_EQ(session.compute(delayed(zeros, 2)).size(), std::size_t{2} << 17);
  });
}

TEST_P(Tasks, ThatThrowMayBeTriedAgain) {
  run_cluster(ranks(), settings(), [](Session& session) {
    const auto third_time = [] {
      if (++calls % 3 != 0) throw std::runtime_error("not yet");
      return calls.load();
    };
    calls = 0;
    EXPECT_EQ(session.compute(delayed(TaskOptions{.name = "patient", .retries = 2}, third_time)),
              3);
    try {
      session.compute(delayed(TaskOptions{.name = "hasty", .retries = 1}, third_time));
      FAIL() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.message, "not yet (after 2 attempts)");
      EXPECT_EQ(error.task_story.rfind("hasty, task 0", 0), 0u) << error.task_story;
    }
  });
}

// What a task of a random graph returns: its number, and a digest of everything it was given, so
// that a wrong, missing or repeated input is seen at the end.
struct Record {
  std::int64_t number = 0;
  std::uint64_t digest = 0;
  std::vector<std::uint32_t> payload;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, digest, payload);
  }
};
Record made(std::int64_t number, std::uint64_t digest, std::size_t length) {
  Record record{number, digest * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(number), {}};
  record.payload.assign(length, static_cast<std::uint32_t>(record.digest));
  return record;
}
std::uint64_t seen(const Record& record, std::uint64_t place) {
  for (const std::uint32_t word : record.payload) {
    if (word != static_cast<std::uint32_t>(record.digest)) throw std::runtime_error("torn payload");
  }
  return record.digest * (2 * place + 1);
}
Record source(std::int64_t number, std::uint64_t length) { return made(number, 0, length); }
Record one(std::int64_t number, std::uint64_t length, const Record& a) {
  return made(number, seen(a, 0), length);
}
Record two(std::int64_t number, std::uint64_t length, const Record& a, const Record& b) {
  return made(number, seen(a, 0) ^ seen(b, 1), length);
}
Record three(std::int64_t number, std::uint64_t length, Record a, Record b, Record c) {
  return made(number, seen(a, 0) ^ seen(b, 1) ^ seen(c, 2), length);
}

TEST_P(Tasks, RandomGraphsSeeEveryInput) {
  Random random("Tasks.RandomGraphsSeeEveryInput");
  run_cluster(ranks(), settings(), [&](Session& session) {
    for (int round = 0; round < 10; ++round) {
      std::vector<Delayed<Record>> tasks;
      std::vector<Record> expected;
      const std::int64_t count = random.between(1, 150);
      for (std::int64_t i = 0; i < count; ++i) {
        // Some payloads travel eagerly, some are pulled.
        const auto length = static_cast<std::uint64_t>(random.between(0, 9) == 0 ? 20'000 : i % 50);
        const auto any = [&] { return static_cast<std::size_t>(random.between(0, i - 1)); };
        const std::int64_t inputs = i == 0 ? 0 : random.between(0, 3);
        if (inputs == 0) {
          tasks.push_back(delayed(source, i, length));
          expected.push_back(source(i, length));
        } else if (inputs == 1) {
          const std::size_t a = any();
          tasks.push_back(delayed(one, i, length, tasks[a]));
          expected.push_back(one(i, length, expected[a]));
        } else if (inputs == 2) {
          const std::size_t a = any(), b = any();  // may be the same
          tasks.push_back(delayed(two, i, length, tasks[a], tasks[b]));
          expected.push_back(two(i, length, expected[a], expected[b]));
        } else {
          const std::size_t a = any(), b = any(), c = any();
          tasks.push_back(delayed(three, i, length, tasks[a], tasks[b], tasks[c]));
          expected.push_back(three(i, length, expected[a], expected[b], expected[c]));
        }
      }
      const auto middle = static_cast<std::size_t>(random.between(0, count - 1));
      const auto [last, some] = session.compute(tasks.back(), tasks[middle]);
      EXPECT_EQ(last.digest, expected.back().digest) << "round " << round;
      EXPECT_EQ(some.digest, expected[middle].digest) << "round " << round;
      EXPECT_EQ(some.payload, expected[middle].payload) << "round " << round;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(RanksByThreads, Tasks, ::testing::ValuesIn(testing::ranks_and_threads()),
                         [](const auto& test) {
                           return std::to_string(std::get<0>(test.param)) + "x" +
                                  std::to_string(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace rankine
