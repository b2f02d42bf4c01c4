#include "collectives/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace rankine::collectives {
namespace {

using Map = std::map<std::string, std::string>;

std::optional<std::string> find(const Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

Surroundings with(Map variables, Map files = {}, int cores = 8) {
  return {[=](const std::string& name) { return find(variables, name); },
          [=](const std::string& path) { return find(files, path); }, cores};
}

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;

std::int64_t share(std::int64_t node_bytes, int ranks = 1) { return node_bytes / ranks / 10 * 8; }

TEST(Launcher, IsAbsentInAPlainShell) {
  const Surroundings shell = with({{"PATH", "/bin"}});
  EXPECT_FALSE(launched(shell));
  EXPECT_EQ(launcher_rank(shell), 0);
  EXPECT_EQ(launcher_size(shell), 1);
  EXPECT_EQ(local_rank(shell), 0);
  EXPECT_EQ(local_size(shell), 1);
}

TEST(Threads, AreAllThatSlurmBoundTheRankTo) {
  Map step = {{"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}};
  EXPECT_EQ(default_threads(with(step, {}, 16)), 4);  // of a mask that all may share
  step["SLURM_CPUS_PER_TASK"] = "16";
  EXPECT_EQ(default_threads(with(step, {}, 16)), 16);
  EXPECT_EQ(default_threads(with(step, {}, 64)), 16);
}

TEST(Launcher, OpenMpiSaysEverything) {
  const Surroundings rank = with({{"OMPI_COMM_WORLD_SIZE", "6"},
                                  {"OMPI_COMM_WORLD_RANK", "4"},
                                  {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                  {"OMPI_COMM_WORLD_LOCAL_SIZE", "3"}});
  EXPECT_TRUE(launched(rank));
  EXPECT_EQ(launcher_rank(rank), 4);
  EXPECT_EQ(launcher_size(rank), 6);
  EXPECT_EQ(local_rank(rank), 1);
  EXPECT_EQ(local_size(rank), 3);
}

TEST(Launcher, OneRankUnderMpirunIsLaunched) {
  EXPECT_TRUE(launched(with({{"OMPI_COMM_WORLD_SIZE", "1"}})));
}

TEST(Launcher, MpichSaysPmiRank) {
  const Surroundings rank = with(
      {{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "0"}, {"MPI_LOCALNRANKS", "2"}});
  EXPECT_TRUE(launched(rank));
  EXPECT_EQ(launcher_rank(rank), 2);
  EXPECT_EQ(launcher_size(rank), 4);
  EXPECT_EQ(local_rank(rank), 0);
  EXPECT_EQ(local_size(rank), 2);
}

TEST(Launcher, IsNamed) {
  EXPECT_EQ(launcher(with({})), Launcher::kNone);
  EXPECT_EQ(launch_text(with({{"SLURM_JOB_ID", "7"}})), "alone (Slurm job 7)");
  EXPECT_EQ(launcher(with({{"OMPI_COMM_WORLD_SIZE", "3"}})), Launcher::kOpenMpi);
  Map hydra = {{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}, {"HYDI_CONTROL_FD", "7"}};
  EXPECT_EQ(launcher(with(hydra)), Launcher::kHydra);
  EXPECT_EQ(launch_text(with(hydra)), "by mpiexec (Hydra), 4 processes");
  hydra["SLURM_STEP_ID"] = "0";  // its proxies are started by srun
  hydra["SLURM_JOB_ID"] = "7";
  EXPECT_EQ(launch_text(with(hydra)), "by mpiexec (Hydra) (Slurm job 7), 4 processes");
  hydra.erase("HYDI_CONTROL_FD");
  EXPECT_EQ(launch_text(with(hydra)), "by srun (Slurm job 7), 4 processes");
  EXPECT_EQ(launcher(with({{"PMI_RANK", "2"}, {"PMI_SIZE", "4"}})), Launcher::kOther);
}

Map slurm_task() {
  return {{"SLURM_STEP_ID", "0"},
          {"SLURM_PROCID", "5"},
          {"SLURM_NTASKS", "7"},
          {"SLURM_STEP_NUM_TASKS", "7"},
          {"SLURM_LOCALID", "1"},
          {"SLURM_NODEID", "2"},
          {"SLURM_STEP_TASKS_PER_NODE", "2(x3),1"}};
}

TEST(Launcher, SlurmStepWithoutPmixIsLaunched) {
  const Surroundings task = with(slurm_task());
  EXPECT_TRUE(launched(task));
  EXPECT_EQ(launcher_rank(task), 5);
  EXPECT_EQ(launcher_size(task), 7);
  EXPECT_EQ(local_rank(task), 1);
  EXPECT_EQ(local_size(task), 2);
}

TEST(Launcher, SlurmSaysHowManyRanksEachNodeHas) {
  Map last = slurm_task();
  last["SLURM_NODEID"] = "3";
  EXPECT_EQ(local_size(with(last)), 1);
  last["SLURM_NODEID"] = "4";
  EXPECT_EQ(local_size(with(last)), 7) << "off the list: all ranks may be here";
  last.erase("SLURM_NODEID");
  EXPECT_EQ(local_size(with(last)), 7);
  last["SLURM_NODEID"] = "0";
  last["SLURM_STEP_TASKS_PER_NODE"] = "nonsense";
  EXPECT_EQ(local_size(with(last)), 7);
}

TEST(Launcher, PmixUnderSlurmTakesTheSizeFromTheStep) {
  Map task = slurm_task();
  task["PMIX_RANK"] = "5";
  EXPECT_TRUE(launched(with(task)));
  EXPECT_EQ(launcher_rank(with(task)), 5);
  EXPECT_EQ(launcher_size(with(task)), 7);
}

TEST(Launcher, ABatchScriptIsNotAStep) {
  Map script = slurm_task();
  script.erase("SLURM_STEP_ID");
  EXPECT_FALSE(launched(with(script)));
  script["SLURM_STEP_ID"] = "4294967291";
  EXPECT_FALSE(launched(with(script)));
  script["SLURM_STEP_ID"] = "4294967290";  // an interactive shell of salloc
  EXPECT_FALSE(launched(with(script)));
  EXPECT_EQ(launcher_size(with(script)), 1);
}

TEST(Launcher, AStepOfOneTaskIsAlone) {
  Map task = slurm_task();
  task["SLURM_STEP_NUM_TASKS"] = "1";
  EXPECT_FALSE(launched(with(task)));
  task.erase("SLURM_STEP_NUM_TASKS");
  EXPECT_TRUE(launched(with(task))) << "an old Slurm says only SLURM_NTASKS";
}

TEST(Launcher, NumbersThatAreNoneCountAsNotSet) {
  const Surroundings rank = with({{"OMPI_COMM_WORLD_SIZE", "many"},
                                  {"OMPI_COMM_WORLD_RANK", "-3"},
                                  {"OMPI_COMM_WORLD_LOCAL_SIZE", "99999999999999999999"}});
  EXPECT_EQ(launcher_size(rank), 1);
  EXPECT_EQ(launcher_rank(rank), 0);
  EXPECT_EQ(local_size(rank), 1);
  EXPECT_EQ(launcher_size(with({{"OMPI_COMM_WORLD_SIZE", "0"}})), 1);
}

TEST(HostName, TellsMachinesApartThatHaveOneNameAndContainersOfOneMachine) {
  const auto host = [](const std::string& name, const std::string& boot) {
    return host_name(with({}, {{"/proc/sys/kernel/hostname", name + "\n"},
                               {"/proc/sys/kernel/random/boot_id", boot + "\n"}}));
  };
  EXPECT_EQ(host("node", "1-2"), host("node", "1-2"));
  EXPECT_NE(host("node", "1-2"), host("node", "1-3"));
  EXPECT_NE(host("node", "1-2"), host("other", "1-2"));
  EXPECT_EQ(host_name(with({}, {{"/proc/sys/kernel/hostname", "node\n"}})), "");
  EXPECT_NE(host_name(), "");
}

TEST(DefaultThreads, AreTheAffinityMaskOverTheRanksOnTheNode) {
  EXPECT_EQ(default_threads(with({}, {}, 8)), 8);
  const Map three = {{"OMPI_COMM_WORLD_SIZE", "3"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "3"}};
  EXPECT_EQ(default_threads(with(three, {}, 8)), 2);
  EXPECT_EQ(default_threads(with(three, {}, 2)), 1);
  EXPECT_EQ(default_threads(with({}, {}, 0)), 1);
}

TEST(DefaultThreads, OmpNumThreadsIsStronger) {
  EXPECT_EQ(default_threads(with({{"OMP_NUM_THREADS", "3"}})), 3);
  EXPECT_EQ(default_threads(with({{"OMP_NUM_THREADS", "4,2"}})), 4);
  EXPECT_EQ(default_threads(with({{"OMP_NUM_THREADS", "0"}})), 8);
  EXPECT_EQ(default_threads(with({{"OMP_NUM_THREADS", "all"}})), 8);
  EXPECT_EQ(default_threads(with({{"OMP_NUM_THREADS", ""}})), 8);
}

const Map kNode = {
    {"/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:   16777216 kB\nCached: 1 kB\n"}};

Map on_node(Map files) {
  files.insert(kNode.begin(), kNode.end());
  return files;
}

TEST(DefaultMemory, IsFourFifthsOfWhatIsAvailableOverTheRanksOnTheNode) {
  EXPECT_EQ(default_memory_bytes(with({}, kNode)), share(16 * kGiB));
  EXPECT_EQ(default_memory_bytes(with({{"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}}, kNode)),
            share(16 * kGiB, 4));
}

TEST(DefaultMemory, ObeysEveryLevelOfAControlGroupV2) {
  Map files = on_node({{"/proc/self/cgroup", "0::/job/step/task\n"},
                       {"/sys/fs/cgroup/job/step/task/memory.max", "max\n"},
                       {"/sys/fs/cgroup/job/step/memory.max", "4294967296\n"},
                       {"/sys/fs/cgroup/job/memory.max", "8589934592\n"}});
  EXPECT_EQ(default_memory_bytes(with({}, files)), share(4 * kGiB));
  files["/sys/fs/cgroup/memory.max"] = "1073741824\n";
  EXPECT_EQ(default_memory_bytes(with({}, files)), share(1 * kGiB));
}

TEST(DefaultMemory, ObeysAControlGroupV1) {
  const Map files =
      on_node({{"/proc/self/cgroup", "9:cpu:/other\n4:hugetlb,memory:/slurm/job\n0::/\n"},
               {"/sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", "3221225472\n"},
               {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}});
  EXPECT_EQ(default_memory_bytes(with({}, files)), share(3 * kGiB));
}

TEST(DefaultMemory, SeesTheLimitOfAContainerWhosePathIsTheHosts) {
  const Map files = on_node({{"/proc/self/cgroup", "4:memory:/docker/abc\n"},
                             {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n"}});
  EXPECT_EQ(default_memory_bytes(with({}, files)), share(2 * kGiB));
}

TEST(DefaultMemory, ObeysSlurm) {
  EXPECT_EQ(default_memory_bytes(with({{"SLURM_MEM_PER_NODE", "4000"}}, kNode)),
            share(4000 * kMiB));
  EXPECT_EQ(default_memory_bytes(with({{"SLURM_MEM_PER_NODE", "0"}}, kNode)), share(16 * kGiB));
  EXPECT_EQ(default_memory_bytes(
                with({{"SLURM_MEM_PER_CPU", "500"}, {"SLURM_CPUS_ON_NODE", "6"}}, kNode)),
            share(3000 * kMiB));
}

TEST(DefaultMemory, SurvivesFilesThatSayNothing) {
  EXPECT_EQ(default_memory_bytes(with({})), share(kGiB));
  const Map odd = {{"/proc/self/cgroup", "\n:\n4:memory\n0::\n::::\n0::x\n"},
                   {"/proc/meminfo", "MemAvailable:"}};
  EXPECT_EQ(default_memory_bytes(with({{"SLURM_MEM_PER_NODE", "lots"}}, odd)), share(kGiB));
}

TEST(DefaultMemory, IgnoresWhatSaysNothingAboutMemory) {
  const Map none = on_node({{"/proc/self/cgroup", "4:memory:/a/b/c\n0::/a/b/c\n"},
                            {"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "-1\n"},
                            {"/sys/fs/cgroup/a/memory.max", "max"},
                            {"/sys/fs/cgroup/a/b/memory.max", ""}});
  EXPECT_EQ(default_memory_bytes(with({}, none)), share(16 * kGiB));
  EXPECT_EQ(default_memory_bytes(with({{"SLURM_MEM_PER_CPU", "500"}}, kNode)), share(16 * kGiB));
  EXPECT_EQ(
      default_memory_bytes(with({{"SLURM_MEM_PER_CPU", "0"}, {"SLURM_CPUS_ON_NODE", "4"}}, kNode)),
      share(16 * kGiB));
}

TEST(DefaultMemory, IsTheSmallestOfAllThatIsSaid) {
  Map files = on_node({{"/proc/self/cgroup", "4:memory:/a\n0::/a/b\n"},
                       {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "8589934592\n"},
                       {"/sys/fs/cgroup/a/b/memory.max", "4294967296\n"}});
  EXPECT_EQ(default_memory_bytes(with({{"SLURM_MEM_PER_NODE", "6144"}}, files)), share(4 * kGiB));
  files.erase("/sys/fs/cgroup/a/b/memory.max");
  EXPECT_EQ(default_memory_bytes(with({{"SLURM_MEM_PER_NODE", "6144"}}, files)), share(6 * kGiB));
  EXPECT_EQ(default_memory_bytes(with({}, files)), share(8 * kGiB));
  EXPECT_EQ(default_memory_bytes(with({{"SLURM_MEM_PER_NODE", "6144"},
                                       {"SLURM_MEM_PER_CPU", "1024"},
                                       {"SLURM_CPUS_ON_NODE", "2"}},
                                      files)),
            share(2 * kGiB));
}

TEST(DefaultScratch, IsTheBatchSystemsThenTheUsers) {
  EXPECT_EQ(default_scratch(with({{"SLURM_TMPDIR", "/local/7"}, {"TMPDIR", "/var/tmp"}})),
            "/local/7");
  EXPECT_EQ(default_scratch(with({{"SLURM_TMPDIR", ""}, {"TMPDIR", "/var/tmp"}})), "/var/tmp");
  EXPECT_EQ(default_scratch(with({})), "/tmp");
}

TEST(Restarts, AreSaidOfAJobThatWasRequeued) {
  Map job = {{"SLURM_JOB_ID", "123"}, {"SLURM_RESTART_COUNT", "2"}};
  EXPECT_EQ(restart_text(with(job)), "job 123 was requeued 2 times");
  job["SLURM_RESTART_COUNT"] = "1";
  EXPECT_EQ(restart_text(with(job)), "job 123 was requeued once");
  job["SLURM_RESTART_COUNT"] = "0";
  EXPECT_EQ(restart_text(with(job)), "");
  EXPECT_EQ(restart_text(with({{"SLURM_RESTART_COUNT", "2"}})), "");
  EXPECT_EQ(restart_text(with({{"SLURM_JOB_ID", "123"}})), "");
}

TEST(Surroundings, OfThisProcessAreThoseItWasStartedWith) {
  const int size = launcher_size();
  ASSERT_EQ(::setenv("OMPI_COMM_WORLD_SIZE", std::to_string(size + 7).c_str(), 1), 0);
  EXPECT_EQ(launcher_size(), size);  // as MPI_Init may do
  ASSERT_EQ(::unsetenv("OMPI_COMM_WORLD_SIZE"), 0);
}

TEST(Surroundings, OfThisProcessHaveACoreAndMemory) {
  EXPECT_GE(affinity_cores(), 1);
  EXPECT_GE(default_threads(), 1);
  EXPECT_GT(default_memory_bytes(), 0);
}

}  // namespace
}  // namespace rankine::collectives
