// Engine: how a graph is broadcast, installed, watched and ended, and its rehearsal.
#include <algorithm>
#include <stdexcept>

#include "collectives/broadcast.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"
#include "runtime/base/current_error.h"
#include "runtime/base/resident_memory.h"
#include "runtime/session/engine.h"

namespace rankine::session {
namespace {

using protocol::Kind;
using protocol::Message;

struct GraphPackage {
  std::shared_ptr<graph::Graph> graph = std::make_shared<graph::Graph>();
  plan::Placement placement;
  Varint pool_bytes;  // of each rank, at most
  plan::Budget budget;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(*graph, placement, pool_bytes, budget);
  }
};

}  // namespace

// The broadcasts advance between tasks: no rank waits in them.
bool Engine::receive(Order& order, std::uint64_t graph_bytes, std::uint64_t index_bytes) {
  if (!order.posted) {
    order.posted = true;
    order.graph_bytes.resize(graph_bytes);
    order.index_bytes.resize(index_bytes);
    for (Bytes* bytes : {&order.graph_bytes, &order.index_bytes}) {
      order.broadcasts.push_back(communicator_.async_broadcast(0, *bytes));
    }
  }
  for (collectives::Request& broadcast : order.broadcasts) {
    if (!communicator_.test(broadcast)) return false;
  }
  return true;
}

void Engine::keep_scattered(Order& order) {
  SharedBuffer value = pool_.allocate_shared(order.graph_bytes.size());
  std::copy(order.graph_bytes.begin(), order.graph_bytes.end(), value->data());
  held_.put_scattered(std::get<Scatter>(order.command).name, std::move(value));
}

void Engine::forget(const Release& release) {
  for (const graph::HeldName& name : release.values) held_.drop(name);
  for (const graph::HeldName& name : release.arrays) held_.drop_array(name.graph, name.slot);
  for (const std::uint64_t name : release.scattered) held_.drop_scattered(name);
}

KnownGraph Engine::unpack(Order& order) const {
  auto package = from_bytes<GraphPackage>(order.graph_bytes);
  KnownGraph graph;
  graph.topology = std::make_shared<const graph::Topology>(package.graph);
  graph.placement = std::move(package.placement);
  graph.pool_bytes = package.pool_bytes.value;
  graph.budget = package.budget;
  graph.maps = from_bytes<std::vector<io::ChunkMap>>(order.index_bytes);
  order.graph_bytes = Bytes();
  order.index_bytes = Bytes();
  return graph;
}

// other: has room for a graph that is too large to be kept.
const KnownGraph& Engine::known_graph(Order& order, KnownGraph& other) {
  const auto& command = std::get<RunGraph>(order.command);
  if (command.forget_others) known_.clear();
  if (const KnownGraph* known = known_.find(command.key)) return *known;
  // On rank 0 the bytes are here in any case: alone it may have lost the graph to a failure.
  if (command.known && order.graph_bytes.empty()) {
    throw std::logic_error("a graph is not here that was sent before");
  }
  KnownGraph graph = unpack(order);
  known_.add(command.key, static_cast<std::int64_t>(command.graph_bytes + command.index_bytes),
             graph);
  const KnownGraph* kept = known_.find(command.key);
  return kept != nullptr ? *kept : other = std::move(graph);
}

// Ends with the graph installed here. Messages about it may have come before.
void Engine::install(Order& order) {
  const auto& command = std::get<RunGraph>(order.command);
  StageTimes installing;
  Flight flight;
  flight.broadcast_s = order.since.seconds();
  if (order.job) {
    order.job->outcome.communicate = {flight.broadcast_s,
                                      process_cpu_seconds() - order.cpu_at_start};
  }
  {
    const StageClock clock(installing);
    KnownGraph other;
    const KnownGraph& known = known_graph(order, other);
    worker::Installation installation;
    installation.number = command.number;
    installation.topology = known.topology;
    installation.placement = known.placement;
    installation.resources = options_.resources;
    installation.threads = options_.threads;
    installation.memory_bytes = options_.memory_bytes;
    installation.maps = known.maps;
    flight.pool_bytes = known.pool_bytes;
    installation.budget = known.budget;
    installation.graph_hash = command.graph_hash;
    if (!command.log_folder.empty()) installation.salvage = salvage_;
    installation.shard = command.shard;
    std::optional<Error> log_failure;
    if (!command.log_folder.empty()) {
      const int number = command.first_log + communicator_.rank();
      // Several graphs may write one output, one after the other.
      const bool goes_on =
          log_ != nullptr && log_->path() == io::log_path(command.log_folder, number);
      try {
        if (!goes_on) {
          log_ = std::make_unique<io::LogWriter>(command.log_folder, number, io::SyncLimits(),
                                                 command.part);
        }
      } catch (...) {
        log_failure = current_error();
      }
    }
    auto run = std::make_shared<worker::GraphRun>(
        communicator_, pool_, loop_.mail(), held_, std::move(installation),
        command.log_folder.empty() ? nullptr : log_.get(), options_.scratch);
    if (log_failure) run->fail(std::move(*log_failure));
    flight.running = Stopwatch();
    flight.logs = !command.log_folder.empty();
    flights_.emplace(command.number, flight);
    limit_pool();
    run->ask_for_held();
    loop_.add(std::move(run));
  }
  if (!order.job) return;
  order.job->outcome.schedule = installing;
  Launch& launch = launches_.at(command.number);
  launch.executing = Stopwatch();
  launch.cpu_at_execute = process_cpu_seconds();
  order.job.reset();  // done when the reports are here
}

