#include "runtime/session/stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/resident_memory.h"

namespace rankine::session {
namespace {

enum Index { kConstruct, kOptimize, kSerialize, kCommunicate, kSchedule, kExecute };

void accumulate(RankReport& sum, const RankReport& one) {
  sum.totals.tasks_run += one.totals.tasks_run;
  sum.totals.bytes_read += one.totals.bytes_read;
  sum.totals.bytes_ahead += one.totals.bytes_ahead;
  sum.totals.bytes_sent += one.totals.bytes_sent;
  sum.totals.bytes_received += one.totals.bytes_received;
  sum.totals.bytes_spilled += one.totals.bytes_spilled;
  sum.totals.tasks_stolen += one.totals.tasks_stolen;
  sum.totals.times += one.totals.times;
  sum.peak_rss_bytes = std::max(sum.peak_rss_bytes, one.peak_rss_bytes);
  sum.peak_pool_bytes = std::max(sum.peak_pool_bytes, one.peak_pool_bytes);
  sum.threads = one.threads;
  sum.wall_s += one.wall_s;
  sum.broadcast_s += one.broadcast_s;
}

std::string verdict(const std::vector<RankReport>& ranks) {
  double load = 0, compute = 0, write = 0, total = 0;
  for (const RankReport& rank : ranks) {
    load += rank.totals.times.load_s;
    compute += rank.totals.times.compute_s;
    write += rank.totals.times.compress_s + rank.totals.times.write_s;
    total += rank.wall_s * static_cast<double>(rank.threads);
  }
  if (total <= 0) return "";
  const double idle = std::max(0.0, total - load - compute - write);
  const char* word = load >= std::max({compute, write, idle}) ? "read and decode bound"
                     : compute >= std::max(write, idle)       ? "compute bound"
                     : write >= idle                          ? "compress and write bound"
                                                              : "waiting and overhead bound";
  return fmt::format(
      "{}: {:.0f} % read and decode, {:.0f} % compute, {:.0f} % compress and write, "
      "{:.0f} % wait and overhead of {:.2f} thread-seconds\n",
      word, 100 * load / total, 100 * compute / total, 100 * write / total, 100 * idle / total,
      total);
}

}  // namespace

void StageTable::add_construct(double wall_s, double cpu_s) {
  stages_[kConstruct].times += {wall_s, cpu_s};
}

void StageTable::add(const Planned& graph, const GraphOutcome& outcome) {
  const Prepared& prepared = *graph.prepared;
  ++graphs_;
  const auto layers = static_cast<std::int64_t>(prepared.physical.topology->layer_count());
  const std::int64_t tasks = prepared.physical.topology->task_count();
  stages_[kConstruct].layers_out += prepared.layers_before;
  stages_[kConstruct].tasks_out += prepared.tasks_before;
  for (int i = kOptimize; i <= kExecute; ++i) {
    stages_[i].layers_in += i == kOptimize ? prepared.layers_before : layers;
    stages_[i].tasks_in += i == kOptimize ? prepared.tasks_before : tasks;
    stages_[i].layers_out += layers;
    stages_[i].tasks_out += tasks;
  }
  if (!graph.again) {
    stages_[kOptimize].times += prepared.optimize;
    stages_[kSerialize].times += prepared.serialize;
    stages_[kSerialize].bytes += static_cast<std::int64_t>(prepared.graph_bytes.size());
  }
  stages_[kCommunicate].times += outcome.communicate;
  stages_[kSchedule].times += outcome.schedule;
  stages_[kExecute].times += outcome.execute;
  if (outcome.sent) {
    stages_[kCommunicate].bytes +=
        static_cast<std::int64_t>(prepared.graph_bytes.size()) + graph.index_bytes;
    index_bytes_ += graph.index_bytes;
  }
  promised_bytes_ = std::max(promised_bytes_, graph.bound_bytes);
  ranks_.resize(std::max(ranks_.size(), outcome.ranks.size()));
  for (std::size_t rank = 0; rank < outcome.ranks.size(); ++rank) {
    accumulate(ranks_[rank], outcome.ranks[rank]);
    stages_[kExecute].bytes += outcome.ranks[rank].totals.bytes_read;
  }
}

void StageTable::add_write(double wall_s, double cpu_s, std::int64_t bytes) {
  stages_[kExecute].times += {wall_s, cpu_s};
  stages_[kExecute].bytes += bytes;
  // Rank 0 has put the file together since it reported.
  if (!ranks_.empty()) {
    ranks_[0].peak_rss_bytes = std::max(ranks_[0].peak_rss_bytes, peak_resident_bytes());
  }
}

std::string StageTable::text() const {
  double total = 0;
  for (const Stage& stage : stages_) total += stage.times.wall_s;
  std::string text = fmt::format("{:<12}{:>10}{:>10}{:>16}{:>22}{:>14}{:>10}{:>7}\n", "stage",
                                 "wall s", "cpu s", "layers", "tasks", "bytes", "us/task", "share");
  for (const Stage& stage : stages_) {
    const std::int64_t tasks = std::max(stage.tasks_in, stage.tasks_out);
    text += fmt::format("{:<12}{:>10.4f}{:>10.4f}{:>16}{:>22}{:>14}{:>10.3f}{:>6.1f}%\n",
                        stage.name, stage.times.wall_s, stage.times.cpu_s,
                        fmt::format("{} > {}", stage.layers_in, stage.layers_out),
                        fmt::format("{} > {}", stage.tasks_in, stage.tasks_out), stage.bytes,
                        tasks > 0 ? 1e6 * stage.times.wall_s / static_cast<double>(tasks) : 0.0,
                        total > 0 ? 100 * stage.times.wall_s / total : 0.0);
  }
  text += fmt::format("chunk index: {} bytes of the communicated ones\n", index_bytes_);
  if (ranks_.size() > 1) {
    const auto [least, most] = std::minmax_element(
        ranks_.begin(), ranks_.end(),
        [](const auto& a, const auto& b) { return a.broadcast_s < b.broadcast_s; });
    text += fmt::format("broadcast: {:.3f} to {:.3f} ms, by rank\n", 1e3 * least->broadcast_s,
                        1e3 * most->broadcast_s);
  }
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    const RankReport& report = ranks_[rank];
    text += fmt::format(
        "rank {}: {} tasks{}, {:.1f} MB read, {:.1f} MB to other ranks, {:.1f} MB spilled, peak "
        "{:.0f} of {:.0f} MiB promised\n",
        rank, report.totals.tasks_run,
        report.totals.tasks_stolen > 0
            ? fmt::format(" and {} of other ranks", report.totals.tasks_stolen)
            : "",
        static_cast<double>(report.totals.bytes_read) * 1e-6,
        static_cast<double>(report.totals.bytes_sent) * 1e-6,
        static_cast<double>(report.totals.bytes_spilled) * 1e-6,
        static_cast<double>(report.peak_rss_bytes) / 1048576.0,
        static_cast<double>(promised_bytes_) / 1048576.0);
  }
  return text + verdict(ranks_);
}

