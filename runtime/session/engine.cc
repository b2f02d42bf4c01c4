#include "runtime/session/engine.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "collectives/broadcast.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"
#include "runtime/base/current_error.h"
#include "runtime/base/stop_signals.h"
#include "runtime/worker/team.h"

namespace rankine::session {
namespace {

using protocol::Kind;
using protocol::Message;
}  // namespace

Engine::Engine(collectives::Communicator& communicator, EngineOptions options)
    : communicator_(communicator),
      options_(options),
      contexts_(options.threads) {
  start_thread();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return open_ || no_team_; });
  if (!no_team_) return;
  lock.unlock();
  thread_.join();
  throw std::move(*no_team_);
}

void Engine::start_thread() {
  try {
    thread_ = std::thread([this] { thread_main(); });
  } catch (const std::system_error& problem) {
    throw Error(ExitCode::kTaskFailed, "cannot start a thread: " + problem.code().message(), {},
                "raise the limit on processes (ulimit -u)");
  }
}

Engine::~Engine() {
  if (!thread_.joinable()) return;
  if (communicator_.rank() == 0) {
    quit();
  } else {
    thread_.join();
  }
}

void Engine::thread_main() {
  try {
    worker::run_team(options_.threads, [this](int thread) {
      if (thread == 0) {
        lead();
      } else {
        follow(thread);
      }
    });
  } catch (...) {
    const std::lock_guard lock(mutex_);
    no_team_ = current_error();
    changed_.notify_all();
  }
}

// --- rank 0, client's thread ---

void Engine::submit(Job& job) {
  {
    std::unique_lock lock(mutex_);
    job_ = &job;
    changed_.notify_all();
    wait_for(job, lock);
  }
  if (job.error) std::rethrow_exception(job.error);
}

void Engine::wait_for(Job& job, std::unique_lock<std::mutex>& lock) {
  constexpr std::chrono::milliseconds kBetweenLooks{50};
  constexpr int kLooksPerReport = 4;
  const bool settles = std::holds_alternative<Settle>(job.command);
  const bool shown = observer_ && (settles || std::holds_alternative<RunGraph>(job.command));
  const Stopwatch since;
  std::optional<Stopwatch> since_signal;
  bool told = false;
  for (int look = 1; !changed_.wait_for(lock, kBetweenLooks, [&] { return job.done; }); ++look) {
    lock.unlock();
    if (StopSignals::received() != 0) {
      if (!since_signal) since_signal.emplace();
      end_overdue(since_signal->seconds());
    }
    if (shown && look % kLooksPerReport == 0) {
      observer_({settles ? RunProgress::Phase::kWriting : RunProgress::Phase::kTasks,
                 tasks_seen_.load(), tasks_total_.load(), since.seconds()});
      told = true;
    }
    lock.lock();
  }
  if (told)
    observer_(
        {RunProgress::Phase::kOver, tasks_seen_.load(), tasks_total_.load(), since.seconds()});
}

// Tasks look for a signal themselves, but one may be inside a library, and another rank gone.
void Engine::end_overdue(double since_signal_s) {
  constexpr double kPatience = 0.5;  // seconds; of the one that mpirun gives
  if (!options_.launched || since_signal_s < kPatience) return;
  if (observer_) observer_({RunProgress::Phase::kOver, tasks_seen_.load(), tasks_total_.load(), 0});
  abandon(stopped_by_signal());
}

void Engine::abandon(const Error& error) {
  if (last_will_) {
    last_will_();
  } else if (!log_folder_.empty()) {  // rank 0 may not get to its own
    std::error_code ignored;
    std::filesystem::remove_all(log_folder_, ignored);
  }
  std::fputs(error.block().c_str(), stderr);
  communicator_.abort(static_cast<int>(error.exit_code));
}

GraphOutcome Engine::run_graph(Bytes graph_bytes, Bytes index_bytes,
                               const std::string& log_folder) {
  Job job;
  job.command = RunGraph{++graphs_, log_folder};
  job.graph_bytes = std::move(graph_bytes);
  job.index_bytes = std::move(index_bytes);
  submit(job);
  return std::move(job.outcome);
}

double Engine::rehearse(Bytes graph_bytes) {
  Job job;
  job.command = Rehearse{};
  job.graph_bytes = std::move(graph_bytes);
  submit(job);
  return job.outcome.communicate.wall_s;
}

io::Settlement Engine::settle(const io::OutputFile& file, const std::string& log_folder,
                              const std::string& part) {
  Job job;
  job.command = Settle{log_folder, part};
  job.file = &file;
  submit(job);
  return std::move(job.settlement);
}

void Engine::discard() {
  Job job;
  job.command = Discard{};
  submit(job);
}

void Engine::quit() {
  Job job;
  job.command = Quit{};
  submit(job);
  thread_.join();
}

// --- engine thread ---

void Engine::lead() {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  for (bool quitting = false; !quitting;) {
    const std::optional<Command> command = await_command();
    if (!command) {
      collectives::Waiter::rest();
      continue;
    }
    try {
      if (const auto* graph = std::get_if<RunGraph>(&*command)) run(*graph);
      if (std::holds_alternative<Rehearse>(*command)) run_rehearsal();
      if (const auto* settle = std::get_if<Settle>(&*command)) run_settle(*settle);
      if (std::holds_alternative<Discard>(*command)) run_discard();
      quitting = std::holds_alternative<Quit>(*command);
    } catch (...) {
      // The phases report what a rank may meet as values. What arrives here left the phase, and the
      // other ranks would wait in it for ever.
      if (communicator_.size() > 1) abandon(current_error());
      job_->error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    quitting_ = quitting;
    if (communicator_.rank() == 0) std::exchange(job_, nullptr)->done = true;
    changed_.notify_all();
  }
}

void Engine::follow(int thread) {
  std::uint32_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return quitting_ || generation_ != seen; });
      if (quitting_) return;
      seen = generation_;
    }
    work(thread);
    const std::lock_guard lock(mutex_);
    --working_;
    changed_.notify_all();
  }
}

std::optional<Command> Engine::await_command() {
  if (communicator_.rank() == 0) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return job_ != nullptr; });
    const Command command = job_->command;
    lock.unlock();
    announce(command);
    return command;
  }
  bool called = false;
  const std::lock_guard right(right_);
  communicator_.receive_packets([&](int from, std::span<const std::byte> packet) {
    bool data = false;
    protocol::for_each_message(packet, [&](const Message& message, std::span<const std::byte>) {
      (message.kind == Kind::kCommand ? called : data) = true;
    });
    if (data) early_.push_back({from, Bytes(packet.begin(), packet.end())});
  });
  if (!called) return std::nullopt;
  return receive_command();
}

void Engine::announce(const Command& command) {
  const std::lock_guard right(right_);
  Message message;
  message.kind = Kind::kCommand;
  for (int rank = 1; rank < communicator_.size(); ++rank) {
    communicator_.send_packet(rank, std::as_bytes(std::span(&message, 1)));
  }
  Bytes bytes = to_bytes(command);
  collectives::broadcast(communicator_, 0, bytes);
}

Command Engine::receive_command() {
  Bytes bytes;
  collectives::broadcast(communicator_, 0, bytes);
  return from_bytes<Command>(bytes);
}

}  // namespace rankine::session
