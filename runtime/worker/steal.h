// Tasks that run away from home: a rank that wants tasks (the thief) gets some of a rank that has
// many (the victim, their home), as rank 0 arranges it (scheduler/balance.h). A pure state machine
// beside reactor.h, whose window, transfers and counts it uses.
//
//   rank 0 -> home   Ask      give so many tasks to this thief; answered by Gave
//   home -> thief    Give     a task. Its home keeps it and its inputs until it is complete
//   thief -> home    Take     memory is set aside: the inputs may come
//   home -> thief    the inputs, as Eager or Announce, with names of the task (protocol::is_moved)
//   thief -> home    Return   it is over; the results follow in the same way
// The home treats the results as if the task had run there, so nobody else learns that it moved,
// and its chunks go where they would have gone. A task moves once: a thief does not give it away.
//
// Every Give is answered by one Return: the thief answers at once if it has no room or the graph is
// given up, when the task is over, or, if the graph is given up before it started, then. What the
// thief waits for (inputs) the home sends without condition once it has the Take, unless the graph
// is given up; then the thief hears of that, too. Results are sent like chunks. So when all have
// ended what is under way nothing is left here (quiet()).
//
// End of the graph (scheduler/reactor.h). A task is counted by its home, when its results are
// there. A report says how many own tasks others ran, less those of others that are over here with
// all their results gone. When all tasks are counted, each home has told of all that moved from it;
// so these numbers add up to zero only when each thief has reported after the last message it owed
// for any of them, and after any failure it told of. Rank 0 awaits that, and the answers to what it
// asked. Abort. Give, Take and Return are data messages and counted by both sides, so a graph that
// is given up ends only when none is under way; a thief that runs a task is not idle.
//
// Memory: a thief has taken_tasks(threads) at most (plan/moves.h), each with few bytes of inputs,
// and lent_tasks(threads) of a home are away at most.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/plan/moves.h"
#include "runtime/worker/board.h"
#include "runtime/worker/executor.h"
#include "runtime/worker/reactor.h"

namespace rankine::worker {

// When tasks move. Moving one costs some ten microseconds on three ranks.
struct StealRules {
  std::int64_t least_work_ns = 2'000'000;  // that waits for each thread of a victim
  std::int64_t least_task_ns = 50'000;     // of one task
  // From one word of a rank about its work to the next, at least, and from its start to the first:
  // so rank 0 spends a small part of its time on them, however many ranks there are.
  std::int64_t between_ns = 500'000;
  std::int64_t between_each_ns = 2'000;  // times the number of ranks, if that is longer
};

// A task of another rank, as the threads of this one get it.
inline constexpr std::uint32_t kTakenMark = std::uint32_t{1} << 31;
inline bool is_taken(const TaskId& task) { return (task.layer & kTakenMark) != 0; }
inline TaskId plain(const TaskId& task) { return {task.layer & ~kTakenMark, task.position}; }

class Steal {
 public:
  // What an event works on.
  struct Desk {
    Board& board;
    Reactor& reactor;
    Outbox& outbox;
  };
  // Bytes of a chunk on the wire, as it is held on a rank.
  using Weigh = FunctionRef<std::int64_t(const graph::ChunkId&, const HeldChunk&, int rank)>;
  // A task of this rank that ran elsewhere; without outputs if it failed or the graph is given up.
  struct Returned {
    TaskId task;
    std::vector<Output> outputs;
  };

  Steal(const graph::Topology& topology, const plan::Placement& placement, int rank, int threads,
        StealRules rules = {});

  // Whether tasks move at all; if not, nothing below is ever needed.
  bool on() const { return on_; }

  // An order of rank 0. Returns the answer, but for the state that is in it.
  Message on_ask(const Message& ask, const Desk& desk);
  // kGive kTake kReturn; others are none of its business.
  void on_message(int from, const Message& message, const Desk& desk, Weigh weigh);
  // A chunk of a moved task is here.
  void deliver(const ChunkName& name, SharedBuffer buffer);
  // One that leaves here; until unpin.
  const SharedBuffer& outgoing(const ChunkName& name) const { return outgoing_.at(name); }
  void unpin(const ChunkName& name);
  void on_abort(const Desk& desk);

