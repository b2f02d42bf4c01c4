#include "runtime/session/engine.h"

#include <csignal>
#include <cstdio>
#include <system_error>
#include <utility>

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
      contexts_(options.threads),
      loop_(communicator, options.threads, options.cores, *this) {
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
    join();
  }
}

void Engine::join() {
  thread_.join();
  helper_.join();
}

// Tasks fail as values. What a thread of the team throws went wrong between tasks (no memory for a
// message, a broken invariant, a phase that this rank cannot complete): the other threads and ranks
// would wait for ever.
void Engine::thread_main() {
  try {
    worker::run_team(options_.threads, [this](int thread) {
      if (thread == 0) {
        const std::lock_guard lock(mutex_);
        open_ = true;
        helper_ = std::thread([this] { help(); });
        changed_.notify_all();
      }
      try {
        loop_.work(thread, contexts_[thread]);
      } catch (...) {
        abandon(current_error());
      }
    });
  } catch (...) {
    const std::lock_guard lock(mutex_);
    no_team_ = current_error();
    changed_.notify_all();
  }
}

void Engine::help() {
  try {
    loop_.help();
  } catch (...) {
    abandon(current_error());
  }
}

// --- rank 0, client's threads ---

Engine::JobPtr Engine::submit(JobPtr job) {
  {
    const std::lock_guard lock(mutex_);
    if (auto* graph = std::get_if<RunGraph>(&job->command)) {
      graph->number = ++graphs_;
      decide_to_send(*graph);
      job->outcome.sent = !graph->known;
    }
    jobs_.push_back(job);
    has_jobs_.store(true, std::memory_order_release);
    ++unfinished_;
  }
  loop_.wake();
  return job;
}

Engine::JobPtr Engine::submit(Command command, Bytes bytes) {
  auto job = std::make_shared<Job>();
  job->command = std::move(command);
  job->graph_bytes = std::move(bytes);
  return submit(std::move(job));
}

std::uint32_t Engine::number_of(const Job& job) { return std::get<RunGraph>(job.command).number; }

void Engine::wait_until_done(Job& job, const OnRunProgress& observer) {
  constexpr std::chrono::milliseconds kBetweenLooks{50};
  constexpr int kLooksPerReport = 4;
  const bool settles = std::holds_alternative<Settle>(job.command);
  const bool shown = observer && (settles || std::holds_alternative<RunGraph>(job.command));
  const Stopwatch since;
  std::optional<Stopwatch> since_signal;
  bool told = false;
  const auto tell = [&](RunProgress::Phase phase) {
    observer({phase, job.tasks_seen, job.total_tasks, since.seconds()});
  };
  std::unique_lock lock(mutex_);
  for (int look = 1; !changed_.wait_for(lock, kBetweenLooks, [&] { return job.done; }); ++look) {
    lock.unlock();
    if (told && since_signal && overdue(since_signal->seconds())) tell(RunProgress::Phase::kOver);
    heed_signals(since_signal);
    if (shown && look % kLooksPerReport == 0) {
      tell(settles ? RunProgress::Phase::kWriting : RunProgress::Phase::kTasks);
      told = true;
    }
    lock.lock();
  }
  lock.unlock();
  if (told) tell(RunProgress::Phase::kOver);
  if (job.error) std::rethrow_exception(job.error);
}

// The team says more of it (watch_stop), unless it is stuck or has no graph.
void Engine::heed_signals(std::optional<Stopwatch>& since_signal) {
  constexpr double kForTheTeam = 0.2;
  if (StopSignals::received() == 0) return;
  if (!since_signal) since_signal.emplace();
  if (overdue(since_signal->seconds() - kForTheTeam)) abandon(stopped_by_signal());
}

// Tasks look for a signal themselves, but one may be inside a library, and another rank gone.
bool Engine::overdue(double since_signal_s) const {
  const double most_s =
      StopSignals::received() == SIGUSR1 ? options_.stop_after_usr1_s : options_.stop_s;
  return most_s > 0 && since_signal_s >= most_s;
}

void Engine::abandon(const Error& error) {
  Error last = error;
  if (last_will_ && last_will_()) {
    if (is_stop(last) || last.transient) last.exit_code = ExitCode::kStopped;
    last.remedy = "the same command with --resume";
  }
  std::fputs(last.block().c_str(), stderr);
  communicator_.abort(static_cast<int>(last.exit_code));
}

Engine::JobPtr Engine::start(GraphStart graph) {
  RunGraph command;
  command.log_folder = std::move(graph.log_folder);
  command.first_log = graph.first_log;
  command.part = std::move(graph.part);
  command.shard = graph.shard;
  command.graph_hash = graph.graph_hash;
  command.graph_bytes = graph.graph_bytes.size();
  command.index_bytes = graph.index_bytes.size();
  command.key = key_of(graph.graph_bytes, graph.index_bytes);
  auto job = std::make_shared<Job>();
  job->command = std::move(command);
  job->graph_bytes = std::move(graph.graph_bytes);
  job->index_bytes = std::move(graph.index_bytes);
  job->total_tasks = graph.total_tasks;
  job->needs = std::move(graph.needs);
  job->on_over = std::move(graph.on_over);
  return submit(std::move(job));
}

