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
  EXPECT_EQ(whats({rank_on("a", 4, 4), rank_on("a", 4, 4), rank_on("b", 8, 2)}), Texts());
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
  std::vector<RankFacts> ranks(5, rank_on("a", 4, 4));
  ranks.push_back(rank_on("b", 4, 4));
  EXPECT_EQ(whats(ranks),
            Texts{"the memory of ranks 0-4 on a adds up to 20.0 GiB, but there are 16.0 GiB"});
  ranks.erase(ranks.begin());
  EXPECT_EQ(whats(ranks), Texts());
}

TEST(Launch, SaysWhereScratchCannotBeWritten) {
  std::vector<RankFacts> ranks(2, rank_on("a", 4, 4));
  ranks[1].scratch_problem = "Read-only file system";
  EXPECT_EQ(whats(ranks), Texts{"nothing can be written to the scratch folder /tmp (Read-only file "
                                "system): rank 1 on a"});
}

TEST(Launch, IsRefusedWithDifferentBuilds) {
  std::vector<RankFacts> ranks(3, rank_on("a", 4, 4));
  EXPECT_NO_THROW(check_launch(ranks));
  ranks[2].program = {"/home/me/rankine", "def"};
  try {
    check_launch(ranks);
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kUsage);
    EXPECT_EQ(error.where, "rank 0: /opt/rankine (abc) on a, rank 2: /home/me/rankine (def) on a");
  }
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
