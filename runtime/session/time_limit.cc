#include "runtime/session/time_limit.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <system_error>
#include <utility>

#include "runtime/base/stop_signals.h"

extern char** environ;

namespace rankine::session {
namespace {

constexpr int kSliceMs = 100;

std::optional<std::int64_t> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string digits = text;
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = problem == std::errc() && end == digits.data() + digits.size();
  return whole ? std::optional(value) : std::nullopt;
}

// The child that writes to the pipe; -1 if there is no squeue.
pid_t start_squeue(const std::string& job, int pipe) {
  std::string words[] = {"squeue", "-h", "-j", job, "-O", "TimeLeft"};
  std::array<char*, 7> arguments{};
  std::transform(std::begin(words), std::end(words), arguments.begin(),
                 [](std::string& word) { return word.data(); });
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return -1;
  pid_t child = -1;
  const bool started =
      ::posix_spawn_file_actions_adddup2(&actions, pipe, STDOUT_FILENO) == 0 &&
      ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
      ::posix_spawnp(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environ) == 0;
  ::posix_spawn_file_actions_destroy(&actions);
  return started ? child : -1;
}

// A task of an array by its own name: the number of the first stands for all of them.
std::string job_of_process() {
  const char* array = std::getenv("SLURM_ARRAY_JOB_ID");
  const char* task = std::getenv("SLURM_ARRAY_TASK_ID");
  if (array != nullptr && task != nullptr) return std::string(array) + "_" + task;
  const char* job = std::getenv("SLURM_JOB_ID");
  return job == nullptr ? "" : job;
}

// Of a job of several parts.
std::optional<std::int64_t> shortest_time_left(const std::string& text) {
  std::optional<std::int64_t> shortest;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto left = parse_time_left(line);
    if (left && (!shortest || *left < *shortest)) shortest = left;
  }
  return shortest;
}

}  // namespace

std::optional<std::int64_t> parse_time_left(const std::string& text) {
  std::int64_t days = 0, parts[3] = {0, 0, 0};
  int used = 0;
  if (std::sscanf(text.c_str(), " %ld-%ld:%ld:%ld %n", &days, &parts[0], &parts[1], &parts[2],
                  &used) != 4) {
    days = 0;
    if (std::sscanf(text.c_str(), " %ld:%ld:%ld %n", &parts[0], &parts[1], &parts[2], &used) != 3) {
      parts[0] = 0;
      if (std::sscanf(text.c_str(), " %ld:%ld %n", &parts[1], &parts[2], &used) != 2) return {};
    }
  }
  const bool whole = static_cast<std::size_t>(used) == text.size();
  if (!whole || days < 0 || *std::min_element(parts, parts + 3) < 0) return std::nullopt;
  return ((days * 24 + parts[0]) * 60 + parts[1]) * 60 + parts[2];
}

std::optional<std::int64_t> stop_before_end(std::int64_t seconds_left) {
  const std::int64_t before = std::clamp<std::int64_t>(seconds_left / 10, 25, 120);
  return seconds_left >= 2 * before ? std::optional(before) : std::nullopt;
}

TimeLimit::TimeLimit(Rule rule) : rule_(std::move(rule)) {
  const std::string job = job_of_process();
  if (job.empty()) return;
  int ends[2];
  if (!number_in("SLURM_JOB_END_TIME") && ::pipe2(ends, O_CLOEXEC) == 0) {
    child_ = start_squeue(job, ends[1]);
    answer_ = ends[0];
    ::close(ends[1]);
  }
  try {
    thread_ = std::thread([this] { watch(); });
  } catch (const std::system_error&) {
    // Then Slurm's own signal is the only one.
  }
}

TimeLimit::~TimeLimit() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (answer_ >= 0) ::close(answer_);
  reap();
}

// What has not ended by then has nothing more to say.
void TimeLimit::reap() {
  if (child_ < 0) return;
  ::kill(child_, SIGKILL);
  while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
}

bool TimeLimit::over_within(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return over_; });
}

std::string TimeLimit::answer() {
  std::string text;
  while (answer_ >= 0 && !over_within(std::chrono::milliseconds(0))) {
    pollfd waiting{answer_, POLLIN, 0};
    if (::poll(&waiting, 1, kSliceMs) <= 0) continue;
    std::array<char, 256> buffer;
    const ssize_t got = ::read(answer_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return {};
}

void TimeLimit::watch() {
  const auto asked = std::chrono::steady_clock::now();
  std::optional<std::int64_t> left;
  if (const auto end = number_in("SLURM_JOB_END_TIME")) left = *end - std::time(nullptr);
  else left = shortest_time_left(answer());
  reap();
  const auto before = left ? rule_(*left) : std::nullopt;
  if (!before) return;
  const auto end = asked + std::chrono::seconds(*left - *before);
  const auto wait =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  if (over_within(wait)) return;
  if (!StopSignals::pretend_usr1()) return;
  std::fprintf(stderr, "rankine: the job's time ends in %ld s: stopping\n",
               static_cast<long>(*before));
}

}  // namespace rankine::session
