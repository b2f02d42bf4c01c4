#include "runtime/session/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "collectives/gather.h"
#include "io/folder.h"
#include "io/posix_file.h"
#include "runtime/base/archive.h"

namespace rankine::session {
namespace {

std::string amount(std::int64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (std::int64_t{1} << 30));
}

using Numbers = std::vector<std::int32_t>;

// The ranks of which it is true.
Numbers ranks_that(const std::vector<RankFacts>& ranks,
                   const std::function<bool(const RankFacts&)>& has) {
  Numbers found;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (has(ranks[rank])) found.push_back(static_cast<std::int32_t>(rank));
  }
  return found;
}

const RankFacts& first_of(const std::vector<RankFacts>& ranks, const Numbers& which) {
  return ranks[static_cast<std::size_t>(which.front())];
}

std::string where(const std::vector<RankFacts>& ranks, const Numbers& which) {
  std::set<std::string> nodes;
  for (const std::int32_t rank : which)
    nodes.insert(ranks[static_cast<std::size_t>(rank)].seat.node);
  return fmt::format("rank{} {} on {}", which.size() == 1 ? "" : "s", ranges_text(which),
                     nodes.size() == 1 ? *nodes.begin() : fmt::format("{} nodes", nodes.size()));
}

class Checks {
 public:
  explicit Checks(const std::vector<RankFacts>& ranks) : ranks_(ranks) {}

  std::vector<LaunchTrouble> run() {
    check_alone();
    check_grant();
    check_threads();
    check_memory();
    check_scratch();
    return std::move(troubles_);
  }

 private:
  static auto cores(const RankFacts& rank) {
    return static_cast<std::int32_t>(rank.seat.cores.size());
  }
  // Slurm gave cores that the step does not use.
  static bool lost_its_cores(const RankFacts& rank) {
    return cores(rank) > 0 && cores(rank) < rank.granted_cores;
  }

  // What gives each rank so many cores.
  static std::string binding(collectives::Launcher launcher, std::int32_t cores) {
    const std::string srun = fmt::format("srun --cpus-per-task={}", cores);
    const std::string mpirun = fmt::format("mpirun --map-by slot:PE={} --bind-to core", cores);
    switch (launcher) {
      case collectives::Launcher::kSrun: return srun;
      case collectives::Launcher::kOpenMpi: return mpirun;
      case collectives::Launcher::kHydra: return fmt::format("mpiexec -bind-to core:{}", cores);
      default: return srun + ", or " + mpirun;
    }
  }

  void check_alone() {
    if (ranks_.size() != 1 || ranks_[0].job_tasks <= 1) return;
    troubles_.push_back(
        {fmt::format("the job has {} tasks, but this process runs alone", ranks_[0].job_tasks),
         "srun rankine ..., which starts one rank for each task"});
  }

  void check_grant() {
    const Numbers which = ranks_that(ranks_, lost_its_cores);
    if (which.empty()) return;
    const RankFacts& first = first_of(ranks_, which);
    const bool by_mpi = first.launcher == collectives::Launcher::kOpenMpi ||
                        first.launcher == collectives::Launcher::kHydra;
    troubles_.push_back(
        {fmt::format("Slurm gave each rank {} cores, but {} may use {}", first.granted_cores,
                     where(ranks_, which), cores(first)),
         (by_mpi ? "" : "export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK before srun, or ") +
             binding(by_mpi ? first.launcher : collectives::Launcher::kSrun, first.granted_cores)});
  }

  void check_threads() {
    const Numbers which = ranks_that(ranks_, [](const RankFacts& rank) {
      return cores(rank) > 0 && rank.seat.threads > cores(rank) && !lost_its_cores(rank);
    });
    if (which.empty()) return;
    const RankFacts& first = first_of(ranks_, which);
    troubles_.push_back(
        {fmt::format("{} threads have {} core{} to run on: {}", first.seat.threads, cores(first),
                     cores(first) == 1 ? "" : "s", where(ranks_, which)),
         ranks_.size() == 1 ? fmt::format("--threads {}", cores(first))
                            : binding(first.launcher, first.seat.threads)});
  }

