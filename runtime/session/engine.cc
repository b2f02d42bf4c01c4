#include "runtime/session/engine.h"

#include <sys/resource.h>

#include <cstdio>
#include <system_error>
#include <utility>

#include "collectives/broadcast.h"
#include "collectives/gather.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"
#include "runtime/base/current_error.h"
#include "runtime/base/stop_signals.h"
#include "runtime/worker/team.h"

namespace rankine::session {
namespace {

using protocol::Kind;
using protocol::Message;

std::int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

struct GraphPackage {
  std::shared_ptr<graph::Graph> graph = std::make_shared<graph::Graph>();
  plan::Placement placement;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(*graph, placement);
  }
};

// What one rank brings to the settling: its records, or why it has none.
struct LogContents {
  std::optional<Error> error;
  std::vector<io::LogRecord> records;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(error, records);
  }
};

// What rank 0 answers: the copies of each rank, or nothing after an error.
struct CopyOrders {
  bool go = false;
  std::vector<std::vector<io::CopySegment>> by_rank;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(go, by_rank);
  }
};

// Closes the log. Whatever goes wrong becomes a value: the gather waits for every rank.
Bytes log_contents(io::LogWriter* log) {
  LogContents contents;
  try {
    log->close();
    contents.records = log->records();
    return to_bytes(contents);
  } catch (...) {
    contents = {current_error(), {}};
  }
  return to_bytes(contents);
}

}  // namespace

Engine::Engine(collectives::Communicator& communicator, EngineOptions options)
    : communicator_(communicator), options_(options), contexts_(options.threads) {
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
  if (told) observer_({RunProgress::Phase::kOver, tasks_seen_.load(), tasks_total_.load(),
                       since.seconds()});
}

// Tasks look for a signal themselves, but one may be inside a library, and another rank gone.
void Engine::end_overdue(double since_signal_s) {
  constexpr double kPatience = 0.5;  // seconds; of the one that mpirun gives
  if (!options_.launched || since_signal_s < kPatience) return;
  if (observer_) observer_({RunProgress::Phase::kOver, tasks_seen_.load(), tasks_total_.load(), 0});
  abandon(stopped_by_signal());
}

void Engine::abandon(const Error& error) {
  if (last_will_) last_will_();
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
  return job.outcome.communicate_s;
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

void Engine::run(const RunGraph& command) {
  Bytes graph_bytes, index_bytes;
  Job* job = communicator_.rank() == 0 ? job_ : nullptr;
  if (job != nullptr) {
    graph_bytes = std::move(job->graph_bytes);
    index_bytes = std::move(job->index_bytes);
  }
  const Stopwatch communicate;
  {
    const std::lock_guard right(right_);
    collectives::broadcast(communicator_, 0, graph_bytes);
    collectives::broadcast(communicator_, 0, index_bytes);
  }
  const double broadcast_s = communicate.seconds();

  const Stopwatch schedule;
  auto package = from_bytes<GraphPackage>(graph_bytes);
  worker::Installation installation;
  installation.number = command.number;
  installation.topology = std::make_shared<const graph::Topology>(package.graph);
  installation.placement = std::move(package.placement);
  installation.indexes = from_bytes<std::vector<io::ChunkIndex>>(index_bytes);
  const std::int64_t total = installation.topology->task_count();
  std::optional<Error> log_failure;
  if (!command.log_folder.empty()) {
    try {
      log_ = std::make_unique<io::LogWriter>(command.log_folder, communicator_.rank());
    } catch (...) {
      log_failure = current_error();
    }
  }
  run_ = std::make_unique<worker::GraphRun>(
      communicator_, right_, pool_, std::move(installation), log_.get(),
      [this](int from, const Message& message, std::span<const std::byte> payload) {
        on_report(from, message, payload);
      });
  if (log_failure) run_->fail(std::move(*log_failure));
  if (job != nullptr) {
    scheduler_ = std::make_unique<scheduler::Reactor>(communicator_.size(), command.number, total);
    tasks_seen_ = 0;
    tasks_total_ = total;
  }
  const double schedule_s = schedule.seconds();

  const Stopwatch execute;
  const double cpu_before = process_cpu_seconds();
  {
    const std::lock_guard right(right_);
    for (const Early& early : early_) run_->on_packet(early.from, early.packet);
    early_.clear();
  }
  {
    const std::lock_guard lock(mutex_);
    working_ = options_.threads - 1;
    ++generation_;
    changed_.notify_all();
  }
  work(0);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return working_ == 0; });
  }
  run_->check_over();
  const double execute_s = execute.seconds();
  const std::lock_guard right(right_);
  const auto reports =
      collectives::gather(communicator_, 0, to_bytes(report(execute_s, broadcast_s)));
  if (job != nullptr) {
    GraphOutcome& outcome = job->outcome;
    outcome.failure = scheduler_->failure();
    outcome.results = std::move(run_->results());
    for (const Bytes& bytes : reports) outcome.ranks.push_back(from_bytes<RankReport>(bytes));
    outcome.communicate_s = broadcast_s;
    outcome.schedule_s = schedule_s;
    outcome.execute_s = execute_s;
    outcome.execute_cpu_s = process_cpu_seconds() - cpu_before;
    scheduler_.reset();
  }
  run_.reset();
}

