// One graph on one rank, from installation to its end: the board, the reactor and the executor,
// driven by the threads of the rank's loop (loop.h).
//
// Locks: state_ protects board, reactor, outbox, failures and arrived chunks; it is held for short
// steps and while pieces are packed and messages posted, never while a task runs or the scratch
// file is read or written. The progress right is taken first, then state_.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "collectives/communicator.h"
#include "io/log.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/spin_lock.h"
#include "runtime/protocol/messages.h"
#include "runtime/worker/board.h"
#include "runtime/worker/executor.h"
#include "runtime/worker/mail.h"
#include "runtime/worker/reactor.h"
#include "runtime/worker/spill.h"
#include "runtime/worker/steal.h"

namespace rankine::worker {

// What a rank did in one graph.
struct RunTotals {
  std::int64_t tasks_run = 0;
  std::int64_t bytes_read = 0;      // stored bytes from input files
  std::int64_t bytes_ahead = 0;     // of which the system was told before they were read
  std::int64_t bytes_sent = 0;      // of chunks, to other ranks
  std::int64_t bytes_received = 0;  // of chunks, from other ranks
  std::int64_t bytes_spilled = 0;   // of chunks, to scratch
  std::int64_t tasks_stolen = 0;    // of other ranks, run here; not in tasks_run
  TaskTimes times;                  // over all threads
  template <class Archive>
  void serialize(Archive& archive) {
    archive(tasks_run, bytes_read, bytes_sent, bytes_received, bytes_spilled, times.load_s,
            times.compute_s, times.compress_s, times.write_s, tasks_stolen, bytes_ahead);
  }
};

// Seconds until a turn looks at a graph again in which nothing changed.
inline constexpr double kBetweenTurns = 5e-5;

// Seconds that tasks take at most, as far as is known, if a thread takes several at one time. What
// they leave and hold until all are done is not much: little is written in so short a time.
inline constexpr double kTogether = 2e-6;

// Everything that is the same on all ranks.
struct Installation {
  std::uint32_t number = 0;  // of the graph
  std::shared_ptr<const graph::Topology> topology;
  plan::Placement placement;
  std::vector<io::ChunkMap> maps;                      // by data set
  std::map<std::string, std::int64_t> resources = {};  // of this rank
  int threads = 1;                                     // likewise
  std::int64_t memory_bytes = 0;                       // likewise; 0: no limit
  plan::Budget budget = {};                            // if tasks must be admitted
  std::uint64_t graph_hash = 0;                        // with a log: of the layers
  std::shared_ptr<const Salvage> salvage = nullptr;    // what an earlier run left, if anything
  io::Shard shard = {};                                // which part is to be done, if not all
};

// Steal::Weigh: chunks of moved tasks go as they are held.
inline constexpr auto weigh_as_held = [](const graph::ChunkId&, const HeldChunk& held, int) {
  return static_cast<std::int64_t>(held.buffer->size());
};

class GraphRun : public HeldUser, public std::enable_shared_from_this<GraphRun> {
 public:
  // log: null without outputs. scratch: the folder where chunks that the plan spills wait. Never
  // throws for missing files or memory: a rank that cannot take
  // part reports that as the failure of a task. Whatever is given by reference must outlive it.
  GraphRun(collectives::Communicator& communicator, Pool& pool, Mail& mail, HeldStore& held,
           Installation installation, io::LogWriter* log, std::string scratch = {});
  // Asks for what earlier graphs leave to this one. Once, when it is owned by a shared_ptr.
  void ask_for_held();

  std::uint32_t number() const { return number_; }
  // Any thread: takes tasks for it, if there are any; it must run them with this context. They may
  // be of another rank (is_taken).
  void take(TaskContext& context);
  // Any thread: runs the tasks that it took and takes the next ones. note(task): before each of
  // them. True if they left something for other ranks.
  using NoteTask = FunctionRef<void(const TaskId&)>;
  bool run(TaskContext& context, NoteTask note);

  // With the progress right: a message of this graph; what tasks left for other ranks; and what is
  // to be done from time to time, true if anything happened. Most turns find nothing new and are
  // short.
  void on_message(int from, const Message& message, std::span<const std::byte> payload);
  void send_off();
  bool turn();
  // Nothing of the graph will happen here any more.
  bool over() const { return finished_; }
  // Of one that is over: it was given up.
  bool failed() const;

  // A failure outside a task, on this rank.
  void fail(Error error);

  // For people: a task by layer, chunk and line; what tasks wait for.
  std::string story(const TaskId& task) const;
  std::string describe() const;
  // Throws std::logic_error if something of a graph that is over is left.
  void check_over() const;
  RunTotals totals() const;
  std::vector<std::vector<std::byte>>& results() { return results_; }

