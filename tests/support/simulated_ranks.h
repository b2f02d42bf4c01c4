// A network of ranks as a value: the ranks (simulated_rank.h), the scheduler, the messages and
// transfers under way between them, and the events that may happen next. Applying an event gives
// the next state, so a test can go through every legal order (explore_orders.h).
//
// The scheduler is a place of its own, with channels of its own to and from every rank: the real
// network keeps more order (control and data between two ranks stay in line), so every real order
// is among these.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/scheduler/frontier.h"
#include "runtime/scheduler/reactor.h"
#include "tests/support/simulated_rank.h"

namespace rankine::testing {

struct SimulatedEvent {
  enum class Kind {
    kDeliver,
    kControl,
    kBulkReceived,
    kBulkSent,
    kStart,
    kComplete,
    kProgress,
    kAdvance,
    kInterrupt,
    kReport,  // the scheduler takes a message of a rank; all others happen on a rank
  };
  Kind kind = Kind::kDeliver;
  int rank = 0;           // where it happens: only this rank changes, and what it sends
  int from = 0;           // kDeliver, kReport
  std::size_t index = 0;  // of the transfer or running task
};

class SimulatedRanks {
 public:
  using Leftover = SimulatedRank::Leftover;
  // The graph is not over and never will be.
  struct Stuck : std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  // Two states with equal fingerprints behave alike.
  // By history: ranks share nothing but messages, so a state is a function of what happened on each
  // rank, in which order, of how many messages of each rank the scheduler has taken (it keeps them
  // by rank, so their order among ranks is the same), of what it thinks of and asks about moving
  // tasks, and of whether a failure or the end came first. This assumes nothing of the code of a
  // rank. By contents: a rank is counters and sets, so the order of its past does not matter, only
  // what happened, what is under way, and what can be seen of it. This joins far more states; a
  // test shows that both ways count the same orders.
  explicit SimulatedRanks(SimulatedWorld& world, bool by_history = false)
      : world_(&world),
        by_history_(by_history),
        steps_(std::make_shared<Steps>()),
        control_(std::make_shared<Control>(world)) {
    if (world.ranks > kMostRanks) throw std::logic_error("too many ranks");
    for (int r = 0; r < world.ranks; ++r) {
      places_[r] = std::make_shared<Place>(SimulatedRank(world, r));
    }
  }

  Digest fingerprint() const {
    Digest print = by_history_ ? Digest() : under_way();
    for (int r = 0; r < world_->ranks; ++r) print.add(print_of(*places_[r]));
    print.add(by_history_ ? control_->past() : control_->seen);
    if (by_history_ && control_->moves) print.add(orders_under_way());
    return print;
  }

  std::vector<SimulatedEvent> events() const {
    std::vector<SimulatedEvent> events;
    std::vector<SimulatedEvent> counting;
    events.reserve(16);
    for (int r = 0; r < world_->ranks; ++r) {
      add_arrivals(r, events, counting);
      add_deeds(r, events);
    }
    return events.empty() ? counting : events;
  }

  // One of events(). Throws std::logic_error if something is wrong afterwards.
  void apply(const SimulatedEvent& event) {
    if (event.kind == Event::kReport) return take_report(event.from);
    const Arrival arrival = take_arrival(event);
    const Place& before = *places_[event.rank];
    Digest key = digest_of(event, arrival);
    const std::uint64_t what = key.a;
    key.add(print_of(before));
    key.add(static_cast<std::uint64_t>(event.rank));
    auto known = steps_->find(key);
    if (known == steps_->end()) {
      known = steps_->emplace(key, step_from(before, event, arrival, what)).first;
    }
    carry_out(event.rank, known->second);
  }

