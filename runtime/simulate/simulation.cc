#include "runtime/simulate/simulation.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "collectives/communicator.h"
#include "runtime/worker/loop.h"

namespace rankine::simulate {
namespace {

using protocol::Kind;
using protocol::Message;

constexpr std::int64_t kAdvanceNs = 200'000'000;  // worker/graph_run.cc says how far it is
constexpr std::int64_t kHelperNs = std::chrono::nanoseconds(worker::kBetweenHelps).count();

bool is_for_scheduler(Kind kind) {
  return protocol::is_state(kind) || kind == Kind::kFailed || kind == Kind::kCountReply ||
         kind == Kind::kLowest;
}

}  // namespace

Simulation::Simulation(const World& world, const Machine& machine, Draws& draws,
                       const SimulationOptions& options)
    : world_(world),
      machine_(machine),
      draws_(draws),
      options_(options),
      network_(machine, draws),
      scheduler_(world.ranks, Rank::kGraph, world.topology.task_count()),
      frontier_(world.ranks, Rank::kGraph) {
  for (int rank = 0; rank < world.ranks; ++rank) nodes_.push_back({Rank(world_, rank), {}, {}});
  report_.ranks.resize(nodes_.size());
}

Report Simulation::run() {
  const auto latency_ns = std::llround(machine_.latency_us * 1e3);
  for (int rank = 0; rank < world_.ranks; ++rank) {
    const auto steps = std::bit_width(static_cast<unsigned>(rank));
    const std::int64_t late_ns = rank == 0 ? 0 : draws_.delay_ns();
    queue_.add({steps * latency_ns + late_ns, 0, Event::Kind::kStart, rank});
  }
  if (options_.stop_ns) queue_.add({*options_.stop_ns, 0, Event::Kind::kStop, 0});
  while (!queue_.empty()) {
    const Event event = queue_.take();
    now_ns_ = event.time_ns;
    if (event.kind == Event::Kind::kHelp && !needs_help(event.rank)) continue;
    happen(event);
    look_at(event.rank);
  }
  check_end();
  report_.events = queue_.added();
  report_.failure = scheduler_.failure();
  return std::move(report_);
}

void Simulation::happen(const Event& event) {
  Node& node = nodes_[event.rank];
  switch (event.kind) {
    case Event::Kind::kStart: return start(event.rank);
    case Event::Kind::kTaskEnd: return end_task(event.rank, {event.layer, event.position});
    case Event::Kind::kRelease: node.right_taken = false; return wake(event.rank);
    case Event::Kind::kThreadFree: return turn(event.rank);
    case Event::Kind::kHelp: return help(event.rank);
    case Event::Kind::kReach: {
      const Delivery& delivery = deliveries_[event.delivery];
      const std::int64_t there_ns =
          delivery.buffer
              ? network_.reached(delivery.to, delivery.bytes, now_ns_)
              : network_.reached_packet(delivery.from, delivery.to, delivery.bytes, now_ns_);
      queue_.add({there_ns, 0, Event::Kind::kArrive, event.rank, 0, 0, event.delivery});
      return;
    }
    case Event::Kind::kArrive: return arrive(event);
    case Event::Kind::kSent: {
      const Delivery& delivery = deliveries_[event.delivery];
      node.ended.push_back({{delivery.to, delivery.tag, true}, nullptr});
      drop(event.delivery);
      return wake(event.rank);
    }
    case Event::Kind::kStop:
      if (node.rank.finished() || scheduler_.finished()) return;
      node.rank.fail(Error(ExitCode::kStopped, "stopped"));
      return wake(event.rank);
  }
}

void Simulation::start(int rank) {
  Node& node = nodes_[rank];
  node.started = true;
  if (rank == options_.broken_rank) node.rank.fail(Error(ExitCode::kInput, "cannot install"));
  for (int thread = 0; thread < machine_.threads; ++thread) turn(rank);
}

void Simulation::arrive(const Event& event) {
  Delivery& delivery = deliveries_[event.delivery];
  Node& node = nodes_[event.rank];
  if (delivery.buffer) {
    node.ended.push_back({{delivery.from, delivery.tag, false}, delivery.buffer});
    drop(event.delivery);
  } else {
    node.inbox.push_back(event.delivery);
  }
  wake(event.rank);
}

void Simulation::end_task(int rank, const graph::TaskId& task) {
  Rank& state = nodes_[rank].rank;
  state.settle(task, state.run(task));
  state.measure(slowed(rank, draws_.task_ns(worker::plain(task))));
  report_.tasks_moved += worker::is_taken(task) ? 1 : 0;
  ++report_.tasks_run;
  ++report_.ranks[rank].tasks;
  report_.last_end_ns = std::max(report_.last_end_ns, now_ns_);
  turn(rank);
}

void Simulation::wake(int rank) {
  Node& node = nodes_[rank];
  if (!node.started || node.right_taken || !has_to_progress(node)) return;
  if (node.idle == 0) {
    if (!std::exchange(node.helped, true)) {
      queue_.add({now_ns_ + kHelperNs, 0, Event::Kind::kHelp, rank});
    }
    return;
  }
  --node.idle;
  turn(rank);
}

// All threads are inside tasks, or were, or none had anything to do.
bool Simulation::needs_help(int rank) {
  Node& node = nodes_[rank];
  node.helped = false;
  return !node.right_taken && has_to_progress(node);
}

void Simulation::help(int rank) {
  Node& node = nodes_[rank];
  const std::int64_t cost_ns = progress(rank);
  node.right_taken = true;
  queue_.add({now_ns_ + cost_ns, 0, Event::Kind::kRelease, rank});
  use_idle_threads(rank, now_ns_ + cost_ns);
}

bool Simulation::has_to_progress(const Node& node) const {
  return !node.inbox.empty() || !node.ended.empty() || node.rank.has_to_send() ||
         node.rank.has_to_report() || node.rank.has_news(now_ns_);
}

// A thread takes its next task first: what it has to carry before it runs may be for others.
void Simulation::turn(int rank) {
  Node& node = nodes_[rank];
  std::optional<graph::TaskId> task = node.rank.start();
  std::int64_t cost_ns = 0;
  if (!node.right_taken && has_to_progress(node)) {
    cost_ns = progress(rank);
    node.right_taken = true;
    queue_.add({now_ns_ + cost_ns, 0, Event::Kind::kRelease, rank});
    if (!task && !node.rank.finished()) task = node.rank.start();
  }
  if (task) {
    begin_task(rank, *task, now_ns_ + cost_ns);
  } else if (cost_ns > 0) {
    queue_.add({now_ns_ + cost_ns, 0, Event::Kind::kThreadFree, rank});
  } else {
    ++node.idle;
    const auto word_ns = node.rank.will_want_ns();
    if (word_ns && *word_ns > now_ns_ && !std::exchange(node.helped, true)) {
      queue_.add({*word_ns, 0, Event::Kind::kHelp, rank});
    }
  }
  use_idle_threads(rank, now_ns_ + cost_ns);
}

void Simulation::use_idle_threads(int rank, std::int64_t when_ns) {
  Node& node = nodes_[rank];
  while (node.idle > 0 && !node.rank.finished()) {
    const auto task = node.rank.start();
    if (!task) return;
    --node.idle;
    begin_task(rank, *task, when_ns);
  }
}

void Simulation::begin_task(int rank, const graph::TaskId& task, std::int64_t when_ns) {
  const std::int64_t took_ns =
      slowed(rank, draws_.task_ns(worker::plain(task))) + slowed(rank, machine_.task_overhead_ns);
  if (!task_started_) report_.first_start_ns = when_ns;
  task_started_ = true;
  report_.ranks[rank].task_ns += took_ns;
  queue_.add({when_ns + took_ns, 0, Event::Kind::kTaskEnd, rank, task.layer, task.position});
}

std::int64_t Simulation::progress(int rank) {
  Node& node = nodes_[rank];
  std::int64_t cost_ns = take_inbox(rank);
  for (const auto& [channel, buffer] : std::exchange(node.ended, {})) {
    node.rank.end_transfer(channel, buffer);
    cost_ns += slowed(rank, machine_.message_ns);
  }
  const bool due = now_ns_ >= node.next_advance_ns && node.rank.can_advance();
  if (due) node.next_advance_ns = now_ns_ + kAdvanceNs;
  node.rank.progress(due || node.rank.has_news(now_ns_), now_ns_);
  for (Error& error : std::exchange(node.rank.told_failures, {})) {
    scheduler::Reactor::Outbox orders;
    scheduler_.on_failure(rank, std::move(error), orders);
    cost_ns += send_orders(orders, cost_ns);
  }
  cost_ns += send_letters(rank, cost_ns);
  send_transfers(rank, now_ns_ + cost_ns);
  report_.ranks[rank].message_ns += cost_ns;
  return cost_ns;
}

std::int64_t Simulation::take_inbox(int rank) {
  Node& node = nodes_[rank];
  std::int64_t cost_ns = 0;
  for (const std::uint32_t number : std::exchange(node.inbox, {})) {
    const Delivery packet = std::move(deliveries_[number]);
    drop(number);
    cost_ns += slowed(rank, machine_.packet_ns);
    for (const Rank::Letter& letter : packet.letters) {
      ++report_.ranks[rank].messages;
      cost_ns += slowed(rank, machine_.message_ns);
      if (!is_for_scheduler(letter.message.kind)) {
        node.rank.deliver(packet.from, letter.message, letter.payload);
        continue;
      }
      tell_scheduler(packet.from, letter, cost_ns);
      cost_ns += std::exchange(order_cost_ns_, 0);
    }
  }
  return cost_ns;
}

void Simulation::tell_scheduler(int from, const Rank::Letter& letter, std::int64_t cost_ns) {
  scheduler::Reactor::Outbox orders;
  report_.reports += letter.message.kind == Kind::kProgress ? 1 : 0;
  if (letter.error) {
    scheduler_.on_failure(from, *letter.error, orders);
  } else if (letter.message.kind == Kind::kLowest) {
    if (!scheduler_.failure()) frontier_.on_message(from, letter.message, orders);
  } else {
    scheduler_.on_message(from, letter.message, orders);
  }
  order_cost_ns_ = send_orders(orders, cost_ns);
}

// The scheduler's messages leave at once, each by itself.
std::int64_t Simulation::send_orders(const scheduler::Reactor::Outbox& outbox,
                                     std::int64_t cost_ns) {
  std::int64_t more_ns = 0;
  for (const auto& [to, message] : outbox) {
    more_ns += slowed(0, machine_.packet_ns);
    send_packet(0, to, {{to, message, nullptr, nullptr}}, now_ns_ + cost_ns + more_ns);
  }
  return more_ns;
}

// What goes to one rank in one turn goes together.
std::int64_t Simulation::send_letters(int rank, std::int64_t cost_ns) {
  std::vector<Rank::Letter> letters = std::exchange(nodes_[rank].rank.letters, {});
  std::stable_sort(letters.begin(), letters.end(),
                   [](const auto& a, const auto& b) { return a.to < b.to; });
  std::int64_t more_ns = 0;
  for (auto first = letters.begin(); first != letters.end();) {
    std::int64_t bytes = 0;
    auto last = first;
    for (; last != letters.end() && last->to == first->to; ++last) {
      const bool eager = last->message.kind == Kind::kEager;
      const std::int64_t size = sizeof(Message) + (eager ? last->message.bytes : 0);
      if (last != first && bytes + size > static_cast<std::int64_t>(collectives::kPacketLimit)) {
        break;
      }
      bytes += size;
    }
    more_ns += slowed(rank, machine_.packet_ns + machine_.message_ns * (last - first));
    const int to = first->to;
    send_packet(rank, to, {std::move_iterator(first), std::move_iterator(last)},
                now_ns_ + cost_ns + more_ns);
    first = last;
  }
  return more_ns;
}

void Simulation::send_packet(int from, int to, std::vector<Rank::Letter> letters,
                             std::int64_t when_ns) {
  Delivery packet;
  packet.from = from;
  packet.to = to;
  for (const Rank::Letter& letter : letters) {
    packet.bytes += sizeof(Message);
    if (letter.message.kind == Kind::kEager) packet.bytes += letter.message.bytes;
    (protocol::is_data(letter.message.kind) ? report_.data_messages : report_.control_messages)++;
  }
  report_.ranks[from].messages += static_cast<std::int64_t>(letters.size());
  report_.ranks[from].bytes += packet.bytes;
  if (to != from) report_.ranks[to].bytes += packet.bytes;
  ++report_.packets;
  report_.packet_bytes += packet.bytes;
  packet.letters = std::move(letters);
  const Network::Sent sent = network_.send_packet(from, to, packet.bytes, when_ns);
  queue_.add({sent.reaches_ns, 0, Event::Kind::kReach, to, 0, 0, keep(std::move(packet))});
}

void Simulation::send_transfers(int rank, std::int64_t when_ns) {
  for (Rank::BulkSend& send : std::exchange(nodes_[rank].rank.bulk_sends, {})) {
    Delivery transfer;
    transfer.from = rank;
    transfer.to = send.to;
    transfer.bytes = send.bytes;
    transfer.tag = send.tag;
    transfer.buffer = std::move(send.buffer);
    transfer.ends = 2;
    ++report_.transfers;
    report_.transfer_bytes += send.bytes;
    report_.ranks[rank].bytes += send.bytes;
    report_.ranks[send.to].bytes += send.bytes;
    const Network::Sent sent = network_.send_bulk(rank, send.to, send.bytes, when_ns);
    const std::uint32_t number = keep(std::move(transfer));
    queue_.add({sent.left_ns, 0, Event::Kind::kSent, rank, 0, 0, number});
    queue_.add({sent.reaches_ns, 0, Event::Kind::kReach, send.to, 0, 0, number});
  }
}

std::uint32_t Simulation::keep(Delivery delivery) {
  if (free_deliveries_.empty()) {
    deliveries_.push_back(std::move(delivery));
    return static_cast<std::uint32_t>(deliveries_.size() - 1);
  }
  const std::uint32_t number = free_deliveries_.back();
  free_deliveries_.pop_back();
  deliveries_[number] = std::move(delivery);
  return number;
}

void Simulation::drop(std::uint32_t delivery) {
  if (--deliveries_[delivery].ends > 0) return;
  deliveries_[delivery] = {};
  free_deliveries_.push_back(delivery);
}

std::int64_t Simulation::slowed(int rank, std::int64_t ns) const {
  const double slowness = draws_.slowness(rank);
  return slowness == 1 ? ns : std::llround(static_cast<double>(ns) * slowness);
}

void Simulation::look_at(int rank) {
  const Rank& state = nodes_[rank].rank;
  RankTally& tally = report_.ranks[rank];
  tally.most_live_tasks = std::max(tally.most_live_tasks, state.board().live_tasks());
  tally.most_held_chunks = std::max(tally.most_held_chunks, state.board().held_chunks());
  if (const worker::Admission* admission = state.board().admission()) {
    tally.most_charged_bytes = std::max(tally.most_charged_bytes, admission->charged_bytes());
  }
  report_.over_ns = now_ns_;
  if (!options_.check) return;
  state.check();
  if (rank != 0) return;
  scheduler_.sanity_check();
  frontier_.sanity_check();
}

void Simulation::check_end() const {
  for (const Node& node : nodes_) {
    if (!node.rank.finished()) throw std::logic_error("the run is stuck:\n" + describe());
    node.rank.check_over();
    if (!node.inbox.empty() || !node.ended.empty() || node.rank.has_to_send()) {
      throw std::logic_error("a message is never taken:\n" + describe());
    }
  }
  if (free_deliveries_.size() != deliveries_.size()) {
    throw std::logic_error("a message never arrives:\n" + describe());
  }
  if (!scheduler_.failure() && report_.tasks_run != world_.topology.task_count()) {
    throw std::logic_error("a task never ran:\n" + describe());
  }
}

std::string Simulation::describe() const {
  constexpr int kMost = 8;
  std::string text = scheduler_.describe();
  int shown = 0;
  for (const Node& node : nodes_) {
    if (node.rank.finished()) continue;
    if (++shown > kMost) return text + "and other ranks\n";
    text += node.rank.explain();
  }
  return text;
}

}  // namespace rankine::simulate