 private:
  struct Transfer {
    collectives::Request request;
    int peer;
    ChunkName chunk;
    SharedBuffer buffer;
    bool outgoing;
  };
  // Asked for by another rank, not read from scratch yet; pinned.
  struct SpilledSend {
    Outbox::PostSend post;
    std::shared_ptr<const SpilledChunk> chunk;
  };
  // Something happened after which there may be tasks to start or things to do in a turn. Holds
  // state_.
  void note_change() {
    changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  // Leaves no outputs if it failed, which is noted then.
  void run_task(TakenTask& taken, TaskContext& context);
  void compute(const TaskId& task, TakenTask& taken, TaskContext& context);
  void find_users(TakenTask& taken) const;
  // Those from the first to the last are done.
  void settle(std::span<TakenTask> done, TaskContext& context);  // holds state_
  // Holds state_. users: of each output, perhaps more of them.
  void put_down(const TaskId& task, std::vector<Output>& outputs, const std::vector<Users>& users);
  void take_next(TaskContext& context);                    // holds state_
  std::size_t how_many(const TaskContext& context) const;  // it may take; holds state_
  void keep_one_kind(TaskContext& context);                // holds state_
  // What a task is taken along with others by; null: with none.
  const graph::UserFunction* function_of(const TaskId& task) const;
  // Tasks that ran elsewhere; holds state_. True if there were some.
  bool settle_returned();
  void keep_returned();  // without state_
  void answer_ask(const Message& ask);
  void tell_state(Message& state);
  Steal::Desk desk() { return {board_, reactor_, outbox_}; }
  bool advance_transfers();
  void carry_out();  // the outbox, until it stays empty; holds state_
  void carry_out_once();
  void tell();  // whatever rank 0 must know by now; holds state_, as all that it calls
  void send_failures();
  void send_made();
  void report_if_idle();
  void tell_advance();
  void measure(double now_s);
  void tell_lowest();
  void pull_admitted();  // holds state_
  void send(int to, const Message& message, std::span<const std::byte> payload);
  const HeldChunk& find_chunk(const graph::ChunkId& chunk, TaskInputs& inputs);
  const HeldChunk& find_taken(const TaskId& task, const graph::ChunkId& chunk);
  void feed(const TaskId& task, SharedBuffer value) override;
  // What of a chunk held here in memory goes to a rank, packed; holds state_.
  SharedBuffer piece_for(const ChunkName& chunk, int to);
  // Without state_: the chunk in scratch, if the plan wants it there.
  HeldChunk put_away(const graph::ChunkId& chunk, HeldChunk bytes);
  // What came from another rank: all of the chunk, or the part that the tasks here read.
  HeldChunk with_part(const ChunkName& chunk, SharedBuffer buffer) const;
  HeldChunk received(const ChunkName& chunk, SharedBuffer buffer);
  void send_spilled();

  collectives::Communicator& communicator_;
  Pool& pool_;
  Mail& mail_;  // only with the progress right
  HeldStore& held_;
  const std::uint32_t number_;
  const std::shared_ptr<const graph::Topology> topology_;
  const plan::Placement placement_;
  const TickCounter::Ticks between_turns_ = TickCounter::ticks(kBetweenTurns);
  const TickCounter::Ticks together_ = TickCounter::ticks(kTogether);
  const int threads_;
  const bool admitted_;  // tasks start as there is memory (admission.h), not as they are ready
  std::vector<std::unique_ptr<io::DatasetReader>> readers_;
  std::vector<std::vector<std::byte>> results_;
  std::unique_ptr<UserTasks> user_tasks_;
  std::unique_ptr<GraphJournal> journal_;  // null without outputs
  std::unique_ptr<ReadAhead> ahead_;       // null if nothing is read from files
  std::unique_ptr<Executor> executor_;

  SpillFile spill_;

  std::atomic<std::uint64_t> changes_{1};  // so far; written under state_
  mutable SpinLock state_;
  Board board_;
  Reactor reactor_;
  Steal steal_;
  Outbox outbox_;
  std::deque<Error> failures_;
  std::unordered_map<TaskId, SharedBuffer, graph::TaskIdHash> fed_;  // what held tasks will hand on
  std::vector<Output> made_;  // results for later graphs that rank 0 does not know of yet
  // Until delivered, which happens in the order of arrival.
  std::deque<std::pair<ChunkName, HeldChunk>> arrived_;
  std::int64_t reported_ = -1;       // tasks in the last kProgress; -1: none was sent yet
  std::int64_t told_ = 0;            // tasks in the last state
  std::int64_t reported_moves_ = 0;  // tasks of others in the last kProgress
  std::vector<Output> to_keep_;      // results that ran elsewhere, for later graphs
  std::int64_t measured_tasks_ = 0;  // when it was last looked how long tasks take
  double measured_s_ = 0;            // likewise, of all threads
  double next_advance_s_ = 0;        // when the next may leave, by running_for_
  double next_measure_s_ = 0;
  const Stopwatch running_for_;
  double next_lowest_s_ = 0;  // when word of the lowest key may leave again while tasks run
  RunTotals totals_;

  // Only with the progress right.
  std::uint64_t seen_changes_ = 0;    // by the last turn
  TickCounter::Ticks next_turn_ = 0;  // when there is one though nothing changed
  std::vector<Transfer> transfers_;
  std::vector<SpilledSend> to_unspill_;
  bool finished_ = false;
  bool interrupted_ = false;  // rank 0: a signal became a failure
};

}  // namespace rankine::worker