  // No event is left: throws what is wrong with that.
  void check_end() const {
    std::size_t tasks_run = 0;
    for (int r = 0; r < world_->ranks; ++r) {
      const SimulatedRank& rank = places_[r]->rank;
      if (!rank.finished()) throw Stuck("stuck:\n" + describe());
      rank.check_over();
      for (std::uint8_t runs : rank.runs()) tasks_run += runs;
    }
    for (const auto& channel : channels_) {
      if (!channel.empty()) throw Leftover("a message is never taken");
    }
    for (int r = 0; r < world_->ranks; ++r) {
      if (!orders_[r].empty() || !reports_[r].empty()) throw Leftover("a message is never taken");
    }
    if (!posted_.empty()) throw Leftover("a transfer is never received");
    const bool all_run = tasks_run == static_cast<std::size_t>(world_->topology.task_count());
    if (!all_run && !control_->scheduler.failure()) throw Leftover("a task never ran");
    if (!control_->scheduler.failure() && world_->must_fail())
      throw std::logic_error("the failure is lost");
    if (control_->scheduler.failure() && !world_->must_fail() && !world_->interruptible) {
      throw std::logic_error("a failure without a cause");
    }
  }

  std::string describe() const {
    std::string text;
    for (int r = 0; r < world_->ranks; ++r) text += places_[r]->rank.describe();
    return text;
  }

 private:
  static constexpr int kMostRanks = 3;
  using Event = SimulatedEvent::Kind;
  using Kind = protocol::Kind;
  using Message = protocol::Message;
  using Letter = SimulatedRank::Letter;

  struct Place {
    explicit Place(SimulatedRank first) : rank(std::move(first)) {}
    SimulatedRank rank;
    Digest past;               // what happened, in this order
    std::uint64_t events = 0;  // what happened, in any order
    std::uint64_t seen = 0;    // contents() after the last event
  };
  // What an event brings to its rank.
  struct Arrival {
    Letter letter;  // kDeliver
    Message order;  // kControl
    SharedBuffer bytes;
  };
  // What an event does: what its rank is then, and what leaves it. Many states share the state of a
  // rank, so the same step is made once.
  struct Step {
    std::shared_ptr<const Place> after;
    std::vector<std::vector<Letter>> packets;
    std::vector<Message> reports;
    std::vector<SimulatedRank::BulkSend> bulk_sends;
    int told_failures = 0;
  };
  using Steps = std::unordered_map<Digest, Step, Digest::Hash>;
  // The scheduler and what it took last, by rank; of the replies also the one before.
  struct Control {
    explicit Control(const SimulatedWorld& world)
        : scheduler(world.ranks, SimulatedRank::kGraph,
                    world.topology.task_count() - world.missing_tasks),
          frontier(world.ranks, SimulatedRank::kGraph),
          taken(world.ranks, 0),
          progress(world.ranks, -1),
          moves(world.placement.moves()),
          moved(world.ranks, 0),
          replies(world.ranks),
          earlier_replies(world.ranks) {}
    scheduler::Reactor scheduler;
    scheduler::Frontier frontier;
    std::vector<std::uint8_t> taken;
    std::vector<std::int64_t> progress;
    bool moves;  // what one rank says may matter to others
    std::vector<std::int64_t> moved;
    std::vector<Message> replies;
    std::vector<Message> earlier_replies;
    std::uint64_t seen = 0;  // contents() after the last change

    std::uint64_t past() const {
      Digest digest;
      for (std::uint8_t count : taken) digest.add(count);
      digest.add((scheduler.finished() ? 1 : 0) + (scheduler.failure() ? 2 : 0));
      if (!moves) return digest.a;
      const std::string balance = scheduler.balance().describe();
      digest.add(hash_bytes(std::as_bytes(std::span(balance)), 0));
      return digest.a;
    }
    std::uint64_t contents() const {
      Digest digest;
      digest.add(past());
      for (const auto* messages : {&replies, &earlier_replies}) {
        for (const Message& reply : *messages) digest.add(reply);
      }
      digest.add(std::hash<std::string>()(frontier.describe()));
      for (std::int64_t tasks : progress) digest.add(static_cast<std::uint64_t>(tasks + 1));
      for (std::int64_t tasks : moved) digest.add(static_cast<std::uint64_t>(tasks));
      return digest.a;
    }
  };

  std::uint64_t print_of(const Place& place) const {
    if (by_history_) return place.past.a;
    Digest print;
    print.add(place.events);
    print.add(place.seen);
    return print.a;
  }

