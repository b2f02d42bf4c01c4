// Goes through every order in which the events of simulated ranks can happen. States that every
// continuation sees as equal are entered once and their orders counted with multiplicity, so the
// number of orders is known (beyond 2^53 rounded) though it may be far beyond the steps taken.
#pragma once

#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/support/simulated_ranks.h"

namespace rankine::testing {

// Orders by how they ended.
struct OrderCounts {
  double fine = 0;
  double stuck = 0;     // the graph never ends
  double leftover = 0;  // it ended with something left
  double wrong = 0;     // a check of board, reactor or network failed on the way
  double all() const { return fine + stuck + leftover + wrong; }
  void add(const OrderCounts& more) {
    fine += more.fine;
    stuck += more.stuck;
    leftover += more.leftover;
    wrong += more.wrong;
  }
};

class OrderExplorer {
 public:
  // Stops with std::runtime_error beyond so many states.
  explicit OrderExplorer(bool by_history = false, std::size_t most_states = 3'000'000)
      : by_history_(by_history),
        most_states_(most_states) {}

  OrderCounts explore(SimulatedWorld& world) {
    known_.clear();
    path_.clear();
    first_fault_.clear();
    return from(SimulatedRanks(world, by_history_));
  }

  std::size_t states() const { return known_.size(); }
  // What went wrong first, and the events up to there; empty if nothing did.
  const std::string& first_fault() const { return first_fault_; }

 private:
  OrderCounts from(SimulatedRanks state) {
    const std::vector<SimulatedEvent> events = state.events();
    OrderCounts sum;
    if (events.empty()) {
      judge(sum, [&] { state.check_end(); });
      if (sum.all() == 0) sum.fine = 1;
      return sum;
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
      path_.push_back(events[i]);
      const bool last = i + 1 == events.size();
      SimulatedRanks next = last ? std::move(state) : state;
      OrderCounts ended;
      judge(ended, [&] { next.apply(events[i]); });
      sum.add(ended.all() > 0 ? ended : known(std::move(next)));
      path_.pop_back();
    }
    return sum;
  }

  OrderCounts known(SimulatedRanks state) {
    const Digest print = state.fingerprint();
    if (const auto found = known_.find(print); found != known_.end()) return found->second;
    const OrderCounts counts = from(std::move(state));
    known_.emplace(print, counts);
    if (known_.size() > most_states_) throw std::runtime_error("too many states");
    return counts;
  }

  template <class Action>
  void judge(OrderCounts& counts, const Action& action) {
    try {
      action();
      return;
    } catch (const SimulatedRanks::Leftover& fault) {
      counts.leftover = 1;
      note(fault.what());
    } catch (const std::logic_error& fault) {
      counts.wrong = 1;
      note(fault.what());
    } catch (const SimulatedRanks::Stuck& fault) {
      counts.stuck = 1;
      note(fault.what());
    }
  }

  void note(const std::string& what) {
    if (!first_fault_.empty()) return;
    constexpr std::array kNames = {"deliver",  "control",  "bulk received", "bulk sent", "start",
                                   "complete", "progress", "advance",       "interrupt", "report"};
    first_fault_ = what + "\nafter:";
    for (const SimulatedEvent& event : path_) {
      first_fault_ += "\n  rank " + std::to_string(event.rank) + " " +
                      kNames[static_cast<std::size_t>(event.kind)];
      if (event.kind == SimulatedEvent::Kind::kDeliver ||
          event.kind == SimulatedEvent::Kind::kReport) {
        first_fault_ += " from " + std::to_string(event.from);
      }
    }
  }

  const bool by_history_;  // simulated_ranks.h
  const std::size_t most_states_;
  std::unordered_map<Digest, OrderCounts, Digest::Hash> known_;
  std::vector<SimulatedEvent> path_;
  std::string first_fault_;
};

}  // namespace rankine::testing
