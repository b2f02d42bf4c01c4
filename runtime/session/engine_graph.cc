// Engine: the phase in which a graph is broadcast, installed and executed, and its rehearsal.
#include "collectives/broadcast.h"
#include "collectives/gather.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"
#include "runtime/base/current_error.h"
#include "runtime/session/engine.h"
#include "runtime/session/physical_plan.h"

namespace rankine::session {
namespace {

using protocol::Kind;
using protocol::Message;

struct GraphPackage {
  std::shared_ptr<graph::Graph> graph = std::make_shared<graph::Graph>();
  plan::Placement placement;
  Varint pool_bytes;  // of each rank, at most
  template <class Archive>
  void serialize(Archive& archive) {
    archive(*graph, placement, pool_bytes);
  }
};

}  // namespace

// Ends with the graph installed here and on rank 0 the scheduler: from now on its messages count.
void Engine::install(const RunGraph& command, Bytes graph_bytes, Bytes index_bytes) {
  auto package = from_bytes<GraphPackage>(graph_bytes);
  pool_.set_limit(package.pool_bytes.value);
  worker::Installation installation;
  installation.number = command.number;
  installation.topology = std::make_shared<const graph::Topology>(package.graph);
  installation.placement = std::move(package.placement);
  installation.indexes = from_bytes<std::vector<io::ChunkIndex>>(index_bytes);
  graph_bytes = Bytes();
  index_bytes = Bytes();
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
  if (communicator_.rank() != 0) return;
  scheduler_ = std::make_unique<scheduler::Reactor>(communicator_.size(), command.number, total);
  tasks_seen_ = 0;
  tasks_total_ = total;
}

// All threads of the team, until the graph is over.
void Engine::execute() {
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
}

void Engine::run(const RunGraph& command) {
  log_folder_ = command.log_folder;
  Bytes graph_bytes, index_bytes;
  if (communicator_.rank() == 0) {
    graph_bytes = std::move(job_->graph_bytes);
    index_bytes = std::move(job_->index_bytes);
  }
  GraphOutcome outcome;
  {
    const StageClock communicate(outcome.communicate);
    const std::lock_guard right(right_);
    collectives::broadcast(communicator_, 0, graph_bytes);
    collectives::broadcast(communicator_, 0, index_bytes);
  }
  {
    const StageClock schedule(outcome.schedule);
    install(command, std::move(graph_bytes), std::move(index_bytes));
  }
  {
    const StageClock execution(outcome.execute);
    execute();
  }

  const std::lock_guard right(right_);
  for (const Bytes& bytes :
       collectives::gather(communicator_, 0,
                           to_bytes(report(outcome.execute.wall_s, outcome.communicate.wall_s)))) {
    outcome.ranks.push_back(from_bytes<RankReport>(bytes));
  }
  if (communicator_.rank() == 0) {
    outcome.failure = scheduler_->failure();
    outcome.results = std::move(run_->results());
    job_->outcome = std::move(outcome);
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

// Tasks fail as values. What gets here went wrong between tasks (no memory for a message, a broken
// invariant): the other threads and ranks would wait for ever.
void Engine::work(int thread) {
  try {
    run_->work(contexts_[thread], options_.cores);
  } catch (...) {
    abandon(current_error());
  }
}

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
  if (communicator_.rank() == 0) job_->outcome.communicate.wall_s = communicate.seconds();
}

}  // namespace rankine::session
