// Results made in the background: futures, persisted arrays, scattered values.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <string>
#include <thread>

#include "runtime/rankine.h"
#include "tests/support/cluster.h"
#include "tests/support/random.h"

namespace rankine {
namespace {

using testing::Random;
using testing::run_cluster;
using testing::threads;

double add(double a, double b) { return a + b; }
std::int64_t square(std::int64_t x) { return x * x; }
std::int64_t total(std::vector<std::int64_t> values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}
std::int64_t fail_if_odd(std::int64_t x) {
  if (x % 2 != 0) throw std::runtime_error("odd: " + std::to_string(x));
  return x;
}
std::vector<double> long_value(int length) {
  std::vector<double> values(static_cast<std::size_t>(length));
  std::iota(values.begin(), values.end(), 0.5);
  return values;
}
double sum_of(std::vector<double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

std::atomic<int> gate{0};
int wait_for_gate(int wanted) {
  while (gate < wanted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return wanted;
}

class OnRanks : public ::testing::TestWithParam<std::pair<int, int>> {
 protected:
  void run(const std::function<void(Session&)>& client) {
    run_cluster(GetParam().first, threads(GetParam().second), client);
  }
};

TEST_P(OnRanks, AnErrorNamesTheLineOfTheSubmit) {
  run([](Session& session) {
    const auto told = [](const auto& future) {
      try {
        future.get();
      } catch (const Error& error) {
        return error.task_story;
      }
      return std::string("no error");
    };
    const auto place = [](int line) { return "futures_test.cc:" + std::to_string(line); };
    const int one = __LINE__ + 1;
    const auto submitted = session.submit(fail_if_odd, std::int64_t{3});
    const auto without = session.submit([]() -> int { throw std::runtime_error("no"); });
    const auto mapped = session.map(fail_if_odd, std::vector<std::int64_t>{5});
    const auto described = session.submit(session.delayed(fail_if_odd, std::int64_t{7}));
    EXPECT_NE(told(submitted).find(place(one)), std::string::npos) << told(submitted);
    EXPECT_NE(told(without).find(place(one + 1)), std::string::npos) << told(without);
    EXPECT_NE(told(mapped[0]).find(place(one + 2)), std::string::npos) << told(mapped[0]);
    EXPECT_NE(told(described).find(place(one + 3)), std::string::npos) << told(described);
  });
}

TEST_P(OnRanks, ASubmitTakesOptions) {
  run([](Session& session) {
    const auto named =
        session.submit(TaskOptions{.name = "odd", .retries = 1}, fail_if_odd, std::int64_t{3});
    try {
      named.get();
      FAIL() << "it throws";
    } catch (const Error& error) {
      EXPECT_NE(error.message.find("(after 2 attempts)"), std::string::npos) << error.message;
      EXPECT_NE(error.task_story.find("odd"), std::string::npos) << error.task_story;
    }
    EXPECT_EQ(session.compute(session.delayed(TaskOptions{.name = "sum"}, add, 1.0, 2.0)), 3.0);
  });
}

TEST_P(OnRanks, AFutureHasTheValueOfItsTask) {
  run([](Session& session) {
    const Future<double> sum = session.submit(add, 1.5, 2.0);
    EXPECT_EQ(sum.get(), 3.5);
    EXPECT_TRUE(sum.done());
    EXPECT_EQ(sum.get(), 3.5) << "a second time";
    const Future<std::string> text =
        session.submit([](std::string a, int n) { return a + std::to_string(n); }, "x", 7);
    EXPECT_EQ(text.get(), "x7");
    const Future<void> nothing = session.submit([] {});
    nothing.get();
  });
}

TEST_P(OnRanks, FuturesAndDelayedAreArguments) {
  run([](Session& session) {
    Future<std::int64_t> x = session.submit(square, 2);
    for (int i = 0; i < 5; ++i) {
      x = session.submit([](std::int64_t a, std::int64_t b) { return a + b; }, x,
                         delayed(square, std::int64_t{i}));
    }
    EXPECT_EQ(x.get(), 4 + 0 + 1 + 4 + 9 + 16);
    // In a graph of a later call.
    EXPECT_EQ(session.compute(delayed(square, x)), 34 * 34);
    std::vector<Future<std::int64_t>> many =
        session.map(square, std::vector<std::int64_t>{1, 2, 3});
    EXPECT_EQ(session.compute(delayed(total, many)), 14);
    EXPECT_EQ(session.submit(total, many).get(), 14);
  });
}

TEST_P(OnRanks, MapAndGatherKeepTheOrder) {
  run([](Session& session) {
    std::vector<std::int64_t> values(1000);
    std::iota(values.begin(), values.end(), -500);
    const auto futures = session.map(square, values);
    wait(futures);
    for (const auto& future : futures) EXPECT_TRUE(future.done());
    const std::vector<std::int64_t> squares = gather(futures);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(squares[i], values[i] * values[i]);
    EXPECT_TRUE(gather(std::vector<Future<int>>{}).empty());
    wait(std::vector<Future<int>>{});
  });
}

TEST_P(OnRanks, LongValuesStayWhereTheyAreUntilTheyAreAskedFor) {
  run([](Session& session) {
    std::vector<Future<std::vector<double>>> values;
    for (int length : {0, 1, 100, 5000, 100000, 300000}) {
      values.push_back(session.submit(long_value, length));
    }
    for (const auto& value : values) {
      const double sum = session.submit(sum_of, value).get();
      const std::vector<double> here = value.get();
      EXPECT_EQ(sum, sum_of(here));
    }
    const auto again = gather(values);
    EXPECT_EQ(again.back().size(), 300000u);
    EXPECT_EQ(again.back().back(), 299999.5);
  });
}

TEST_P(OnRanks, OnlyWhatNeedsAFailedTaskFails) {
  run([](Session& session) {
    const auto futures = session.map(fail_if_odd, std::vector<std::int64_t>{0, 1, 2, 3});
    const Future<std::int64_t> after = session.submit(square, futures[1]);
    const Future<std::int64_t> other = session.submit(square, futures[2]);
    EXPECT_EQ(futures[0].get(), 0);
    EXPECT_EQ(futures[2].get(), 2);
    EXPECT_EQ(other.get(), 4);
    for (const auto& broken : {futures[1], after}) {
      try {
        broken.get();
        ADD_FAILURE() << "nothing was thrown";
      } catch (const Error& error) {
        EXPECT_NE(error.message.find("odd: 1"), std::string::npos) << error.message;
        EXPECT_NE(error.task_story.find("rank"), std::string::npos) << error.task_story;
        EXPECT_NE(error.task_story.find("task 1"), std::string::npos) << error.task_story;
        EXPECT_EQ(error.exit_code, ExitCode::kTaskFailed);
      }
    }
    EXPECT_THROW(gather(futures), Error);
    EXPECT_THROW(session.compute(delayed(square, futures[3])), Error);
    EXPECT_EQ(session.submit(square, 5).get(), 25) << "the session goes on";
  });
}

TEST_P(OnRanks, AsCompletedGivesEachOnceTheFirstFirst) {
  gate = 0;
  run([](Session& session) {
    if (session.threads() * session.ranks() < 3) return;  // some tasks wait while others run
    const Future<int> late = session.submit(wait_for_gate, 1);
    const Future<int> soon = session.submit(wait_for_gate, 0);
    std::vector<int> order;
    for (const auto& future : as_completed(std::vector{late, soon})) {
      order.push_back(future.get());
      gate = 1;
    }
    EXPECT_EQ(order, (std::vector{0, 1}));
  });
}

TEST_P(OnRanks, AFutureIsCancelled) {
  gate = 0;
  run([](Session& session) {
    Future<int> stuck = session.submit(wait_for_gate, 1);
    std::vector<Future<std::int64_t>> others;
    for (int i = 0; i < 20; ++i) others.push_back(session.submit(square, i));
    EXPECT_TRUE(others[15].cancel() || others[15].done());
    EXPECT_TRUE(stuck.cancel());
    EXPECT_FALSE(stuck.cancel()) << "a second time";
    gate = 1;
    EXPECT_THROW(stuck.get(), Error);
    EXPECT_EQ(others[19].get(), 361);
    EXPECT_EQ(session.submit(square, 6).get(), 36);
  });
}

TEST_P(OnRanks, ManyFuturesAreStartedFasterThanGraphs) {
  run([](Session& session) {
    std::vector<Future<std::int64_t>> futures;
    for (std::int64_t i = 0; i < 3000; ++i) futures.push_back(session.submit(square, i));
    std::int64_t sum = 0;
    for (std::int64_t value : gather(futures)) sum += value;
    EXPECT_EQ(sum, std::int64_t{2999} * 3000 * 5999 / 6);
  });
}

// Each waits until all have begun, so all threads of all ranks must have one.
TEST_P(OnRanks, AsManyRunAtATimeAsThereAreThreads) {
  gate = 0;
  run([](Session& session) {
    const int all = session.ranks() * session.threads();
    std::vector<Future<int>> futures;
    for (int i = 0; i < all; ++i) {
      futures.push_back(session.submit(
          [](int wanted) {
            ++gate;
            return wait_for_gate(wanted);
          },
          all));
    }
    for (const auto& future : futures) EXPECT_EQ(future.get(), all);
  });
}

TEST_P(OnRanks, WhatIsNotDoneWhenTheSessionEndsIsGivenUp) {
  gate = 0;
  std::optional<Future<int>> outlives;
  std::optional<Array> array;
  // The session, once it ends, waits for the task that runs.
  std::atomic<bool> ending{false};
  std::thread opener([&] {
    while (!ending) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    gate = 5;
  });
  run([&](Session& session) {
    outlives = session.submit(wait_for_gate, 5);
    for (int i = 0; i < 30; ++i) session.submit(square, i);
    array = session.persist(arange(100, 10) + 1);
    ending = true;
  });
  opener.join();
  EXPECT_THROW(outlives->get(), Error);
}

TEST_P(OnRanks, APersistedArrayIsUsedLikeTheArray) {
  Random random("Futures.APersistedArrayIsUsedLikeTheArray");
  run([&](Session& session) {
    for (int round = 0; round < 10; ++round) {
      const std::int64_t rows = random.between(1, 40), columns = random.between(1, 30);
      const Array x = (arange(rows, random.between(1, 9)).rename({"y"}) * 10 +
                       arange(columns, random.between(1, 9)).rename({"x"}));
      const Array held = session.persist(sqrt(x));
      EXPECT_EQ(held.shape(), x.shape());
      EXPECT_EQ(held.dims(), x.dims());
      const auto same = [&](const Array& a, const Array& b) {
        EXPECT_EQ(session.compute(a).bytes(), session.compute(b).bytes());
      };
      same(held, sqrt(x));
      same(held.mean("y"), sqrt(x).mean("y"));
      same(held.transpose() - held.mean("x"), sqrt(x).transpose() - sqrt(x).mean("x"));
      same(held.isel(0, Range{{}, {}, -1}), sqrt(x).isel(0, Range{{}, {}, -1}));
      same(held.rechunk({{0, -1}, {1, 2}}) + x, sqrt(x) + x);
      const Array twice = session.persist(held + 1);
      same(twice.sum(), (sqrt(x) + 1).sum());
      EXPECT_EQ(session.compute(delayed([](NdArray a) { return a.shape().size(); }, held)), 2u);
    }
  });
}

TEST_P(OnRanks, SeveralArraysArePersistedInOnePass) {
  run([](Session& session) {
    const Array x = arange(1000, 100);
    const auto [low, high, all] = session.persist(x.min(), x.max(), x * 2);
    EXPECT_EQ(session.compute(high - low).item<std::int64_t>(), 999);
    EXPECT_EQ(session.compute(all.sum()).item<std::int64_t>(), 999000);
    const Delayed<std::int64_t> task = session.persist(delayed(square, 9));
    EXPECT_EQ(session.compute(task), 81);
  });
}

TEST_P(OnRanks, AFailedPersistFailsWhatUsesIt) {
  run([](Session& session) {
    const Array zero = full({}, Literal::of(std::int64_t{2}), DType::kInt64);
    const Array held = session.persist(pow(zero, -(arange(10, 2) + 1)));
    EXPECT_THROW(session.compute(held.sum()), Error);
    const Array after = session.persist(held + 1);
    EXPECT_THROW(session.compute(after), Error);
    EXPECT_EQ(session.compute(arange(4, 2).sum()).item<std::int64_t>(), 6);
  });
}

TEST_P(OnRanks, AScatteredValueIsTakenByManyTasks) {
  run([](Session& session) {
    std::vector<double> table(200000);
    std::iota(table.begin(), table.end(), 0.0);
    const Ref<std::vector<double>> ref = session.scatter(table);
    const auto look_up = [](const std::vector<double>& t, std::int64_t i) {
      return t[static_cast<std::size_t>(i)];
    };
    std::vector<Future<double>> found;
    for (std::int64_t i = 0; i < 50; ++i) found.push_back(session.submit(look_up, ref, i * 100));
    for (std::int64_t i = 0; i < 50; ++i) {
      EXPECT_EQ(found[static_cast<std::size_t>(i)].get(), static_cast<double>(i) * 100);
    }
    EXPECT_EQ(session.compute(delayed(look_up, ref, std::int64_t{77})), 77);
  });
}

INSTANTIATE_TEST_SUITE_P(RanksAndThreads, OnRanks,
                         ::testing::Values(std::pair{1, 1}, std::pair{1, 2}, std::pair{2, 1},
                                           std::pair{3, 2}, std::pair{5, 1}));

}  // namespace
}  // namespace rankine
