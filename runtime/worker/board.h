// The tasks of one rank: which wait, which are ready, which chunks are still needed. No network, no
// clock, no file inside. Not thread-safe: the loop locks it.
//
// A task is expanded when the first of its inputs arrives (or, without inputs, when it is its turn)
// and forgotten when it is complete, so memory follows what is live, not what is planned. Counters
// count (consumer, edge, chunk) triples: a chunk that a task needs through two edges counts twice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/base/pool.h"
#include "runtime/graph/topology.h"
#include "runtime/plan/placement.h"
#include "runtime/worker/admission.h"
#include "runtime/worker/page_table.h"
#include "runtime/worker/ready_queue.h"
#include "runtime/worker/task_inputs.h"

namespace rankine::worker {

using graph::ChunkId;
using graph::TaskId;

class Board {
 public:
  // resources: what this rank has of what tasks may take (graph::UserFunction::resources).
  // admission: if there is not memory for all that could run; tasks without inputs then start in
  // the order of keys.
  Board(const graph::Topology& topology, const plan::Placement& placement, int rank,
        std::map<std::string, std::int64_t> resources = {},
        std::optional<Admission> admission = std::nullopt);

  // Null if tasks start as they are ready.
  Admission* admission() { return admission_ ? &*admission_ : nullptr; }
  const Admission* admission() const { return admission_ ? &*admission_ : nullptr; }

  // A task that hands on what another graph left can start: that is there. Once per task.
  void admit(const TaskId& task);
  // The next task to run: the deepest ready one, else the next without inputs in plan order. Of a
  // grid that goes on in time those without inputs come first if they are earlier.
  std::optional<TaskId> next();

  // Who uses a chunk that is made here. Any thread: it looks at the plan only, so it need not be
  // done under the lock.
  void find_users(const ChunkId& chunk, Users& users) const;
  // Puts down a chunk made here, with its users; it stays until every local use is released and
  // every other rank is unpinned.
  void put(const ChunkId& chunk, HeldChunk bytes, const Users& users);
  // Puts down a chunk made here or received. Returns the ranks (not this one) where it is needed;
  // empty for a chunk received from elsewhere, of which this rank may have only the part its tasks
  // read.
  std::vector<int> put(const ChunkId& chunk, HeldChunk bytes, bool made_here);
  void unpin(const ChunkId& chunk);  // one remote use is over

  // The bytes of an input of a running task; shared, not to be changed. Null if it was spilled.
  SharedBuffer input(const ChunkId& chunk) const { return held(chunk).buffer; }
  const HeldChunk& held(const ChunkId& chunk) const;
  // All inputs of a running task, in their order.
  void find_inputs(const TaskId& task, TaskInputs& inputs);
  // The task is done: its inputs are released. They are what find_inputs gave, or are looked up.
  // unused: gets the chunks that nobody needs any more, to be dropped without the lock.
  void complete(const TaskId& task, const TaskInputs& inputs, std::vector<HeldChunk>& unused);
  void complete(const TaskId& task);

  // Of a task that some other rank may run: whether that is so. Its inputs are here.
  using MayLend = FunctionRef<bool(const TaskId&)>;
  // Takes out a task for another rank, which starts here as next() would start it, but from the
  // back: a ready one of those that lie deepest, or, if none is ready, one without inputs of the
  // layer that has done the smallest part of its range from the back. Nothing if that may not be
  // lent. Its inputs stay until it is complete.
  std::optional<TaskId> lend(MayLend may_lend);
  void bring_back(const TaskId& task);     // it was not run, and is ready again
  void put_back(const TaskId& task);       // likewise, of one that next() gave
  void complete_away(const TaskId& task);  // as complete, of one that was lent
  std::int64_t queued() const;             // tasks that could start now, about

