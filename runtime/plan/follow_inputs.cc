#include "runtime/plan/follow_inputs.h"

#include <algorithm>

namespace rankine::plan {
namespace {

using graph::Argument;

// Which worker made most of the inputs of one task.
class Votes {
 public:
  explicit Votes(int workers) : votes_(static_cast<std::size_t>(workers), 0) {}
  void add(std::int32_t worker) {
    if (votes_[static_cast<std::size_t>(worker)]++ == 0) voted_.push_back(worker);
  }
  bool any() const { return !voted_.empty(); }
  // Ties: the one with less to do, then the lowest. Forgets the votes.
  std::int32_t take(const std::vector<std::int64_t>& load) {
    std::int32_t best = voted_.front();
    for (const std::int32_t worker : voted_) {
      const std::int64_t more = votes_[worker] - votes_[best];
      const std::int64_t less = load[best] - load[worker];
      if (more > 0 || (more == 0 && (less > 0 || (less == 0 && worker < best)))) best = worker;
    }
    for (const std::int32_t worker : voted_) votes_[worker] = 0;
    voted_.clear();
    return best;
  }

 private:
  std::vector<std::int64_t> votes_;  // by worker
  std::vector<std::int32_t> voted_;
};

bool has_task_inputs(const graph::Explicit& tasks, std::size_t task) {
  const auto arguments = tasks.arguments_of(task);
  return std::any_of(arguments.begin(), arguments.end(), [](std::uint32_t code) {
    return Argument(code).kind() == Argument::Kind::kTask;
  });
}

}  // namespace

std::vector<std::int32_t> follow_inputs(const graph::Explicit& tasks, int workers, int shift) {
  const std::size_t count = tasks.task_count();
  std::int64_t sources = 0;
  for (std::size_t task = 0; task < count; ++task) sources += has_task_inputs(tasks, task) ? 0 : 1;
  const auto share = static_cast<std::int64_t>(count) / workers + 1;
  const std::int64_t most = share + share / 10;
  std::vector<std::int64_t> load(static_cast<std::size_t>(workers), 0);
  std::vector<std::int32_t> homes(count);
  Votes votes(workers);
  std::int64_t source = 0;
  for (std::size_t task = 0; task < count; ++task) {
    for (const std::uint32_t code : tasks.arguments_of(task)) {
      const Argument argument(code);
      if (argument.kind() == Argument::Kind::kTask) votes.add(homes[argument.index()]);
    }
    std::int32_t home = 0;
    if (votes.any()) {
      home = votes.take(load);
    } else {
      const auto part = static_cast<__int128>(source++) * workers / sources;
      home = static_cast<std::int32_t>((static_cast<std::int64_t>(part) + shift) % workers);
    }
    if (load[static_cast<std::size_t>(home)] >= most) {
      home = static_cast<std::int32_t>(std::min_element(load.begin(), load.end()) - load.begin());
    }
    ++load[static_cast<std::size_t>(home)];
    homes[task] = home;
  }
  return homes;
}

std::vector<HomeRun> runs_of(const std::vector<std::int32_t>& homes, std::size_t most) {
  std::vector<HomeRun> runs;
  for (std::size_t task = 0; task < homes.size(); ++task) {
    if (!runs.empty() && runs.back().rank == homes[task]) continue;
    if (runs.size() == most) return {};
    runs.push_back({static_cast<std::int64_t>(task), homes[task]});
  }
  return runs;
}

}  // namespace rankine::plan