void Engine::limit_pool() {
  std::int64_t bytes = 0;
  for (const auto& [number, flight] : flights_) bytes += flight.pool_bytes;
  pool_.set_limit(bytes);
}

void Engine::on_over(worker::GraphRun& run) {
  const auto found = flights_.find(run.number());
  RankReport mine;
  mine.totals = run.totals();
  mine.peak_rss_bytes = peak_resident_bytes();
  mine.peak_pool_bytes = pool_.peak_bytes();
  mine.threads = options_.threads;
  mine.wall_s = found->second.running.seconds();
  mine.broadcast_s = found->second.broadcast_s;
  flights_.erase(found);
  held_.forget(&run);
  if (run.failed()) held_.drop_graph(run.number());
  if (!flights_.empty()) limit_pool();
  if (communicator_.rank() == 0) {
    launches_.at(run.number()).job->outcome.results = std::move(run.results());
  }
  const Bytes bytes = to_bytes(mine);
  Message message;
  message.kind = Kind::kReport;
  message.graph = run.number();
  message.bytes = static_cast<std::int64_t>(bytes.size());
  loop_.mail().send(0, message, bytes);
}

// --- rank 0 ---

void Engine::on_report(int from, const Message& message, std::span<const std::byte> payload) {
  const auto found = launches_.find(message.graph);
  Launch& launch = found->second;
  GraphOutcome& outcome = launch.job->outcome;
  outcome.ranks[static_cast<std::size_t>(from)] = from_bytes<RankReport>(payload);
  if (++launch.reports < outcome.ranks.size()) return;
  outcome.failure = launch.scheduler->failure();
  outcome.execute = {launch.executing.seconds(), process_cpu_seconds() - launch.cpu_at_execute};
  const JobPtr job = launch.job;
  launches_.erase(found);
  ++graphs_over_;
  if (outcome.failure) {
    failed_.emplace(message.graph, *outcome.failure);
    fail_users(message.graph, *outcome.failure);
  }
  finish(*job);
}

void Engine::on_scheduler_message(int from, const Message& message,
                                  std::span<const std::byte> payload) {
  const auto found = launches_.find(message.graph);
  // A signal on rank 0 may fail a graph after its end was decided.
  if (found == launches_.end()) return;
  scheduler::Reactor& scheduler = *found->second.scheduler;
  scheduler::Reactor::Outbox outbox;
  if (message.kind == Kind::kLowest) {
    if (scheduler.failure()) return;
    std::unique_ptr<scheduler::Frontier>& frontier = found->second.frontier;
    if (!frontier) {
      frontier = std::make_unique<scheduler::Frontier>(communicator_.size(), message.graph);
    }
    frontier->on_message(from, message, outbox);
    return send_control(outbox);
  }
  if (message.kind == Kind::kFailed) {
    scheduler.on_failure(from, from_bytes<Error>(payload), outbox);
  } else {
    scheduler.on_message(from, message, outbox);
    found->second.job->tasks_seen = scheduler.tasks_seen();
  }
  send_control(outbox);
}

void Engine::send_control(const scheduler::Reactor::Outbox& outbox) {
  for (const auto& [to, message] : outbox) loop_.mail().send(to, message);
}

void Engine::on_made(const Message& message, std::span<const std::byte> payload) {
  if (!on_made_) return;
  MadeResult made{message.graph, message.chunk.position, std::nullopt};
  if (message.first != 0) made.outcome = payload;
  on_made_(made);
}

void Engine::fail(Launch& launch, const Error& error) {
  scheduler::Reactor::Outbox outbox;
  launch.scheduler->on_failure(0, error, outbox);
  send_control(outbox);
}

void Engine::give_up(std::uint32_t number, const Error& why) {
  const auto found = launches_.find(number);
  if (found == launches_.end()) return;
  const bool needed = std::any_of(launches_.begin(), launches_.end(), [&](const auto& entry) {
    const std::vector<std::uint32_t>& needs = entry.second.needs;
    return std::count(needs.begin(), needs.end(), number) > 0;
  });
  if (!needed) fail(found->second, why);
}

void Engine::fail_users(std::uint32_t graph, const Error& error) {
  for (auto& [number, launch] : launches_) {
    if (std::count(launch.needs.begin(), launch.needs.end(), graph) > 0) fail(launch, error);
  }
}

bool Engine::quiet() {
  const Error over(ExitCode::kTaskFailed, "the session ended before this graph did");
  for (auto& [number, launch] : launches_) fail(launch, over);
  return launches_.empty() && flights_.empty();
}

void Engine::run_rehearsal(Order& order) {
  Bytes& bytes = order.graph_bytes;
  collectives::barrier(communicator_);
  const Stopwatch communicate;
  collectives::broadcast(communicator_, 0, bytes);
  const auto package = from_bytes<GraphPackage>(bytes);
  const graph::Topology topology(package.graph);
  collectives::barrier(communicator_);
  if (order.job) order.job->outcome.communicate.wall_s = communicate.seconds();
}

}  // namespace rankine::session
