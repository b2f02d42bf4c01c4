#include "apps/job_script.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <sstream>
#include <string_view>

#include "apps/preflight.h"
#include "apps/text.h"
#include "runtime/base/error.h"
#include "runtime/plan/saturate.h"

namespace rankine::apps {
namespace {

constexpr std::int64_t kCoresPerRank = 8;
constexpr std::int64_t kRanksPerNode = 4;  // one per NUMA domain or socket
constexpr std::int64_t kMostNodes = 64;    // to propose
constexpr double kGoodSeconds = 300;       // of work for every core
constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kBesideBytes = 128 * kMiB;  // MPI and what a bound does not count, of a rank
constexpr double kUsable = 0.8;  // of what Slurm grants: collectives::default_memory_bytes
constexpr std::size_t kScriptColumns = 100;  // of text
constexpr std::int64_t kLeastMinutes = 10;
constexpr std::int64_t kSignalSeconds = 180;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

std::int64_t ranks_to_propose(const JobWork& work, std::int64_t cores) {
  const double wanted = work.core_seconds / (kGoodSeconds * static_cast<double>(cores));
  const double most = static_cast<double>(
      std::clamp<std::int64_t>(work.side_by_side, 1, kMostNodes * kRanksPerNode));
  return static_cast<std::int64_t>(std::clamp(std::ceil(wanted), 1.0, most));
}

// Shares out ranks where the user left something open. Never more of them than `ranks`.
void propose_nodes(const JobWish& wish, std::int64_t ranks, JobSizes& sizes) {
  if (wish.nodes) {
    sizes.nodes = *wish.nodes;
    sizes.ranks_per_node = std::clamp<std::int64_t>(ranks / *wish.nodes, 1, kRanksPerNode);
  } else {
    sizes.ranks_per_node = wish.ranks_per_node.value_or(std::min(ranks, kRanksPerNode));
    sizes.nodes = std::max<std::int64_t>(1, ranks / sizes.ranks_per_node);
  }
}

// Up to whole GiB from 8 GiB on, to quarters of one below.
std::string slurm_size(double bytes) {
  const auto mib = static_cast<std::int64_t>(std::ceil(bytes / static_cast<double>(kMiB)));
  if (mib >= 8192) return fmt::format("{}G", ceil_div(mib, 1024));
  return fmt::format("{}M", ceil_div(mib, 256) * 256);
}

std::string slurm_time(std::int64_t minutes) {
  const std::int64_t days = minutes / 1440;
  const std::string clock = fmt::format("{:02}:{:02}:00", minutes / 60 % 24, minutes % 60);
  return days == 0 ? clock : fmt::format("{}-{}", days, clock);
}

std::int64_t minutes_to_propose(double seconds) {
  const double minutes = std::min(2 * seconds / 60, 365.0 * 1440);
  const std::int64_t step = minutes > 240 ? 60 : 10;
  return std::max(kLeastMinutes,
                  ceil_div(static_cast<std::int64_t>(std::ceil(minutes)), step) * step);
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./=:,@%+").find(c) != std::string_view::npos;
}
bool is_plain(const std::string& word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return is_plain(c); });
}
bool is_control(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }

// "# WORDS\n", in as many lines as it takes.
std::string comment(const std::string& text) {
  std::string lines;
  std::size_t column = kScriptColumns;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool full = column + 1 + word.size() > kScriptColumns;
    if (full) lines += lines.empty() ? "#" : "\n#";
    lines += " " + word;
    column = word.size() + 1 + (full ? 1 : column);
  }
  return lines.empty() ? "" : lines + "\n";
}

std::string header_line(const std::string& why, const std::string& options) {
  return comment(why) + "#SBATCH " + options + "\n";
}

// TERM may come a minute early, and the ranks need 20 s: of a short limit a quarter is enough. 0 is
// no limit.
std::int64_t signal_seconds(const std::string& time) {
  const auto limit = time_limit_seconds(time);
  return limit.value_or(0) > 0 ? std::clamp<std::int64_t>(*limit / 4, 30, kSignalSeconds)
                               : kSignalSeconds;
}