GraphOutcome Engine::wait(const JobPtr& job) {
  wait_until_done(*job, observer_);
  return std::move(job->outcome);
}

void Engine::await(const JobPtr& job) { wait_until_done(*job, {}); }

bool Engine::is_done(const JobPtr& job) {
  const std::lock_guard lock(mutex_);
  return job->done;
}

const GraphOutcome& Engine::outcome_of(const Job& job) { return job.outcome; }

void Engine::cancel(std::uint32_t number, Error why) {
  auto job = std::make_shared<Job>();
  job->cancelled.emplace(number, std::move(why));
  submit(std::move(job));
}

double Engine::rehearse(Bytes graph_bytes) {
  const JobPtr job = submit(Rehearse{}, std::move(graph_bytes));
  await(job);
  return job->outcome.communicate.wall_s;
}

io::Settlement Engine::settle(const LoggedParts& parts, const std::string& log_folder,
                              const std::string& part) {
  auto job = std::make_shared<Job>();
  job->command = Settle{log_folder, part};
  job->parts = &parts;
  wait_until_done(*submit(job), observer_);
  return std::move(job->settlement);
}

Engine::Kept Engine::discard(bool keep) {
  const JobPtr job = submit(Discard{keep});
  await(job);
  return job->kept;
}

Engine::Recovered Engine::recover(const std::string& log_folder, const io::PartPlaces& part,
                                  std::vector<std::int32_t> logs,
                                  std::vector<std::int64_t> chunks) {
  const JobPtr job = submit(Recover{log_folder, part, std::move(logs), std::move(chunks)});
  await(job);
  return job->recovered;
}

void Engine::scatter(std::uint64_t name, Bytes value) {
  const Scatter command{name, value.size()};
  submit(command, std::move(value));
}

// In portions that fit a message each.
void Engine::release(const Released& released) {
  constexpr std::size_t kPortion = 1000;
  std::size_t value = 0, array = 0, scattered = 0;
  const auto left = [&] {
    return value < released.values.size() || array < released.arrays.size() ||
           scattered < released.scattered.size();
  };
  while (left()) {
    auto job = std::make_shared<Job>();
    Release command;
    for (std::size_t i = 0; i < kPortion && left(); ++i) {
      if (value < released.values.size()) {
        command.values.push_back(released.values[value].name);
        job->homes.push_back(released.values[value++].home);
      } else if (array < released.arrays.size()) {
        command.arrays.push_back(released.arrays[array++]);
      } else {
        command.scattered.push_back(released.scattered[scattered++]);
      }
    }
    job->command = std::move(command);
    submit(std::move(job));
  }
}

void Engine::quit() {
  await(submit(Quit{}));
  join();
}

// --- with the progress right ---

void Engine::on_message(int from, const Message& message, std::span<const std::byte> payload) {
  if (communicator_.rank() == 0 && !watch_.heard_s.empty()) {
    watch_.heard_s[static_cast<std::size_t>(from)] = watch_.clock.seconds();
  }
  if (watch_.heard_scheduler_s && from == 0) watch_.heard_scheduler_s = watch_.clock.seconds();
  if (message.kind == Kind::kAlive) return on_sign(from, message);
  if (message.kind == Kind::kExplain) return explain(from);
  if (message.kind == Kind::kExplanation) return on_explanation(from, payload);
  if (message.kind == Kind::kCommand) {
    orders_.emplace_back();
    orders_.back().command = from_bytes<Command>(payload);
  } else if (message.kind == Kind::kReport) {
    on_report(from, message, payload);
  } else if (message.kind == Kind::kMade) {
    on_made(message, payload);
  } else {
    on_scheduler_message(from, message, payload);
  }
}

bool Engine::turn() {
  if (has_jobs_.load(std::memory_order_acquire)) take_jobs();
  bool moved = watch();
  while (!orders_.empty() && carry_out(orders_.front())) {
    orders_.pop_front();
    moved = true;
  }
  return moved;
}

// Every rank gets the commands in the order of the jobs.
void Engine::take_jobs() {
  std::deque<JobPtr> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(jobs_);
    has_jobs_.store(false, std::memory_order_relaxed);
  }
  for (JobPtr& job : jobs) take(std::move(job));
}

