// What is said of how ranks were started.
#include "runtime/session/launch.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

namespace rankine::session {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

RankFacts rank_on(const std::string& node, int cores, int threads) {
  RankFacts rank;
  rank.program = {"/opt/rankine", "abc"};
  rank.seat = {node, std::vector<std::int32_t>(static_cast<std::size_t>(cores)), threads};
  std::iota(rank.seat.cores.begin(), rank.seat.cores.end(), 0);
  rank.memory_bytes = 4 * kGiB;
  rank.node_bytes = 16 * kGiB;
  rank.scratch = "/tmp";
  return rank;
}

std::vector<std::string> whats(const std::vector<RankFacts>& ranks) {
  std::vector<std::string> texts;
  for (const LaunchTrouble& trouble : launch_troubles(ranks)) {
    EXPECT_NE(trouble.remedy, "");
    texts.push_back(trouble.what);
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(Launch, IsRightIfEveryThreadHasACoreAndTheNodeHasTheMemory) {
  RankFacts beside = rank_on("a", 4, 4);
  for (std::int32_t& core : beside.seat.cores) core += 4;
  EXPECT_EQ(whats({rank_on("a", 4, 4), beside, rank_on("b", 8, 2)}), Texts());
  RankFacts unknown = rank_on("a", 0, 4);
  unknown.node_bytes = 0;
  EXPECT_EQ(whats({unknown}), Texts());
}

TEST(Launch, SaysWhichRanksHaveFewerCoresThanThreads) {
  EXPECT_EQ(whats({rank_on("a", 4, 4), rank_on("a", 1, 4), rank_on("a", 1, 4)}),
            Texts{"4 threads have 1 core to run on: ranks 1-2 on a"});
  EXPECT_EQ(whats({rank_on("a", 2, 4), rank_on("b", 2, 4)}),
            Texts{"4 threads have 2 cores to run on: ranks 0-1 on 2 nodes"});
}

TEST(Launch, NamesWhatHelpsWhereItWasStarted) {
  RankFacts rank = rank_on("a", 1, 2);
  EXPECT_EQ(launch_troubles({rank}).at(0).remedy, "--threads 1");
  rank.granted_cores = 2;
  using collectives::Launcher;
  const std::map<Launcher, std::string> remedies = {
      {Launcher::kOpenMpi, "mpirun --map-by slot:PE=2 --bind-to core"},
      {Launcher::kHydra, "mpiexec -bind-to core:2"},
      {Launcher::kSrun,
       "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK before srun, or srun --cpus-per-task=2"}};
  for (const auto& [launcher, remedy] : remedies) {
    rank.launcher = launcher;
    EXPECT_EQ(launch_troubles({rank, rank}).at(0).remedy, remedy);
  }
  rank.granted_cores = 0;
  rank.launcher = Launcher::kHydra;
  EXPECT_EQ(launch_troubles({rank, rank}).at(0).remedy, "mpiexec -bind-to core:2");
  rank.launcher = Launcher::kOther;
  EXPECT_EQ(launch_troubles({rank, rank}).at(0).remedy,
            "srun --cpus-per-task=2, or mpirun --map-by slot:PE=2 --bind-to core");
  rank = rank_on("a", 2, 2);
  rank.node_bytes = 2 * kGiB;
  EXPECT_EQ(launch_troubles({rank}).at(0).remedy, "give --memory at most 1638MiB");
}

TEST(Launch, SaysThatSlurmsCoresDidNotReachTheStep) {
  RankFacts rank = rank_on("a", 1, 1);
  rank.granted_cores = 16;
  const std::vector<LaunchTrouble> troubles = launch_troubles({rank});
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].what, "Slurm gave each rank 16 cores, but rank 0 on a may use 1");
  EXPECT_NE(troubles[0].remedy.find("SRUN_CPUS_PER_TASK"), std::string::npos);
  rank.seat.threads = 16;  // one sentence is enough
  EXPECT_EQ(whats({rank}).size(), 1U);
}

TEST(Launch, SaysThatNobodyStartedTheTasksOfTheJob) {
  RankFacts rank = rank_on("a", 4, 4);
  rank.job_tasks = 8;
  EXPECT_EQ(whats({rank}), Texts{"the job has 8 tasks, but this process runs alone"});
}

TEST(Launch, AddsUpTheMemoryOfANode) {
  std::vector<RankFacts> ranks(5, rank_on("a", 4, 1));
  ranks.push_back(rank_on("b", 4, 4));
  EXPECT_EQ(whats(ranks),
            Texts{"the memory of ranks 0-4 on a adds up to 20.0 GiB, but there are 16.0 GiB"});
  ranks.erase(ranks.begin());
  EXPECT_EQ(whats(ranks), Texts());
}

TEST(Launch, SaysThatSeveralRanksShareCoresForFewerThreads) {
  const std::vector<RankFacts> ranks(4, rank_on("a", 8, 8));
  EXPECT_EQ(whats(ranks), Texts{"32 threads share 8 cores: ranks 0-3 on a"});
  EXPECT_EQ(launch_troubles(ranks).at(0).remedy, "--threads 2");
  // Too many for the rank itself: one sentence is enough.
  EXPECT_EQ(whats({rank_on("a", 2, 4), rank_on("a", 2, 2)}),
            Texts{"4 threads have 2 cores to run on: rank 0 on a"});
  // Of one thread each: as many ranks as one asked for.
  EXPECT_EQ(whats({rank_on("a", 1, 1), rank_on("a", 1, 1)}), Texts());
  EXPECT_EQ(whats({rank_on("a", 8, 8), rank_on("b", 8, 8)}), Texts());
}

TEST(Launch, SharesCoresOutWhereNobodySaidHowManyThreads) {
  std::vector<RankFacts> ranks(4, rank_on("a", 8, 1));
  ranks[1].seat.cores = {8, 9, 10};  // its own
  for (RankFacts& rank : ranks) {
    rank.most_threads = 100;
    rank.shares_cores_out = true;
  }
  ranks[3].shares_cores_out = false;
  settle_threads(ranks);
  EXPECT_EQ(ranks[0].seat.threads, 2);
  EXPECT_EQ(ranks[1].seat.threads, 3);
  EXPECT_EQ(ranks[2].seat.threads, 2);
  EXPECT_EQ(ranks[3].seat.threads, 1);
  ranks[1].most_threads = 2;
  settle_threads(ranks);
  EXPECT_EQ(ranks[1].seat.threads, 2);
}

std::string refusal(const std::vector<std::string>& greetings) {
  try {
    check_greetings(greetings);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kUsage);
    return error.where;
  }
  return "";
}

