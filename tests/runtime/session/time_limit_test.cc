// When a run stops before its job's time is up.
#include "runtime/session/time_limit.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <stdexcept>

#include "runtime/base/stop_signals.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::session {
namespace {

TEST(TimeLeft, IsReadAsSqueueWritesIt) {
  EXPECT_EQ(parse_time_left("1-02:03:04"), 93784);
  EXPECT_EQ(parse_time_left("02:03:04            \n"), 7384);
  EXPECT_EQ(parse_time_left("59:59\n"), 3599);
  EXPECT_EQ(parse_time_left("0:07\n"), 7);
  for (const char* none :
       {"", "UNLIMITED\n", "INVALID", "NOT_SET", "1:2:3:4", "-1:05", "5", "1:x"}) {
    EXPECT_EQ(parse_time_left(none), std::nullopt) << none;
  }
}

TEST(TimeLeft, LeavesTimeToStop) {
  EXPECT_EQ(stop_before_end(7200), 120);
  EXPECT_EQ(stop_before_end(600), 60);
  EXPECT_EQ(stop_before_end(60), 25);
  EXPECT_EQ(stop_before_end(49), std::nullopt);
  EXPECT_EQ(stop_before_end(-5), std::nullopt);
}

class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() {
    if (before_.empty()) ::unsetenv(name_);
    else ::setenv(name_, before_.c_str(), 1);
  }

 private:
  const char* const name_;
  std::string before_;
};

std::optional<std::int64_t> at_once(std::int64_t left) { return left; }

bool is_told_to_stop() {
  for (int ms = 0; ms < 10000 && StopSignals::received() == 0; ++ms) ::usleep(1000);
  return StopSignals::received() == SIGUSR1;
}

// A squeue of this folder, in front of all others.
class Squeue {
 public:
  explicit Squeue(const std::string& program)
      : path_("PATH", folder_.path() + ":" + std::getenv("PATH")) {
    const std::string name = folder_ / "squeue";
    std::ofstream(name) << "#!/bin/sh\n" << program << "\n";
    if (::chmod(name.c_str(), 0700) != 0) throw std::runtime_error("chmod");
  }

 private:
  const io::test::TempFolder folder_;
  const Variable path_;
};

TEST(TimeLimit, SaysNothingAfterASignal) {
  const StopSignals signals;
  const Variable job("SLURM_JOB_ID", "7");
  const Variable end("SLURM_JOB_END_TIME", std::to_string(std::time(nullptr) + 600));
  ::raise(SIGUSR1);  // another one would end the process
  ::testing::internal::CaptureStderr();
  {
    const TimeLimit limit(at_once);
    ::usleep(20000);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(StopSignals::received(), SIGUSR1);
  EXPECT_FALSE(StopSignals::pretend_usr1());
}

TEST(TimeLimit, TellsTheProcessToStopAtTheEndThatTheEnvironmentNames) {
  const StopSignals signals;
  const Variable job("SLURM_JOB_ID", "7");
  const Variable end("SLURM_JOB_END_TIME", std::to_string(std::time(nullptr) + 600));
  const TimeLimit limit(at_once);
  EXPECT_TRUE(is_told_to_stop());
}

TEST(TimeLimit, AsksSqueue) {
  const StopSignals signals;
  const Variable end("SLURM_JOB_END_TIME", "");
  const Squeue squeue("test \"$*\" = '-h -j 7 -O TimeLeft' && echo '10:00           '");
  const Variable job("SLURM_JOB_ID", "7");
  const TimeLimit limit(at_once);
  EXPECT_TRUE(is_told_to_stop());
}

TEST(TimeLimit, DoesNothingWithoutALimitOrSlurm) {
  const StopSignals signals;
  const Variable end("SLURM_JOB_END_TIME", "");
  const Squeue squeue("echo UNLIMITED");
  for (const bool in_job : {false, true}) {
    std::optional<Variable> job;
    if (in_job) job.emplace("SLURM_JOB_ID", "7");
    const TimeLimit limit(at_once);
    ::usleep(50000);
    EXPECT_EQ(StopSignals::received(), 0);
  }
}

TEST(TimeLimit, EndsWithoutAnAnswer) {
  const StopSignals signals;
  const Squeue squeue("exec sleep 1000");
  const Variable job("SLURM_JOB_ID", "7");
  { const TimeLimit limit(at_once); }
  EXPECT_EQ(StopSignals::received(), 0);
}

}  // namespace
}  // namespace rankine::session