std::int64_t StageTable::tasks_stolen() const {
  std::int64_t stolen = 0;
  for (const RankReport& rank : ranks_) stolen += rank.totals.tasks_stolen;
  return stolen;
}

std::string StageTable::json(int threads) const {
  nlohmann::ordered_json root;
  root["ranks"] = ranks_.size();
  root["threads"] = threads;
  root["stages"] = nlohmann::ordered_json::array();
  for (const Stage& stage : stages_) {
    root["stages"].push_back({{"name", stage.name},
                              {"wall_s", stage.times.wall_s},
                              {"cpu_s", stage.times.cpu_s},
                              {"layers_in", stage.layers_in},
                              {"layers_out", stage.layers_out},
                              {"tasks_in", stage.tasks_in},
                              {"tasks_out", stage.tasks_out},
                              {"bytes", stage.bytes}});
  }
  root["ranks_detail"] = nlohmann::ordered_json::array();
  for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
    const RankReport& report = ranks_[rank];
    root["ranks_detail"].push_back({{"rank", rank},
                                    {"tasks_run", report.totals.tasks_run},
                                    {"bytes_read", report.totals.bytes_read},
                                    {"bytes_read_ahead", report.totals.bytes_ahead},
                                    {"bytes_sent_to_peers", report.totals.bytes_sent},
                                    {"bytes_received_from_peers", report.totals.bytes_received},
                                    {"bytes_spilled", report.totals.bytes_spilled},
                                    {"tasks_stolen", report.totals.tasks_stolen},
                                    {"broadcast_wall_s", report.broadcast_s},
                                    {"promised_bytes", promised_bytes_},
                                    {"peak_rss_bytes", report.peak_rss_bytes}});
  }
  return root.dump(2) + "\n";
}

}  // namespace rankine::session