void Engine::take(JobPtr job) {
  if (job->cancelled) {
    give_up(job->cancelled->first, job->cancelled->second);
    return finish(*job);
  }
  if (std::holds_alternative<Release>(job->command)) {
    announce_release(*job);
  } else {
    announce(job->command);
  }
  Order& order = orders_.emplace_back();
  order.command = job->command;
  order.graph_bytes = std::move(job->graph_bytes);
  order.index_bytes = std::move(job->index_bytes);
  order.job = job;
  const auto* graph = std::get_if<RunGraph>(&job->command);
  if (graph == nullptr) return;
  Launch& launch = launches_[graph->number];
  launch.job = job;
  launch.needs = std::move(job->needs);
  launch.scheduler =
      std::make_unique<scheduler::Reactor>(communicator_.size(), graph->number, job->total_tasks);
  job->outcome.ranks.resize(static_cast<std::size_t>(communicator_.size()));
  for (const std::uint32_t need : launch.needs) {
    if (const auto failed = failed_.find(need); failed != failed_.end()) {
      fail(launch, failed->second);
    }
  }
}

// Holds mutex_: jobs get in line in the order in which all ranks take their graphs.
void Engine::decide_to_send(RunGraph& command) {
  command.forget_others = std::exchange(forget_graphs_, false);
  if (command.forget_others) announced_.clear();
  command.known = announced_.find(command.key) != nullptr;
  if (!command.known) {
    announced_.add(command.key,
                   static_cast<std::int64_t>(command.graph_bytes + command.index_bytes), {});
  }
  known_bytes_ = announced_.bytes() * decltype(announced_)::kMemoryPerByte;
}

void Engine::forget_graphs() {
  const std::lock_guard lock(mutex_);
  forget_graphs_ = true;
  known_bytes_ = 0;
}

void Engine::announce(const Command& command) {
  for (int rank = 1; rank < communicator_.size(); ++rank) send_command(rank, command);
  loop_.mail().flush();
}

void Engine::send_command(int to, const Command& command) {
  const Bytes bytes = to_bytes(command);
  Message message;
  message.kind = Kind::kCommand;
  message.bytes = static_cast<std::int64_t>(bytes.size());
  loop_.mail().send(to, message, bytes);
}

// Every rank is told of the values it has; the job keeps those of rank 0.
void Engine::announce_release(Job& job) {
  auto& all = std::get<Release>(job.command);
  std::vector<Release> by_rank(static_cast<std::size_t>(communicator_.size()),
                               {{}, all.arrays, all.scattered});
  for (std::size_t i = 0; i < all.values.size(); ++i) {
    by_rank[static_cast<std::size_t>(job.homes[i])].values.push_back(all.values[i]);
  }
  for (int rank = 1; rank < communicator_.size(); ++rank) {
    const Release& own = by_rank[static_cast<std::size_t>(rank)];
    if (own.values.empty() && own.arrays.empty() && own.scattered.empty()) continue;
    send_command(rank, own);
  }
  all = std::move(by_rank.front());
}

// What a phase throws left it in the middle, and the other ranks would wait in it for ever; alone,
// the client may go on.
bool Engine::carry_out(Order& order) {
  try {
    if (const auto* graph = std::get_if<RunGraph>(&order.command)) {
      if (!graph->known && !receive(order, graph->graph_bytes, graph->index_bytes)) return false;
      install(order);
      return true;
    }
    if (const auto* scatter = std::get_if<Scatter>(&order.command)) {
      if (!receive(order, scatter->bytes, 0)) return false;
      keep_scattered(order);
    }
    if (const auto* release = std::get_if<Release>(&order.command)) forget(*release);
    if (std::holds_alternative<Quit>(order.command) && !quiet()) return false;
    if (std::holds_alternative<Rehearse>(order.command)) run_rehearsal(order);
    if (const auto* settle = std::get_if<Settle>(&order.command)) {
      run_settle(order.job.get(), *settle);
    }
    if (const auto* discard = std::get_if<Discard>(&order.command)) {
      run_discard(order.job.get(), discard->keep);
    }
    if (const auto* recover = std::get_if<Recover>(&order.command)) {
      run_recover(order.job.get(), *recover);
    }
    if (std::holds_alternative<Quit>(order.command)) loop_.stop();
  } catch (...) {
    if (communicator_.size() > 1) throw;
    order.job->error = std::current_exception();
    if (const auto* graph = std::get_if<RunGraph>(&order.command)) {
      launches_.erase(graph->number);
      known_.clear();  // perhaps it is not among them
      const std::lock_guard lock(mutex_);
      announced_.clear();
      known_bytes_ = 0;
    }
  }
  if (order.job) finish(*order.job);
  return true;
}

void Engine::finish(Job& job) {
  if (const auto* graph = std::get_if<RunGraph>(&job.command); graph != nullptr && job.on_over) {
    job.on_over(graph->number, job.outcome);
  }
  const std::lock_guard lock(mutex_);
  job.done = true;
  --unfinished_;
  changed_.notify_all();
}

}  // namespace rankine::session