  void stop_admitting() { stopped_ = true; }
  // No task runs, is ready, or can be started; tasks that wait for inputs do not count.
  bool idle() const {
    return running_.empty() && (stopped_ || (ready_.empty() && parked_.empty() && sources_done()));
  }
  // No task is left here that could be started, waits, or certainly comes.
  bool nothing_left() const {
    return live_tasks() == 0 && (stopped_ || (sources_done() && all_certain_done()));
  }
  // Nothing of the graph is left: no task that runs, waits or was never started, no chunk.
  bool empty() const {
    return running_.empty() && ready_.empty() && parked_.empty() && waiting_count() == 0 &&
           held_count() == 0 && sources_done() && away_.empty();
  }
  // Every task at home here is complete, but perhaps some of reductions: nobody counts those
  // beforehand.
  bool all_certain_done() const { return certain_left_ == 0; }
  std::int64_t tasks_run() const { return tasks_run_; }
  // Tasks that take memory here: waiting for inputs, ready, running.
  std::int64_t live_tasks() const {
    return static_cast<std::int64_t>(running_.size() + ready_.size() + parked_.size() +
                                     away_.size()) +
           waiting_count();
  }
  std::int64_t held_chunks() const { return held_count(); }
  int rank() const { return rank_; }
  const std::vector<TaskId>& running() const { return running_; }
  const std::vector<TaskId>& away() const { return away_; }
  bool stopped() const { return stopped_; }
  // visit(task, how many inputs are missing) for each that waits, in any order, while it returns
  // true.
  void for_each_waiting(const std::function<bool(const TaskId&, std::int64_t)>& visit) const;
  bool holds(const ChunkId& chunk) const {
    return held_[chunk.layer][chunk.output].find(chunk.position) != nullptr;
  }

  std::string describe() const;  // the counters in a line, for failed checks; see stall.h for more
  // Re-derives counters and uses from what is there, O(live tasks and their edges); throws
  // std::logic_error with the state if they disagree.
  void sanity_check() const;

 private:
  // The tasks of one layer that wait for nobody: [next, end) of the range is left, of which this
  // rank starts the first and lends the last. (Of a Grid that goes on in time only the first steps
  // are looked at: plan/placement.h.)
  struct Sources {
    std::uint32_t layer;
    std::int64_t next;
    std::int64_t end;
    Interval range;
    bool mixed;  // some tasks of the layer do have inputs: look before starting one
  };
  using Held = HeldOnBoard;
  PageTable<Held>& table_of(const ChunkId& chunk) { return held_[chunk.layer][chunk.output]; }
  // Of the uses of a held chunk, those by tasks at home here that are not over.
  std::int64_t live_uses(const ChunkId& chunk) const;
  bool waits_rightly(const TaskId& task, std::int64_t missing) const;
  bool has_all_inputs(const TaskId& task) const;
  bool held_rightly(const ChunkId& chunk, const Held& held) const;
  std::int64_t waiting_count() const;
  std::int64_t held_count() const;
  std::optional<TaskId> next_source();
  std::optional<TaskId> next_admitted_source();
  void unpark();
  std::optional<TaskId> next_ready();
  // Of a user's task with annotations; null for others.
  const graph::UserFunction* annotated(const TaskId& task) const;
  void make_ready(const TaskId& task);
  // Whether what the task takes is there; it is taken then.
  bool take_resources(const TaskId& task);
  void give_back(const TaskId& task);
  Sources* earlier_source(const Ready& ready);
  TaskId start(Sources& sources);
  void count_certain(std::uint32_t layer);
  void count_done(const TaskId& task);
  std::optional<TaskId> lend_ready(MayLend may_lend);
  std::optional<TaskId> lend_source(MayLend may_lend);
  std::int64_t ordered(const TaskId& task) const;
  void skip_fed_tasks(Sources& sources) const;
  bool sources_done() const;
  void arrive(const TaskId& consumer);  // one of its inputs has
  void release(const ChunkId& chunk);
  HeldChunk release(const ChunkId& chunk, Held* held);  // the chunk, if it was the last use
  void put_down(const ChunkId& chunk, HeldChunk bytes, std::int64_t uses);
  void stop_running(const TaskId& task);
  void take_off(const TaskId& task);  // of running_

  const graph::Topology& topology_;
  const plan::Placement& placement_;
  int rank_;
  std::vector<Sources> sources_;
  ReadyQueue ready_;
  std::vector<Ready> parked_;  // ready, but for resources that running tasks have, or memory
  std::map<std::string, std::int64_t> free_;
  std::vector<bool> annotated_;                     // by layer: some tasks are
  std::vector<PageTable<std::int64_t>> waiting_;    // by layer: inputs still missing
  std::vector<std::vector<PageTable<Held>>> held_;  // by layer and output
  std::vector<TaskId> running_;                     // those that threads have
  std::vector<TaskId> away_;                        // lent, few
  std::vector<bool> certain_;                       // by layer: counted in certain_left_
  std::int64_t certain_left_ = 0;
  std::int64_t tasks_run_ = 0;
  bool stopped_ = false;
  std::optional<Admission> admission_;
};

}  // namespace rankine::worker