RankReport Engine::report(double wall_s, double broadcast_s) {
  RankReport mine;
  mine.totals = run_->totals();
  mine.peak_rss_bytes = peak_resident_bytes();
  mine.peak_pool_bytes = pool_.peak_bytes();
  mine.threads = options_.threads;
  mine.wall_s = wall_s;
  mine.broadcast_s = broadcast_s;
  return mine;
}

void Engine::work(int thread) { run_->work(contexts_[thread], options_.cores); }

void Engine::on_report(int from, const Message& message, std::span<const std::byte> payload) {
  scheduler::Reactor::Outbox outbox;
  if (message.kind == Kind::kFailed) {
    scheduler_->on_failure(from, from_bytes<Error>(payload), outbox);
  } else {
    scheduler_->on_message(from, message, outbox);
    tasks_seen_ = scheduler_->tasks_seen();
  }
  send_control(outbox);
}

void Engine::send_control(const scheduler::Reactor::Outbox& outbox) {
  for (const auto& [to, message] : outbox) {
    communicator_.send_packet(to, std::as_bytes(std::span(&message, 1)));
  }
}

void Engine::run_rehearsal() {
  const std::lock_guard right(right_);
  Bytes bytes;
  if (communicator_.rank() == 0) bytes = std::move(job_->graph_bytes);
  collectives::barrier(communicator_);
  const Stopwatch communicate;
  collectives::broadcast(communicator_, 0, bytes);
  const auto package = from_bytes<GraphPackage>(bytes);
  const graph::Topology topology(package.graph);
  collectives::barrier(communicator_);
  if (communicator_.rank() == 0) job_->outcome.communicate_s = communicate.seconds();
}

// Rank 0: where every chunk goes, and who copies it there.
Bytes Engine::order_copies(const std::vector<Bytes>& gathered, const std::string& part) {
  std::vector<std::vector<io::LogRecord>> logs;
  for (const Bytes& bytes : gathered) {
    auto contents = from_bytes<LogContents>(bytes);
    if (contents.error) throw std::move(*contents.error);
    logs.push_back(std::move(contents.records));
  }
  job_->settlement = io::place_chunks(*job_->file, logs);
  io::create_part(part);
  CopyOrders orders;
  orders.by_rank = io::plan_copies(job_->settlement, communicator_.size());
  orders.go = true;
  return to_bytes(orders);
}

void Engine::run_settle(const Settle& command) {
  const std::lock_guard right(right_);
  const int rank = communicator_.rank();
  const Bytes contents = log_contents(log_.get());
  log_.reset();
  const std::vector<Bytes> gathered = collectives::gather(communicator_, 0, contents);

  std::optional<Error> failure;
  Bytes orders = to_bytes(CopyOrders());
  if (rank == 0) {
    try {
      orders = order_copies(gathered, command.part);
    } catch (...) {
      failure = current_error();
    }
  }
  collectives::broadcast(communicator_, 0, orders);
  std::optional<Error> mine_failed;
  try {
    const auto copies = from_bytes<CopyOrders>(orders);
    if (copies.go) io::copy_segments(command.log_folder, command.part, copies.by_rank[rank]);
  } catch (...) {
    mine_failed = current_error();
  }
  for (const Bytes& status : collectives::gather(communicator_, 0, to_bytes(mine_failed))) {
    auto error = from_bytes<std::optional<Error>>(status);
    if (error && !failure) failure = std::move(error);
  }
  if (failure) job_->error = std::make_exception_ptr(std::move(*failure));
}

void Engine::run_discard() {
  const std::lock_guard right(right_);
  log_.reset();
  collectives::barrier(communicator_);
}

}  // namespace rankine::session