TEST(Launch, IsRefusedWithDifferentBuilds) {
  const std::string one = greeting({"/opt/rankine", "abc"}, "a");
  EXPECT_EQ(refusal({one, one, one}), "");
  EXPECT_EQ(refusal({one, one, greeting({"/home/me/rankine", "def"}, "b")}),
            "rank 0: /opt/rankine (abc) on a, rank 2: /home/me/rankine (def) on b");
  EXPECT_EQ(refusal({one, "something of older times"}),
            "rank 0: /opt/rankine (abc) on a, rank 1: another release");
}

// Of all releases: what others wrote must be read.
TEST(Launch, GreetsAsEver) {
  EXPECT_EQ(greeting({"/opt/my\nrankine", "abc"}, "a"), "rankine 1\nabc\na\n/opt/my\nrankine");
}

TEST(Launch, WritesNumbersInARowAsARange) {
  EXPECT_EQ(ranges_text({}), "");
  EXPECT_EQ(ranges_text({3}), "3");
  EXPECT_EQ(ranges_text({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
}

TEST(Launch, KnowsItself) {
  const RankFacts facts = own_facts(RunSettings());
  EXPECT_NE(facts.program.build_id, "");
  EXPECT_NE(facts.seat.node, "");
}

}  // namespace
}  // namespace rankine::session