std::string header(const Job& job) {
  std::string text = header_line("", "--job-name=" + sbatch_word("rankine-" + job.command.at(1)));
  if (!job.wish.account.empty()) {
    text += header_line("", "--account=" + sbatch_word(job.wish.account));
  }
  if (!job.wish.partition.empty()) {
    text += header_line("", "--partition=" + sbatch_word(job.wish.partition));
  }
  text += header_line(job.sizes.ranks_why, fmt::format("--nodes={}", job.sizes.nodes));
  text += header_line("", fmt::format("--ntasks-per-node={}", job.sizes.ranks_per_node));
  text +=
      header_line(job.sizes.cores_why, fmt::format("--cpus-per-task={}", job.sizes.cores_per_rank));
  text += header_line(job.limits.memory_why, "--mem=" + job.limits.memory);
  text += header_line(job.limits.time_why, "--time=" + job.limits.time);
  text += header_line("A job that starts again writes on in the same file.", "--output=%x-%j.out");
  text += header_line("", "--open-mode=append");
  if (job.resumes) {
    text += header_line(
        "TERM goes to the ranks before the time is up; they end within 20 s, and "
        "the job goes back to the queue.",
        fmt::format("--signal=TERM@{}", signal_seconds(job.limits.time)));
  }
  text += header_line("A job whose node died goes back to the queue.", "--requeue");
  for (std::size_t i = 0; i < job.wish.others.size(); ++i) {
    const bool value = i > 0 && !job.wish.others[i].starts_with('-');  // of the option before
    text += (value ? " " : i == 0 ? "#SBATCH " : "\n#SBATCH ") + sbatch_word(job.wish.others[i]);
  }
  return text + (job.wish.others.empty() ? "" : "\n");
}

// In lines of some length: there may be thousands of files.
std::string command_lines(const Job& job) {
  std::string text = fmt::format("srun --mpi={} --cpu-bind=cores --kill-on-bad-exit=1 \\\n  {}",
                                 bash_word(job.wish.mpi), bash_word(job.command.front()));
  std::size_t column = 2 + job.command.front().size();
  for (std::size_t i = 1; i < job.command.size(); ++i) {
    const std::string word = bash_word(job.command[i]);
    const bool full = column + 1 + word.size() > kScriptColumns;
    text += full ? " \\\n    " + word : " " + word;
    column = word.size() + (full ? 4 : column + 1);
  }
  return text + "\n";
}

}  // namespace

JobSizes job_sizes(const JobWish& wish, const JobWork& work) {
  JobSizes sizes;
  sizes.cores_per_rank = wish.cores_per_rank.value_or(kCoresPerRank);
  sizes.cores_why = wish.cores_per_rank ? "" : "The usual; each rank's threads share its cores.";
  const std::int64_t ranks =
      std::max(work.least_ranks, ranks_to_propose(work, sizes.cores_per_rank));
  if (wish.nodes && wish.ranks_per_node) {
    sizes.nodes = *wish.nodes;
    sizes.ranks_per_node = *wish.ranks_per_node;
  } else if (wish.nodes) {
    // Nodes that were asked for are to be used.
    propose_nodes(wish, std::max(work.least_ranks, work.side_by_side), sizes);
  } else {
    propose_nodes(wish, ranks, sizes);
  }
  sizes.ranks_why = counted(sizes.ranks(), "rank") + ": " + work.known_from;
  if (work.core_seconds > 0) {
    sizes.ranks_why += fmt::format(", {} of one core, about {} tasks side by side",
                                   duration_text(work.core_seconds), work.side_by_side);
  }
  sizes.ranks_why += sizes.ranks() > std::max(work.least_ranks, work.side_by_side)
                         ? ". Fewer would do as much."
                         : ".";
  return sizes;
}