  // Thief: the next task to run (is_taken), which then runs; its inputs; it is over. If the board
  // is stopped none starts.
  std::optional<TaskId> next(const Board& board);
  bool can_start(const Board& board) const { return !ready_.empty() && !board.stopped(); }
  const HeldChunk& input(const TaskId& task, const graph::ChunkId& chunk) const;
  void finish(const TaskId& task, const std::vector<Output>& outputs, const Desk& desk,
              Weigh weigh);
  // Home: what came back since the last call, to be settled.
  std::vector<Returned> take_returned() { return std::exchange(returned_, {}); }
  bool has_returned() const { return !returned_.empty(); }
  void note_settled(const TaskId& task, Board& board);

  // No task of another rank runs here or could start.
  bool idle(const Board& board) const;
  // No task is away or of another rank, and nothing of one is under way from here.
  bool quiet() const {
    return lent_.empty() && taken_.empty() && outgoing_.empty() && returned_.empty();
  }
  std::int64_t over_here() const { return over_here_; }            // tasks of others
  std::int64_t over_elsewhere() const { return over_elsewhere_; }  // tasks of this rank

  // How long tasks took since the last measurement, over all threads.
  void measure(std::int64_t tasks, std::int64_t ns);
  // Rank 0 should hear of this rank, at a time of its clock.
  bool has_news(const Board& board, std::int64_t now_ns) const;
  // When it will have, if it has nothing to do until then.
  std::optional<std::int64_t> will_want_ns(const Board& board) const;
  // Fills in a state (protocol::is_state).
  void tell(Message& state, const Board& board, std::int64_t now_ns);

  // Throws std::logic_error if the books disagree.
  void sanity_check(const Board& board) const;
  std::string describe() const;

 private:
  struct Lent {
    int thief;
    bool over = false;              // Return came
    std::int64_t outputs = 0;       // that come
    std::vector<Output> made = {};  // that came
  };
  enum class State { kAwaitsInputs, kReady, kRuns, kReturns };
  struct Taken {
    int home;
    State state;
    std::vector<graph::ChunkId> names;  // of its inputs, each once
    std::vector<HeldChunk> inputs;
    std::size_t missing;
    std::int64_t outputs = 0;  // that have not left yet
  };
  struct InOrder {
    bool operator()(const TaskId& a, const TaskId& b) const {
      return a.layer != b.layer ? a.layer < b.layer : a.position < b.position;
    }
  };

  std::vector<graph::ChunkId> inputs_of(const TaskId& task) const;
  bool may_lend(const TaskId& task, int thief, const Board& board) const;
  std::int64_t to_give(const Message& ask, const Board& board) const;
  void give(const TaskId& task, int thief, const Desk& desk);
  void on_give(int from, const Message& message, const Desk& desk);
  void on_take(int from, const Message& message, const Desk& desk, Weigh weigh);
  void on_return(const Message& message, const Desk& desk);
  void send_return(int home, const TaskId& task, std::int64_t outputs, const Desk& desk);
  void close(const TaskId& task);
  void set_ready(const TaskId& task, Taken& taken);
  std::int64_t lendable(const Board& board) const;
  std::int64_t work_ns(std::int64_t queued) const;
  bool worth_it(std::int64_t queued) const;
  protocol::Wants wants(const Board& board) const;
  std::int64_t room() const;

  const graph::Topology& topology_;
  const plan::Placement& placement_;
  int rank_;
  int threads_;
  StealRules rules_;
  std::vector<bool> moves_;       // by layer
  std::vector<bool> feeds_tree_;  // likewise
  bool on_ = false;
  bool aborting_ = false;
  bool refused_ = false;  // a task came back: some rank knows already that the graph is given up

  std::map<TaskId, Lent, InOrder> lent_;
  std::vector<Returned> returned_;
  std::map<TaskId, Taken, InOrder> taken_;
  std::vector<TaskId> ready_;  // of taken_, the last first
  std::int64_t running_ = 0;
  std::unordered_map<ChunkName, SharedBuffer, ChunkNameHash> outgoing_;
  std::int64_t over_here_ = 0;
  std::int64_t over_elsewhere_ = 0;

  // What rank 0 knows.
  std::int64_t gives_seen_ = 0;
  protocol::Wants told_wants_ = protocol::Wants::kNothing;
  std::int64_t told_queued_ = 0;  // 0: not worth a steal
  std::int64_t between_ns_ = 0;
  std::int64_t next_word_ns_ = 0;
  // After an ask that found nothing to give: longer from time to time, and not until a task is
  // over.
  std::int64_t patience_ = 1;
  std::int64_t barren_ = -1;  // tasks that were over then
  bool measured_ = false;
  std::int64_t task_ns_ = 0;
};

}  // namespace rankine::worker
