#include "runtime/session/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <span>
#include <sstream>
#include <string_view>

#include "collectives/gather.h"
#include "runtime/base/archive.h"
#include "runtime/worker/team.h"

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

std::vector<collectives::Seat> seats_of(const std::vector<RankFacts>& ranks) {
  std::vector<collectives::Seat> seats;
  for (const RankFacts& rank : ranks) seats.push_back(rank.seat);
  return seats;
}

constexpr std::string_view kGreeting = "rankine 1\n";

// A greeting taken apart.
struct Greeting {
  bool known;  // of a release that greets like this one
  std::string build_id, node, path;

  explicit Greeting(const std::string& text) : known(text.starts_with(kGreeting)) {
    if (!known) return;
    std::istringstream lines(text.substr(kGreeting.size()));
    std::getline(lines, build_id);
    std::getline(lines, node);
    std::getline(lines, path, '\0');
  }
  std::string text() const {
    return known ? fmt::format("{} ({}) on {}", path, build_id, node) : "another release";
  }
};

class Checks {
 public:
  explicit Checks(const std::vector<RankFacts>& ranks) : ranks_(ranks) {}

  std::vector<LaunchTrouble> run() {
    check_alone();
    check_grant();
    check_threads();
    check_sharing();
    check_memory();
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

  static bool has_too_many_threads(const RankFacts& rank) {
    return cores(rank) > 0 && rank.seat.threads > cores(rank);
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
      return has_too_many_threads(rank) && !lost_its_cores(rank);
    });
    if (which.empty()) return;
    const RankFacts& first = first_of(ranks_, which);
    troubles_.push_back(
        {fmt::format("{} threads have {} core{} to run on: {}", first.seat.threads, cores(first),
                     cores(first) == 1 ? "" : "s", where(ranks_, which)),
         ranks_.size() == 1 ? fmt::format("--threads {}", cores(first))
                            : binding(first.launcher, first.seat.threads)});
  }

  // Ranks of which each has cores enough, but others run there, too. More ranks than cores, of one
  // thread each, are what their user asked for: launchers count those.
  void check_sharing() {
    for (const collectives::CoreGroup& group : collectives::core_groups(seats_of(ranks_))) {
      const auto any = [&](const auto& is) {
        return std::ranges::any_of(group.ranks, [&](std::int32_t rank) {
          return is(ranks_[static_cast<std::size_t>(rank)]);
        });
      };
      if (group.ranks.size() == 1 || group.threads <= group.cores) continue;
      if (any(has_too_many_threads) || any(lost_its_cores)) continue;
      if (!any([](const RankFacts& rank) { return rank.seat.threads > 1; })) continue;
      const auto ranks = static_cast<std::int64_t>(group.ranks.size());
      troubles_.push_back({fmt::format("{} threads share {} cores: {}", group.threads, group.cores,
                                       where(ranks_, group.ranks)),
                           group.cores >= ranks ? fmt::format("--threads {}", group.cores / ranks)
                                                : "--threads 1, or fewer ranks on a node"});
      return;  // other nodes are mostly the same
    }
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
  facts.page_cache = collectives::host_name();
  facts.most_threads = worker::most_threads();
  facts.shares_cores_out = settings.shares_cores_out;
  facts.resources = settings.resources;
  return facts;
}

std::string greeting(const kernels::Module& program, const std::string& node) {
  return std::string(kGreeting) + program.build_id + "\n" + node + "\n" + program.path;
}

void check_greetings(const std::vector<std::string>& greetings) {
  const Greeting first(greetings.front());
  for (std::size_t rank = 1; rank < greetings.size(); ++rank) {
    const Greeting other(greetings[rank]);
    if (other.known && other.build_id == first.build_id) continue;
    throw Error(ExitCode::kUsage, "ranks run different builds of the program",
                fmt::format("rank 0: {}, rank {}: {}", first.text(), rank, other.text()),
                "start one build on all nodes, from a folder that all of them share");
  }
}

void settle_threads(std::vector<RankFacts>& ranks) {
  const std::vector<std::int32_t> threads = collectives::threads_of(seats_of(ranks));
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    RankFacts& facts = ranks[rank];
    if (!facts.shares_cores_out) continue;
    facts.seat.threads = std::min({threads[rank], facts.most_threads, kMostThreads});
  }
}

std::vector<RankFacts> gather_facts(collectives::Communicator& communicator,
                                    const RunSettings& settings) {
  const RankFacts mine = own_facts(settings);
  const std::string hello = greeting(mine.program, mine.seat.node);
  std::vector<std::string> greetings;
  for (const Bytes& bytes : collectives::gather(communicator, 0, std::as_bytes(std::span(hello)))) {
    greetings.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  if (communicator.rank() == 0) check_greetings(greetings);
  std::vector<RankFacts> ranks;
  for (const Bytes& bytes : collectives::gather(communicator, 0, to_bytes(mine))) {
    ranks.push_back(from_bytes<RankFacts>(bytes));
  }
  settle_threads(ranks);
  return ranks;
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