void check_wish(const JobWish& wish) {
  constexpr std::int64_t kMostRanks = 1 << 20;  // as `plan --ranks` takes
  if (wish.nodes.value_or(1) * wish.ranks_per_node.value_or(kRanksPerNode) > kMostRanks) {
    throw usage_error(fmt::format("a job has at most {} ranks", kMostRanks),
                      "fewer --nodes or --ntasks-per-node");
  }
  if (!wish.time.empty()) time_limit_seconds(wish.time);
  if (!wish.memory.empty()) rank_memory(wish.memory, 1);
  if (!wish.others.empty() && !wish.others.front().starts_with('-')) {
    throw usage_error("--sbatch does not take '" + printable(wish.others.front()) + "'",
                      "behind it stand options of sbatch: --sbatch --qos=high");
  }
  for (const std::string& option : wish.others) {
    const bool is_long = option.starts_with("--");
    const std::string name = option.substr(0, is_long ? option.find('=') : 2);
    for (const char* own : {"--nodes", "--ntasks-per-node", "--cpus-per-task", "--mem", "--time",
                            "--partition", "--account", "-N", "-c", "-t", "-p", "-A"}) {
      if (name != own) continue;
      throw usage_error("submit has " + name + " itself", "give it before --sbatch");
    }
    for (const char* other : {"--ntasks", "--mem-per-cpu", "--mem-per-gpu", "-n"}) {
      if (name != other) continue;
      throw usage_error(name + " contradicts the sizes of the job",
                        "give --nodes, --ntasks-per-node and --mem before --sbatch instead");
    }
  }
}

JobLimits job_limits(const JobWish& wish, const JobWork& work, const JobSizes& sizes,
                     std::int64_t rank_bytes, const std::string& need_why) {
  JobLimits limits;
  limits.memory = wish.memory;
  limits.memory_why = need_why;
  if (wish.memory.empty()) {
    const double of_rank = static_cast<double>(plan::plus(rank_bytes, kBesideBytes)) / kUsable;
    limits.memory = slurm_size(of_rank * static_cast<double>(sizes.ranks_per_node));
    limits.memory_why = fmt::format("{} for each rank: {}; the rest is for MPI and margin.",
                                    size_words(static_cast<std::int64_t>(of_rank)), need_why);
  } else {
    limits.memory_why = fmt::format("As asked for; for each rank: {}.", need_why);
  }
  const std::int64_t cores =
      std::clamp<std::int64_t>(work.side_by_side, 1, sizes.ranks() * sizes.cores_per_rank);
  const double seconds = work.core_seconds / static_cast<double>(cores);
  limits.time = wish.time.empty() ? slurm_time(minutes_to_propose(seconds)) : wish.time;
  limits.time_why = wish.time.empty()
                        ? fmt::format("Twice the estimate, {} min at least", kLeastMinutes)
                        : "As asked for";
  if (work.core_seconds > 0) {
    limits.time_why += fmt::format("; the estimate is {}, by a rule of thumb: {}",
                                   duration_text(seconds), work.assumption);
  }
  limits.time_why += ".";
  return limits;
}

std::optional<std::int64_t> rank_memory(const std::string& memory, std::int64_t ranks_per_node) {
  std::int64_t number = -1;
  const char* last = memory.data() + memory.size();
  const auto [end, problem] = std::from_chars(memory.data(), last, number);
  const std::string unit(end, last);
  constexpr std::string_view kUnits = "KMGT";
  int shift = 20;  // Slurm counts MiB
  bool known = unit.empty();
  if (unit.size() == 1) {
    const std::size_t found = kUnits.find(static_cast<char>(unit[0] & ~0x20));
    known = found != std::string_view::npos;
    shift = 10 * (static_cast<int>(found) + 1);
  }
  if (problem != std::errc() || number < 0 || !known || number > (plan::kTooMuch >> shift)) {
    throw usage_error("--mem does not take '" + memory + "'",
                      "give the memory of a node as Slurm takes it: 64G, 4000M, or 0 for all");
  }
  if (number == 0) return std::nullopt;
  return static_cast<std::int64_t>(kUsable *
                                   static_cast<double>((number << shift) / ranks_per_node));
}

