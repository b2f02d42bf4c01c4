// Tasks that run on other ranks than their homes, over real MPI, in one start of the launcher with
// any number of ranks from two on: what they give, and which of them move.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "collectives/environment.h"
#include "io/probe.h"
#include "runtime/rankine.h"

namespace rankine {
namespace {

World* world = nullptr;  // lives in run_world

// The client of every test: rank 0 runs it, the others serve.
void on_all_ranks(const Client& client) {
  RunSettings settings;
  settings.threads = 1;
  settings.quiet = true;
  EXPECT_EQ(world->session(settings, client), 0);
}

// Long on the home of the first tasks, short elsewhere.
std::int64_t uneven(std::int64_t index, std::int64_t count, std::int64_t ms) {
  if (index < count) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return index * index;
}
std::int64_t sum_of(std::int64_t a, std::int64_t b) { return a + b; }
std::string repeated(const std::string& word, std::int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  std::string text;
  for (int i = 0; i < 3; ++i) text += word;
  return text;
}
std::int64_t last_fails(std::int64_t index, std::int64_t count) {
  uneven(index, count, 10);
  if (index + 1 == count) throw std::runtime_error("task " + std::to_string(index) + " is wrong");
  return index;
}

// As many for every rank; those of rank 0 take long.
std::vector<Delayed<std::int64_t>> uneven_tasks(int ranks, std::int64_t each, std::int64_t ms) {
  std::vector<Delayed<std::int64_t>> tasks;
  for (std::int64_t i = 0; i < each * ranks; ++i) tasks.push_back(delayed(uneven, i, each, ms));
  return tasks;
}

TEST(Steal, SleepingTasksMoveAndGiveTheSame) {
  on_all_ranks([](Session& session) {
    std::vector<std::int64_t> values[2];
    for (const bool steal : {false, true}) {
      session.set_steal(steal);
      const std::int64_t before = session.stages().tasks_stolen();
      values[steal ? 1 : 0] = session.compute(uneven_tasks(session.ranks(), 24, 10));
      const std::int64_t stolen = session.stages().tasks_stolen() - before;
      EXPECT_EQ(stolen > 0, steal) << stolen;
    }
    EXPECT_EQ(values[0], values[1]);
  });
}

// Words of 90 kB, which are pulled, and results of three times that.
TEST(Steal, InputsAndResultsOfAnyLengthTravel) {
  on_all_ranks([](Session& session) {
    std::vector<std::string> texts[2];
    for (const bool steal : {false, true}) {
      session.set_steal(steal);
      std::vector<Delayed<std::string>> tasks;
      for (std::int64_t i = 0; i < 20 * session.ranks(); ++i) {
        const bool long_one = i < 20;
        const std::string word(long_one ? 90'000 : 5, static_cast<char>('a' + i % 26));
        const auto first = delayed(repeated, word, 0);
        tasks.push_back(delayed(repeated, first, long_one ? 10 : 0));
      }
      texts[steal ? 1 : 0] = session.compute(tasks);
    }
    EXPECT_TRUE(texts[0] == texts[1]);
  });
}

TEST(Steal, TasksThatDoNothingStayAtHome) {
  on_all_ranks([](Session& session) {
    std::vector<Delayed<std::int64_t>> tasks;
    for (std::int64_t i = 0; i < 20'000; ++i) tasks.push_back(delayed(sum_of, i, i));
    for (int round = 0; round < 5; ++round) session.compute(tasks);
    // A task whose thread lost its core for a while looks long.
    EXPECT_LT(session.stages().tasks_stolen(), 5 * 20'000 / 100);
  });
}

// The last of the long tasks of rank 0 is the first that it lends.
TEST(Steal, AStolenTaskThatFailsTellsItsStory) {
  on_all_ranks([](Session& session) {
    constexpr std::int64_t kEach = 24;
    std::vector<Delayed<std::int64_t>> tasks;
    for (std::int64_t i = 0; i < kEach * session.ranks(); ++i) {
      tasks.push_back(delayed(last_fails, i, kEach));
    }
    try {
      session.compute(tasks);
      ADD_FAILURE() << "it does not fail";
    } catch (const Error& error) {
      EXPECT_NE(error.block().find("task 23 is wrong"), std::string::npos) << error.block();
      EXPECT_NE(error.task_story.find("rank "), std::string::npos) << error.task_story;
      EXPECT_NE(error.task_story.find("steal_mpi.cc"), std::string::npos) << error.task_story;
    }
    EXPECT_EQ(session.compute(delayed(sum_of, 1, 2)), 3) << "the session goes on";
  });
}

// Futures stay where they are at home, wherever they were made, and later graphs find them there.
TEST(Steal, FuturesComeHome) {
  on_all_ranks([](Session& session) {
    const std::int64_t before = session.stages().tasks_stolen();
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < 24 * session.ranks(); ++i) numbers.push_back(i);
    const auto futures = session.map(
        [](std::int64_t i) {
          if (i < 24) std::this_thread::sleep_for(std::chrono::milliseconds(10));
          return i + 1;
        },
        numbers);
    std::int64_t sum = 0;
    for (const auto& future : futures) sum += future.get();
    std::int64_t expected = 0;
    for (const std::int64_t i : numbers) expected += i + 1;
    EXPECT_EQ(sum, expected);
    EXPECT_EQ(session.compute(delayed(sum_of, 1, 2)), 3);  // what is over is counted by then
    EXPECT_GT(session.stages().tasks_stolen() - before, 0);
  });
}

int run_tests(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  RunSettings settings;
  return run_world(settings, [](World& all) {
    world = &all;
    if (all.communicator().rank() != 0) {  // one voice is enough
      delete ::testing::UnitTest::GetInstance()->listeners().Release(
          ::testing::UnitTest::GetInstance()->listeners().default_result_printer());
    }
    const int result = RUN_ALL_TESTS();
    return all.communicator().rank() == 0 ? result : 0;
  });
}

}  // namespace
}  // namespace rankine

int main(int argc, char** argv) {
  if (const auto code = rankine::io::run_probe_child(argc, argv)) return *code;
  return rankine::run_tests(argc, argv);
}
