// Rank 0's side of a graph in flight: when it is over, and how it is given up. A pure state
// machine like worker/reactor.h.
//
// End. The number of tasks of a graph is known in closed form. A rank reports its count of finished
// tasks when it has nothing left to do and owes nothing (worker reactor quiet), and once even if it
// has no task at all. It may leave out reports while it is certain that a later one comes, because
// tasks at home there are not done. When every rank has reported and the counts add up to the
// total, every task has run and been reported; its rank reported it while it owed nothing, and ran
// nothing later, so it sent nothing later: no message of the graph is under way, and Finish may be
// sent. A rank that could not install the graph says so before its first report, so no failure
// comes after the end. A task that moved is counted at home, and each report says how many own
// tasks others ran, less those of others that are over there. When the counts add up the first part
// is complete, so the sum is zero only when each rank has reported after it was done with every
// task of others, and owed nothing: what was said is true of those, too (worker/steal.h). The
// questions about tasks to give (balance.h) must be answered; later ones are not asked. Abort.
// After Abort no rank starts a task, but chunks may be under way. Rank 0 asks for the counts of
// sent and received messages in rounds. Two equal rounds in which the sums agree and every rank is
// idle mean that nothing was under way between them (Mattern 1987, four-counter method).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/protocol/messages.h"
#include "runtime/scheduler/balance.h"

namespace rankine::scheduler {

class Reactor {
 public:
  struct Send {
    int to;
    protocol::Message message;
  };
  using Outbox = std::vector<Send>;

  Reactor(int ranks, std::uint32_t graph, std::int64_t total_tasks);

  // A state (protocol::is_state) or kCountReply.
  void on_message(int from, const protocol::Message& message, Outbox& outbox);
  // The first failure wins: it is what the user sees.
  void on_failure(int from, Error error, Outbox& outbox);

  bool finished() const { return phase_ == Phase::kFinished; }
  const std::optional<Error>& failure() const { return failure_; }
  // As far as the ranks have told; never falls.
  std::int64_t tasks_seen() const { return seen_total_; }
  std::int64_t total_tasks() const { return total_; }
  const Balance& balance() const { return balance_; }
  // While it is given up: the ranks that have not answered the last question, ascending.
  std::vector<int> unanswered() const;

  // Re-derives what the counters say; throws std::logic_error with the state if they disagree.
  void sanity_check() const;
  std::string describe() const;  // how far the graph is and whose word is missing

 private:
  enum class Phase { kRunning, kAborting, kFinished };
  struct Counts {
    std::int64_t sent = 0;
    std::int64_t received = 0;
    bool idle = false;
    bool operator==(const Counts&) const = default;
  };
  void to_all(protocol::Kind kind, Outbox& outbox);
  void take_state(int from, const protocol::Message& message, Outbox& outbox);
  void take_report(int from, const protocol::Message& report);
  void move_tasks(Outbox& outbox);
  void finish(Outbox& outbox);
  void next_round(Outbox& outbox);

  std::uint32_t graph_;
  std::int64_t total_;
  Phase phase_ = Phase::kRunning;
  std::vector<std::int64_t> done_;   // by rank, while it owed nothing; -1 until its first report
  std::vector<std::int64_t> moves_;  // by rank, as reported: own tasks elsewhere less others' here
  std::vector<std::int64_t> seen_;   // by rank; for people, not for the end
  // Sums over the ranks, kept so that a report costs the same however many ranks there are.
  std::size_t reporters_ = 0;
  std::int64_t done_total_ = 0;
  std::int64_t moves_total_ = 0;
  std::int64_t seen_total_ = 0;
  Balance balance_;
  std::optional<Error> failure_;
  std::uint32_t round_ = 0;
  std::size_t replies_ = 0;
  std::vector<std::uint32_t> answered_;  // by rank: the last round
  std::vector<Counts> counts_;
  std::vector<Counts> last_counts_;
};

}  // namespace rankine::scheduler