std::optional<std::int64_t> time_limit_seconds(const std::string& time) {
  std::string upper = time;
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 0x20) : c; });
  if (upper == "UNLIMITED" || upper == "INFINITE") return std::nullopt;
  const auto wrong = [&] {
    return usage_error("--time does not take '" + time + "'",
                       "give it as Slurm takes it: 30 (minutes), 1:30:00, 2-12:00:00");
  };
  std::string clock = time;
  std::int64_t days = -1;
  const auto number = [&](const std::string& text) {
    std::int64_t value = -1;
    const char* last = text.data() + text.size();
    const auto [end, problem] = std::from_chars(text.data(), last, value);
    if (problem != std::errc() || end != last || value < 0 || value > 1'000'000) throw wrong();
    return value;
  };
  if (const auto dash = time.find('-'); dash != std::string::npos) {
    days = number(time.substr(0, dash));
    clock = time.substr(dash + 1);
  }
  std::vector<std::int64_t> parts;
  for (std::size_t begin = 0; begin <= clock.size();) {
    const std::size_t end = std::min(clock.find(':', begin), clock.size());
    parts.push_back(number(clock.substr(begin, end - begin)));
    begin = end + 1;
  }
  if (parts.size() > 3) throw wrong();
  // With days the first number is hours; without, one number is minutes and two are minutes and
  // seconds.
  const bool from_hours = days >= 0 || parts.size() == 3;
  std::int64_t unit = from_hours ? 3600 : 60;
  std::int64_t seconds = std::max<std::int64_t>(days, 0) * 86400;
  for (const std::int64_t part : parts) {
    seconds += part * unit;
    unit /= 60;
  }
  return seconds;
}

std::string bash_word(const std::string& word) {
  if (is_plain(word)) return word;
  if (std::ranges::none_of(word, is_control)) {
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
  }
  std::string quoted = "$'";
  for (const char c : word) {
    if (c == '\n') quoted += "\\n";
    else if (c == '\t') quoted += "\\t";
    else if (is_control(c)) quoted += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    else if (c == '\'' || c == '\\') quoted += std::string("\\") + c;
    else quoted += c;
  }
  return quoted + "'";
}

std::string sbatch_word(const std::string& word) {
  if (is_plain(word)) return word;
  const auto has = [&](char c) { return word.find(c) != std::string::npos; };
  if (word.empty() || std::ranges::any_of(word, is_control) || has('\\') ||
      (has('\'') && has('"'))) {
    throw usage_error("sbatch reads no '" + printable(word) + "' in a script",
                      "options of sbatch may have no control characters, no \\ and one kind of "
                      "quotes");
  }
  const std::string quote = has('\'') ? "\"" : "'";
  return quote + word + quote;
}

std::string job_script(const Job& job) {
  std::string text = "#!/bin/bash\n# Made by rankine submit; sbatch takes it as it is.\n";
  text += header(job);
  text +=
      "\nset -u\n"
      "# What is set here reaches the ranks, also where jobs get no environment (--export=NONE).\n"
      "export SLURM_EXPORT_ENV=ALL\n"
      "# srun does not take the cores of a rank from sbatch by itself (since Slurm 22.05).\n"
      "export SRUN_CPUS_PER_TASK=\"$SLURM_CPUS_PER_TASK\"\n"
      "# Each rank is bound to its cores; OMP_PROC_BIND would bind its first thread to one of "
      "them.\n"
      "unset OMP_PROC_BIND OMP_PLACES\n"
      "export OMP_NUM_THREADS=\"$SLURM_CPUS_PER_TASK\"\n\n";
  if (job.resumes) text += "# --resume goes on with what an earlier run of this job finished.\n";
  text += command_lines(job) + "status=$?\n";
  if (job.resumes) {
    text +=
        "\n# 75: stopped, and can go on. The count ends the circle of a job that never gets "
        "anywhere.\n"
        "if [ \"$status\" = 75 ] && [ \"${SLURM_RESTART_COUNT:-0}\" -lt 20 ]; then\n"
        "  scontrol requeue \"$SLURM_JOB_ID\"\n"
        "fi\n";
  }
  return text + "exit \"$status\"\n";
}

}  // namespace rankine::apps