  void add_arrivals(int r, std::vector<SimulatedEvent>& events,
                    std::vector<SimulatedEvent>& counting) const {
    for (int from = 0; from < world_->ranks; ++from) {
      if (!channels_[from * world_->ranks + r].empty())
        events.push_back({Event::kDeliver, r, from});
    }
    if (!reports_[r].empty()) events.push_back({Event::kReport, 0, r});
    if (!orders_[r].empty()) {
      const Message& order = orders_[r].front();
      const bool late = order.kind == Kind::kCountQuery && order.round > world_->free_rounds;
      (late ? counting : events).push_back({Event::kControl, r});
    }
    const auto transfers = places_[r]->rank.transfers();
    for (std::size_t i = 0; i < transfers.size(); ++i) {
      if (transfers[i].outgoing) {
        events.push_back({Event::kBulkSent, r, 0, i});
      } else if (posted_.contains({transfers[i].peer, r, transfers[i].tag})) {
        events.push_back({Event::kBulkReceived, r, 0, i});
      }
    }
  }

  void add_deeds(int r, std::vector<SimulatedEvent>& events) const {
    const SimulatedRank& rank = places_[r]->rank;
    for (std::size_t i = 0; i < rank.running().size(); ++i) {
      events.push_back({Event::kComplete, r, 0, i});
    }
    if (rank.can_start()) events.push_back({Event::kStart, r});
    if (rank.can_advance()) events.push_back({Event::kAdvance, r});
    if (rank.can_be_interrupted()) events.push_back({Event::kInterrupt, r});
    if (rank.has_to_send() || rank.has_to_report() || rank.has_news())
      events.push_back({Event::kProgress, r});
  }

  Arrival take_arrival(const SimulatedEvent& event) {
    Arrival arrival;
    if (event.kind == Event::kDeliver) {
      arrival.letter = take(channels_[event.from * world_->ranks + event.rank]);
      arrival.bytes = arrival.letter.payload;
    }
    if (event.kind == Event::kControl) arrival.order = take(orders_[event.rank]);
    if (event.kind == Event::kBulkReceived) {
      const auto transfer = places_[event.rank]->rank.transfers()[event.index];
      arrival.bytes = posted_.extract({transfer.peer, event.rank, transfer.tag}).mapped();
    }
    return arrival;
  }

  // The event and what it is about.
  Digest digest_of(const SimulatedEvent& event, const Arrival& arrival) const {
    Digest digest;
    digest.add(static_cast<std::uint64_t>(event.kind) * 64 +
               static_cast<std::uint64_t>(event.from));
    if (event.kind == Event::kDeliver) digest.add(arrival.letter.message);
    if (event.kind == Event::kControl) digest.add(arrival.order);
    digest.add(reinterpret_cast<std::uintptr_t>(arrival.bytes.get()));
    const SimulatedRank& rank = places_[event.rank]->rank;
    if (event.kind == Event::kComplete) digest.add(rank.running()[event.index].task);
    if (event.kind == Event::kBulkReceived || event.kind == Event::kBulkSent) {
      const auto transfer = rank.transfers()[event.index];
      digest.add(transfer.chunk);
      digest.add(static_cast<std::uint64_t>(transfer.peer));
    }
    return digest;
  }

  Step step_from(const Place& before, const SimulatedEvent& event, const Arrival& arrival,
                 std::uint64_t what) const {
    Step step;
    auto after = std::make_shared<Place>(before);
    SimulatedRank& rank = after->rank;
    happen(rank, event, arrival);
    const bool advance = event.kind == Event::kAdvance;
    if (world_->prompt || advance || event.kind == Event::kProgress) {
      rank.progress(advance);
      step.packets.resize(world_->ranks);
      step.packets.swap(rank.packets);
      step.reports.swap(rank.reports);
    }
    step.bulk_sends.swap(rank.bulk_sends);
    std::swap(step.told_failures, rank.told_failures);
    rank.check();
    after->past.add(what);
    after->events += what;
    after->seen = rank.contents().a;
    step.after = std::move(after);
    return step;
  }

  static void happen(SimulatedRank& rank, const SimulatedEvent& event, const Arrival& arrival) {
    switch (event.kind) {
      case Event::kDeliver: rank.deliver(event.from, arrival.letter); return;
      case Event::kControl: rank.obey(arrival.order); return;
      case Event::kBulkSent:
      case Event::kBulkReceived: rank.end_transfer(event.index, arrival.bytes); return;
      case Event::kStart: rank.start(); return;
      case Event::kComplete: rank.complete(event.index); return;
      case Event::kInterrupt: rank.interrupt(); return;
      case Event::kProgress:
      case Event::kAdvance:
      case Event::kReport: return;
    }
  }

