// What users say about tasks: priority, where they may run, what they take while they run.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "runtime/rankine.h"
#include "runtime/session/prepare.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

using testing::run_cluster;
using testing::threads;

std::mutex mutex;
std::vector<int> order;
int note(int x) {
  const std::lock_guard lock(mutex);
  order.push_back(x);
  return x;
}

TEST(Annotations, TheHighestPriorityStartsFirst) {
  order.clear();
  run_cluster(1, threads(1), [](Session& session) {
    std::vector<Delayed<int>> tasks;
    for (int i = 0; i < 12; ++i) {
      tasks.push_back(delayed(TaskOptions{.priority = i % 3}, note, i));
    }
    std::vector<int> expected;
    for (int priority : {2, 1, 0}) {
      for (int i = priority; i < 12; i += 3) expected.push_back(i);
    }
    EXPECT_EQ(session.compute(tasks).size(), 12u);
    EXPECT_EQ(order, expected);
  });
}

std::atomic<int> running{0};
std::atomic<int> most{0};
int use(int x) {
  const int now = ++running;
  int seen = most;
  while (now > seen && !most.compare_exchange_weak(seen, now)) {
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  --running;
  return x;
}

TEST(Annotations, TasksNeverTakeMoreThanARankHas) {
  for (const std::int64_t need : {1, 2, 3}) {
    running = most = 0;
    RunSettings settings = threads(4);
    settings.resources = {{"gpu", 3}, {"disk", 1}};
    run_cluster(1, settings, [&](Session& session) {
      std::vector<Delayed<int>> tasks;
      for (int i = 0; i < 20; ++i) {
        tasks.push_back(delayed(TaskOptions{.resources = {{"gpu", need}}}, use, i));
      }
      const std::vector<int> results = session.compute(tasks);
      for (int i = 0; i < 20; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i);
      EXPECT_LE(most, 3 / need);
    });
  }
}

TEST(Annotations, WhatNoRankHasIsAnErrorAtOnce) {
  RunSettings settings = threads(1);
  settings.resources = {{"gpu", 1}};
  run_cluster(2, settings, [](Session& session) {
    const auto expect_refused = [&](TaskOptions options, const char* word) {
      options.name = "picky";
      try {
        session.compute(delayed(options, note, 1));
        ADD_FAILURE() << "nothing was thrown";
      } catch (const Error& error) {
        EXPECT_EQ(error.exit_code, ExitCode::kUsage);
        EXPECT_NE(error.block().find(word), std::string::npos) << error.block();
        EXPECT_NE(error.block().find("picky"), std::string::npos) << error.block();
      }
      EXPECT_THROW(session.submit(delayed(options, note, 1)).get(), Error);
    };
    expect_refused({.resources = {{"gpu", 2}}}, "--resources gpu=2");
    expect_refused({.resources = {{"gpu", 1}, {"tape", 1}}}, "tape=1");
    expect_refused({.ranks = {2, 7}}, "from 0 to 1");
    EXPECT_EQ(
        session.compute(delayed(TaskOptions{.resources = {{"gpu", 1}}, .ranks = {1}}, note, 3)), 3);
    EXPECT_EQ(session.submit(delayed(TaskOptions{.ranks = {0}}, note, 4)).get(), 4);
  });
}

TEST(Annotations, TasksAreAtHomeWhereTheyMayRun) {
  std::vector<Delayed<int>> tasks;
  for (int i = 0; i < 30; ++i) {
    TaskOptions options;
    if (i % 3 == 1) options.ranks = {4, 2};
    if (i % 3 == 2) options.resources = {{"gpu", 1}};
    tasks.push_back(delayed(options, note, i));
  }
  std::vector<std::uint32_t> numbers;
  for (const auto& task : tasks) numbers.push_back(task.task());
  const api::TaskGraph graph = tasks.front().arena()->needed_for(numbers);
  session::PrepareOptions options;
  options.machine.ranks = 5;
  options.machine.resources.resize(5);
  options.machine.resources[1] = options.machine.resources[3] = {{"gpu", 1}};
  const session::Prepared prepared = session::prepare({}, options, &graph);
  for (int i = 0; i < 30; ++i) {
    const int home = prepared.physical.placement.home(*prepared.physical.topology, {0, i});
    if (i % 3 == 1) {
      EXPECT_TRUE(home == 2 || home == 4) << home;
    }
    if (i % 3 == 2) {
      EXPECT_TRUE(home == 1 || home == 3) << home;
    }
  }
}

TEST(Annotations, AnnotatedGraphsRunOnManyRanks) {
  RunSettings settings = threads(2);
  settings.resources = {{"gpu", 1}};
  run_cluster(3, settings, [](Session& session) {
    std::vector<Delayed<int>> tasks;
    for (int i = 0; i < 200; ++i) {
      TaskOptions options{.priority = i % 5 - 2};
      if (i % 4 == 1) options.ranks = {i % 3};
      if (i % 7 == 2) options.resources = {{"gpu", 1}};
      if (i < 3) {
        tasks.push_back(delayed(options, note, i));
      } else {
        tasks.push_back(delayed(
            options, [](int a, int b, int c) { return (a * 3 + b * 5 + c) % 10007; },
            tasks[static_cast<std::size_t>(i / 2)], tasks[static_cast<std::size_t>(i - 1)], i));
      }
    }
    std::vector<int> expected;
    for (int i = 0; i < 200; ++i) {
      const auto at = [&](int k) { return expected[static_cast<std::size_t>(k)]; };
      expected.push_back(i < 3 ? i : (at(i / 2) * 3 + at(i - 1) * 5 + i) % 10007);
    }
    EXPECT_EQ(session.compute(tasks), expected);
  });
}

}  // namespace
}  // namespace rankine