  void check_memory() {
    std::map<std::string, Numbers> by_node;
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      by_node[ranks_[rank].seat.node].push_back(static_cast<std::int32_t>(rank));
    }
    for (const auto& [node, which] : by_node) {
      std::int64_t budgets = 0;
      for (const std::int32_t rank : which) {
        budgets += ranks_[static_cast<std::size_t>(rank)].memory_bytes;
      }
      const std::int64_t room = first_of(ranks_, which).node_bytes;
      if (room == 0 || budgets <= room) continue;
      const std::int64_t most = room / static_cast<std::int64_t>(which.size()) / 10 * 8;
      troubles_.push_back(
          {fmt::format("the memory of {} {} {}, but there are {}", where(ranks_, which),
                       which.size() == 1 ? "is" : "adds up to", amount(budgets), amount(room)),
           fmt::format("give --memory at most {}MiB{}", most >> 20,
                       which.size() == 1 ? "" : ", or start fewer ranks on a node")});
      return;  // other nodes are mostly the same
    }
  }

  void check_scratch() {
    const Numbers which =
        ranks_that(ranks_, [](const RankFacts& rank) { return !rank.scratch_problem.empty(); });
    if (which.empty()) return;
    const RankFacts& first = first_of(ranks_, which);
    troubles_.push_back({fmt::format("nothing can be written to the scratch folder {} ({}): {}",
                                     first.scratch, first.scratch_problem, where(ranks_, which)),
                         "name a folder on a local disk by --scratch", false});
  }

  const std::vector<RankFacts>& ranks_;
  std::vector<LaunchTrouble> troubles_;
};

}  // namespace

RankFacts own_facts(const RunSettings& settings) {
  RankFacts facts;
  facts.program = kernels::own_program();
  facts.seat = collectives::own_seat(settings.threads);
  facts.job_tasks = collectives::unused_tasks();
  facts.granted_cores = collectives::granted_cores();
  facts.launcher = collectives::launcher();
  facts.memory_bytes = settings.memory_bytes;
  facts.node_bytes = collectives::node_memory_bytes();
  facts.scratch = settings.scratch;
  facts.scratch_bytes = settings.scratch_bytes;
  facts.scratch_problem = io::why_not_writable(settings.scratch);
  facts.page_cache = collectives::host_name();
  facts.resources = settings.resources;
  return facts;
}

std::vector<RankFacts> gather_facts(collectives::Communicator& communicator,
                                    const RunSettings& settings) {
  std::vector<RankFacts> ranks;
  for (const Bytes& bytes : collectives::gather(communicator, 0, to_bytes(own_facts(settings)))) {
    ranks.push_back(from_bytes<RankFacts>(bytes));
  }
  return ranks;
}

void check_launch(const std::vector<RankFacts>& ranks) {
  for (std::size_t rank = 1; rank < ranks.size(); ++rank) {
    const kernels::Module& first = ranks.front().program;
    const kernels::Module& other = ranks[rank].program;
    if (other.build_id == first.build_id) continue;
    throw Error(ExitCode::kUsage, "ranks run different builds of the program",
                fmt::format("rank 0: {} ({}) on {}, rank {}: {} ({}) on {}", first.path,
                            first.build_id, ranks.front().seat.node, rank, other.path,
                            other.build_id, ranks[rank].seat.node),
                "start one build on all nodes, from a folder that all of them share");
  }
}

std::vector<LaunchTrouble> launch_troubles(const std::vector<RankFacts>& ranks) {
  return Checks(ranks).run();
}

std::string ranges_text(const std::vector<std::int32_t>& numbers) {
  std::string text;
  for (std::size_t begin = 0; begin < numbers.size();) {
    std::size_t end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    text += (begin > 0 ? "," : "") + std::to_string(numbers[begin]);
    if (end - begin > 1) text += "-" + std::to_string(numbers[end - 1]);
    begin = end;
  }
  return text;
}

}  // namespace rankine::session
