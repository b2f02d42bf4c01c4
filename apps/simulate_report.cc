#include "apps/simulate_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/figures.h"
#include "apps/text.h"
#include "runtime/api/history.h"

namespace rankine::apps {
namespace {

using simulate::RankTally;

double ms(double ns) { return ns / 1e6; }

// The rank that has most of something, the lowest of several.
template <class Of>
int most_of(const SimulatedRun& run, const Of& of) {
  const auto& ranks = run.report.ranks;
  return static_cast<int>(
      std::max_element(ranks.begin(), ranks.end(),
                       [&](const RankTally& a, const RankTally& b) { return of(a) < of(b); }) -
      ranks.begin());
}

// Of all threads of a rank, from the start to the end that it knows of.
double share(const SimulatedRun& run, std::int64_t ns) {
  const double all = static_cast<double>(run.report.over_ns) * run.machine.threads;
  return all > 0 ? static_cast<double>(ns) / all : 0;
}

double mean_message_share(const SimulatedRun& run) {
  std::int64_t sum = 0;
  for (const RankTally& rank : run.report.ranks) sum += rank.message_ns;
  return share(run, sum) / static_cast<double>(run.report.ranks.size());
}

// A command that gives the same bytes again.
std::string replay(const SimulatedRun& run) {
  const simulate::Machine& machine = run.machine;
  std::string text = "rankine simulate";
  for (const std::string& argument : run.program) text += " " + api::quoted_for_shell(argument);
  if (run.program.empty()) {
    text += fmt::format(" --shape {} --tasks {}", run.shape_name, run.shape.tasks);
  }
  text += fmt::format(
      " --ranks {} --threads {} --chunk-kib {} --seed {} --task-us {} --imbalance {} "
      "--slow-ranks {} --slow-factor {} --latency {} --bandwidth {}",
      machine.ranks, machine.threads, run.shape.chunk_bytes >> 10, machine.seed, machine.task_us,
      machine.imbalance, machine.slow_ranks, machine.slow_factor, machine.latency_us,
      machine.gigabytes_per_s);
  if (machine.reorder) text += " --reorder";
  if (run.dedicated_scheduler) text += " --dedicated-scheduler";
  if (machine.spread > 0) text += fmt::format(" --spread {}", machine.spread);
  if (!run.steal) text += " --steal off";
  return text;
}

std::string name_of(const SimulatedRun& run) {
  return run.program.empty() ? run.shape_name : run.program.front();
}

std::string rank_lines(const SimulatedRun& run) {
  const auto& ranks = run.report.ranks;
  const int carrier = most_of(run, [](const RankTally& rank) { return rank.message_ns; });
  const int talker = most_of(run, [](const RankTally& rank) { return rank.messages; });
  const int heavy = most_of(run, [](const RankTally& rank) { return rank.bytes; });
  const int full = most_of(run, [](const RankTally& rank) { return rank.most_live_tasks; });
  const int holder = most_of(run, [](const RankTally& rank) { return rank.most_held_chunks; });
  return fmt::format(
      "rank 0    busy {:.2f} %: {:.2f} % with tasks, {:.3f} % with messages (mean of all ranks "
      "{:.3f} %, most {:.3f} % on rank {})\n"
      "most      {} messages on rank {}, {} on rank {}\n"
      "live      at most {} tasks on rank {}, {} chunks on rank {}\n",
      100 * share(run, ranks[0].task_ns + ranks[0].message_ns), 100 * share(run, ranks[0].task_ns),
      100 * share(run, ranks[0].message_ns), 100 * mean_message_share(run),
      100 * share(run, ranks[carrier].message_ns), carrier, ranks[talker].messages, talker,
      byte_size(static_cast<std::uint64_t>(ranks[heavy].bytes)), heavy, ranks[full].most_live_tasks,
      full, ranks[holder].most_held_chunks, holder);
}

}  // namespace

double SimulatedRun::ideal_ns() const {
  return std::max(static_cast<double>(critical_path_ns), static_cast<double>(work_ns) / cores);
}

std::string text_of(const SimulatedRun& run) {
  const simulate::Report& report = run.report;
  const auto makespan = static_cast<double>(report.makespan_ns());
  return fmt::format(
             "graph     {}, {} tasks in {} layers, seed {}\n"
             "machine   {} ranks of {} threads, {} of them {} times slower\n"
             "makespan  {:.3f} ms from the first start to the last end\n"
             "ideal     {:.3f} ms (work / cores {:.3f}, longest path {:.3f}): {:.1f} % reached\n"
             "end       {:.3f} ms after the last task every rank knows of it\n",
             name_of(run), run.tasks, run.layers, run.machine.seed, run.machine.ranks,
             run.machine.threads, run.machine.slow_ranks, run.machine.slow_factor, ms(makespan),
             ms(run.ideal_ns()), ms(static_cast<double>(run.work_ns) / run.cores),
             ms(static_cast<double>(run.critical_path_ns)),
             makespan > 0 ? 100 * run.ideal_ns() / makespan : 100.0,
             ms(static_cast<double>(report.over_ns - report.last_end_ns))) +
         rank_lines(run) +
         fmt::format(
             "messages  {} of data and {} of control in {} packets, {}; {} transfers, {}\n"
             "reports   {} to rank 0\n"
             "stolen    {} tasks ran on other ranks than their homes\n"
             "{}"
             "replay    {}\n",
             report.data_messages, report.control_messages, report.packets,
             byte_size(static_cast<std::uint64_t>(report.packet_bytes)), report.transfers,
             byte_size(static_cast<std::uint64_t>(report.transfer_bytes)), report.reports,
             report.tasks_moved,
             run.compared ? "check     the results are those of a serial run\n" : "", replay(run));
}

void write_json(const std::string& path, const SimulatedRun& run) {
  const simulate::Report& report = run.report;
  nlohmann::ordered_json ranks = nlohmann::ordered_json::array();
  for (const RankTally& rank : report.ranks) {
    ranks.push_back({{"tasks", rank.tasks},
                     {"task_ns", rank.task_ns},
                     {"message_ns", rank.message_ns},
                     {"messages", rank.messages},
                     {"bytes", rank.bytes},
                     {"most_live_tasks", rank.most_live_tasks},
                     {"most_held_chunks", rank.most_held_chunks}});
  }
  const nlohmann::ordered_json json{
      {"graph", name_of(run)},
      {"seed", run.machine.seed},
      {"ranks", run.machine.ranks},
      {"threads", run.machine.threads},
      {"tasks", run.tasks},
      {"layers", run.layers},
      {"makespan_ns", report.makespan_ns()},
      {"ideal_ns", run.ideal_ns()},
      {"work_ns", run.work_ns},
      {"critical_path_ns", run.critical_path_ns},
      {"end_ns", report.over_ns},
      {"rank_0_busy_share", share(run, report.ranks[0].task_ns + report.ranks[0].message_ns)},
      {"rank_0_message_share", share(run, report.ranks[0].message_ns)},
      {"data_messages", report.data_messages},
      {"control_messages", report.control_messages},
      {"packets", report.packets},
      {"packet_bytes", report.packet_bytes},
      {"transfers", report.transfers},
      {"transfer_bytes", report.transfer_bytes},
      {"reports", report.reports},
      {"tasks_stolen", report.tasks_moved},
      {"events", report.events},
      {"replay", replay(run)},
      {"ranks_detail", std::move(ranks)}};
  write_figures(path, json.dump(2));
}

}  // namespace rankine::apps