  template <class T>
  static T take(std::vector<T>& queue) {
    T first = std::move(queue.front());
    queue.erase(queue.begin());
    return first;
  }
  template <class T>
  static void append(std::vector<T>& queue, const std::vector<T>& more) {
    queue.insert(queue.end(), more.begin(), more.end());
  }

  void carry_out(int number, const Step& step) {
    places_[number] = step.after;
    for (std::size_t to = 0; to < step.packets.size(); ++to) {
      append(channels_[number * world_->ranks + to], step.packets[to]);
    }
    append(reports_[number], step.reports);
    for (const auto& send : step.bulk_sends) {
      if (!posted_.emplace(std::tuple{number, send.to, send.tag}, send.buffer).second) {
        throw std::logic_error("two transfers have one tag");
      }
    }
    for (int i = 0; i < step.told_failures; ++i) {
      Message message;
      message.kind = Kind::kFailed;
      tell_scheduler(number, message, false);
    }
  }

  void take_report(int from) {
    const Message message = take(reports_[from]);
    if (control_->scheduler.finished()) throw Leftover("a report arrives after the end");
    tell_scheduler(from, message, true);
  }

  void tell_scheduler(int from, const Message& message, bool by_report) {
    auto control = std::make_shared<Control>(*control_);
    if (by_report) ++control->taken[from];
    if (message.kind == Kind::kProgress) {
      control->progress[from] = message.first;
      control->moved[from] = message.second;
    }
    if (message.kind == Kind::kCountReply) {
      control->earlier_replies[from] = std::exchange(control->replies[from], message);
    }
    scheduler::Reactor::Outbox outbox;
    if (message.kind == Kind::kFailed) {
      control->scheduler.on_failure(from, Error(ExitCode::kTaskFailed, "failed"), outbox);
    } else if (message.kind == Kind::kLowest) {
      if (!control->scheduler.failure()) control->frontier.on_message(from, message, outbox);
      control->frontier.sanity_check();
      if (world_->lose_frontiers) outbox.clear();
    } else {
      control->scheduler.on_message(from, message, outbox);
    }
    if (world_->missing_tasks == 0) control->scheduler.sanity_check();
    for (const auto& [to, order] : outbox) {
      const bool counts = order.kind == Kind::kCountQuery;
      if (counts && order.round > world_->free_rounds + 8)
        throw Stuck("no end of rounds:\n" + describe());
      orders_[to].push_back(order);
    }
    control->seen = control->contents();
    control_ = std::move(control);
  }

  // What the scheduler asked for may depend on whose word came first.
  std::uint64_t orders_under_way() const {
    Digest digest;
    for (const auto& queue : orders_) {
      digest.add(queue.size());
      for (const Message& message : queue) digest.add(message);
    }
    return digest.a;
  }

  // Messages and transfers between ranks.
  Digest under_way() const {
    Digest digest;
    for (const auto& channel : channels_) {
      digest.add(channel.size());
      for (const Letter& letter : channel) digest.add(letter.message);
    }
    for (const auto* queues : {&orders_, &reports_}) {
      for (const auto& queue : *queues) {
        digest.add(queue.size());
        for (const Message& message : queue) digest.add(message);
      }
    }
    for (const auto& [name, buffer] : posted_) {
      digest.add(static_cast<std::uint64_t>(std::get<0>(name) * 64 + std::get<1>(name)) * 65536 +
                 std::get<2>(name));
    }
    return digest;
  }

  SimulatedWorld* world_;
  bool by_history_;
  std::shared_ptr<Steps> steps_;  // of all states of one exploration
  // States share what no event has changed.
  std::array<std::shared_ptr<const Place>, kMostRanks> places_;
  std::shared_ptr<const Control> control_;
  std::array<std::vector<Letter>, kMostRanks * kMostRanks> channels_;   // from * ranks + to
  std::array<std::vector<Message>, kMostRanks> orders_;                 // from the scheduler
  std::array<std::vector<Message>, kMostRanks> reports_;                // to the scheduler
  std::map<std::tuple<int, int, std::uint32_t>, SharedBuffer> posted_;  // sent, not yet received
};

}  // namespace rankine::testing
