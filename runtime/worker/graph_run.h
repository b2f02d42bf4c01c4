// One graph on one rank, from installation to its end: the board, the reactor and the executor,
// driven by all threads of the rank. Whoever holds the progress right also carries messages.
//
// Locks: state_ protects board, reactor, outbox, failures and arrived chunks; it is held for short
// steps and while pieces are packed and messages posted, never while a task runs. The progress right is taken first, then state_.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/progress.h"
#include "io/log.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/spin_lock.h"
#include "runtime/protocol/codec.h"
#include "runtime/worker/board.h"
#include "runtime/worker/executor.h"
#include "runtime/worker/reactor.h"

namespace rankine::worker {

// What a rank did in one graph.
struct RunTotals {
  std::int64_t tasks_run = 0;
  std::int64_t bytes_read = 0;      // stored bytes from input files
  std::int64_t bytes_sent = 0;      // of chunks, to other ranks
  std::int64_t bytes_received = 0;  // of chunks, from other ranks
  TaskTimes times;                  // over all threads
  template <class Archive>
  void serialize(Archive& archive) {
    archive(tasks_run, bytes_read, bytes_sent, bytes_received, times.load_s, times.compute_s,
            times.compress_s, times.write_s);
  }
};

// Everything that is the same on all ranks.
struct Installation {
  std::uint32_t number = 0;  // of the graph
  std::shared_ptr<const graph::Topology> topology;
  plan::Placement placement;
  std::vector<io::ChunkIndex> indexes;  // by data set
};

class GraphRun {
 public:
  // Messages to rank 0's scheduler arrive through this, on rank 0 only.
  using OnReport =
      std::function<void(int from, const Message& message, std::span<const std::byte> payload)>;

  // log: null without outputs. Never throws for missing files or memory: a rank that cannot take
  // part reports that as the failure of a task.
  GraphRun(collectives::Communicator& communicator, collectives::ProgressRight& right, Pool& pool,
           Installation installation, io::LogWriter* log, OnReport on_report);

  // Works until the graph is over. Called once by each thread of the team.
  void work(TaskContext& context, collectives::Cores cores);

  // A packet that came while no graph was running, or for this graph before it was installed.
  void on_packet(int from, std::span<const std::byte> packet);

  // A failure outside a task, on this rank.
  void fail(Error error);

  // After every thread left work(): throws std::logic_error if something of the graph is left.
  void check_over() const;
  RunTotals totals() const;
  std::vector<std::vector<std::byte>>& results() { return results_; }
  std::int64_t total_tasks() const { return topology_->task_count(); }

 private:
  struct Transfer {
    collectives::Request request;
    int peer;
    ChunkName chunk;
    SharedBuffer buffer;
    bool outgoing;
  };
  // Without outputs if it failed, which is noted then.
  std::vector<Output> run_task(const TaskId& task, TaskContext& context);
  void settle_task(const TaskId& task, std::vector<Output> outputs);  // holds state_
  bool progress();  // holds the right; true if anything happened
  bool advance_transfers();
  void on_message(int from, const Message& message, std::span<const std::byte> payload);
  void carry_out();       // the outbox; holds state_
  void send_failures();   // holds state_
  void report_if_idle();  // holds state_
  void tell_advance();    // holds state_
  void send(int to, const Message& message, std::span<const std::byte> payload);
  void flush();
  HeldChunk find_chunk(const graph::ChunkId& chunk);
  // What of a chunk held here goes to a rank, packed; holds state_.
  SharedBuffer piece_for(const graph::ChunkId& chunk, int to);

  collectives::Communicator& communicator_;
  collectives::ProgressRight& right_;
  Pool& pool_;
  const std::uint32_t number_;
  const std::shared_ptr<const graph::Topology> topology_;
  const plan::Placement placement_;
  OnReport on_report_;
  std::vector<std::unique_ptr<io::DatasetReader>> readers_;
  std::vector<std::vector<std::byte>> results_;
  std::unique_ptr<UserTasks> user_tasks_;
  std::unique_ptr<Executor> executor_;
  std::atomic<bool> finished_{false};

  mutable SpinLock state_;
  Board board_;
  Reactor reactor_;
  Outbox outbox_;
  std::deque<Error> failures_;
  std::unordered_map<ChunkName, SharedBuffer, ChunkNameHash> arrived_;  // until delivered
  std::int64_t reported_ = -1;  // tasks in the last kProgress; -1: none was sent yet
  std::int64_t told_ = 0;       // tasks in the last kAdvance
  double next_advance_s_ = 0;   // when the next may leave, by running_for_
  const Stopwatch running_for_;
  RunTotals totals_;

  // Only with the progress right.
  std::vector<protocol::PacketWriter> writers_;  // by destination
  std::vector<Transfer> transfers_;
  bool interrupted_ = false;  // rank 0: a signal became a failure
};

}  // namespace rankine::worker
