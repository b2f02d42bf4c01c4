// The end of the time that a batch system gives a job: a run stops before it, so that what it
// finished is kept and the job can be requeued.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace rankine::session {

// Seconds of what `squeue -O TimeLeft` writes: "1-02:03:04", "02:03:04", "03:04". Empty for a job
// without a limit ("UNLIMITED") and for anything else.
std::optional<std::int64_t> parse_time_left(const std::string& text);

// How long before its end a job that has so many seconds stops: a tenth, from 25 s (running tasks
// have 20 s) to 120 s. Empty if so little is left that it would stop at once, again and again.
std::optional<std::int64_t> stop_before_end(std::int64_t seconds_left);

// While it lives, the process is told to stop, as if the batch system had sent SIGUSR1, when the
// end of its Slurm job is near and no signal came before. Slurm is asked once (SLURM_JOB_END_TIME,
// else squeue), in a thread, by a child process, in one process of a job. Nothing happens outside
// of Slurm, or if Slurm does not answer.
class TimeLimit {
 public:
  // From the seconds that are left to those before the end; empty: not at all.
  using Rule = std::function<std::optional<std::int64_t>(std::int64_t)>;
  explicit TimeLimit(Rule rule = stop_before_end);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  void watch();
  std::string answer();
  void reap();  // by the thread, or once it ended
  bool over_within(std::chrono::milliseconds time);

  const Rule rule_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  pid_t child_ = -1;
  int answer_ = -1;  // the reading end of its pipe
  std::thread thread_;
};

}  // namespace rankine::session
