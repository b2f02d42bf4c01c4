// Runs one task: loads its inputs, evaluates its program or combines its states, and hands over
// what it made. Called by many threads at once, each with its own TaskContext.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/encode.h"
#include "io/reader.h"
#include "runtime/base/clock.h"
#include "runtime/worker/graph_journal.h"
#include "runtime/worker/held_store.h"
#include "runtime/worker/load.h"
#include "runtime/worker/read_ahead.h"
#include "runtime/worker/task_inputs.h"
#include "runtime/worker/user_tasks.h"

namespace rankine::worker {

// Seconds of one thread by what it did; the parts of the time budget.
struct TaskTimes {
  double load_s = 0;  // reading, decoding, gathering inputs
  double compute_s = 0;
  double compress_s = 0;
  double write_s = 0;
  TaskTimes& operator+=(const TaskTimes& other);
};

// When a thread found no task of a graph: there is none until something changes (graph_run.h).
struct Fruitless {
  std::uint32_t graph = 0;
  std::uint64_t changes = 0;
  bool operator==(const Fruitless&) const = default;
};

// A task that a thread has taken, and what it left.
struct TakenTask {
  graph::TaskId task;
  TaskInputs inputs;
  std::vector<Output> outputs;
  std::vector<Users> users;  // of each output; perhaps more of them, which mean nothing
};

// How long the tasks of one function of a graph take: of those that a thread ran last, about the
// longest.
struct Pace {
  std::uint32_t graph = 0;  // 0: nothing is known
  const graph::UserFunction* function = nullptr;
  TickCounter::Ticks ticks = 0;
  void note(std::uint32_t number, const graph::UserFunction* of, TickCounter::Ticks took) {
    constexpr TickCounter::Ticks kForgets = 64;  // tasks, about
    const bool same = graph == number && function == of;
    graph = of == nullptr ? 0 : number;
    function = of;
    ticks = same ? std::max(took, ticks - ticks / kForgets) : took;
  }
};

// What a thread keeps between tasks.
struct TaskContext {
  // The tasks it has: more than one only if they are short and there are enough for all threads, so
  // that the lock and all that it protects go from thread to thread less often.
  static constexpr std::size_t kMostTogether = 8;
  std::array<TakenTask, kMostTogether> taken;
  std::size_t count = 0;
  Pace pace;
  Fruitless fruitless;
  std::vector<Output> outputs;    // of the task that runs
  std::vector<HeldChunk> unused;  // to be dropped
  // Nothing long of what a task had many of is kept for the next one.
  void shrink() {
    constexpr std::size_t kKept = 1024;
    for (std::size_t i = 0; i < count; ++i) {
      for (Users& some : taken[i].users) {
        if (some.here.capacity() > kKept) some = {};
      }
    }
    if (unused.capacity() > kKept) unused = std::vector<HeldChunk>();  // {} would keep it
  }
  kernels::Scratch scratch;
  io::ReadScratch read_scratch;
  io::ReadStats read_stats;
  io::EncodeScratch encode_scratch;
  std::vector<std::byte> encoded;
  UserScratch user;
  TaskTimes times;
};

class Executor {
 public:
  // readers: by data set of the graph. journal: where Store heads append, null if there are none.
  // results: on rank 0 the memory of each fetched array (dense, row-major), else empty.
  // user_tasks: null if the graph has no functions of users. held: where Hold heads leave chunks,
  // under the number of the graph. ahead: null if nothing is read ahead. All must outlive the
  // executor.
  Executor(const graph::Topology& topology, std::uint32_t graph_number,
           const std::vector<std::unique_ptr<io::DatasetReader>>& readers,
           const UserTasks* user_tasks, const GraphJournal* journal,
           std::vector<std::vector<std::byte>>& results, HeldStore& held, Pool& pool,
           ReadAhead* ahead = nullptr);

  // Leaves context.outputs, which must be empty. away: the task is of another rank, where its
  // results are kept. A task whose results an earlier run left takes those. Throws Error; its story
  // names layer and chunk.
  void run(const graph::TaskId& task, const FindChunk& find_chunk, TaskContext& context,
           bool away = false) const;

  // "mean(t2m), chunk (3, 4), job.cc:12"
  std::string story(const graph::TaskId& task) const;

 private:
  void run_anew(const graph::TaskId& task, const FindChunk& find_chunk, TaskContext& context,
                bool away) const;
  void run_map(const graph::TaskId& task, const graph::Map& map, const FindChunk& find_chunk,
               TaskContext& context) const;
  void run_calls(const graph::TaskId& task, const graph::Map& map, const Box& step,
                 LoadSources& sources, TaskContext& context) const;
  void run_reduce(const graph::TaskId& task, const graph::Reduce& reduce,
                  const FindChunk& find_chunk, TaskContext& context) const;
  void run_user(const graph::TaskId& task, const FindChunk& find_chunk, TaskContext& context,
                bool away) const;
  void collect(const graph::TaskId& task, const graph::Collect& collect,
               const FindChunk& find_chunk) const;
  void collect(const graph::TaskId& task, const graph::GridCollect& collect,
               const FindChunk& find_chunk) const;
  void hand_over(const graph::TaskId& task, const graph::Head& head, const Box& box, DType dtype,
                 const SharedBuffer& dense, TaskContext& context) const;

  const graph::Topology& topology_;
  const std::uint32_t graph_number_;
  const std::vector<std::unique_ptr<io::DatasetReader>>& readers_;
  const UserTasks* user_tasks_;
  const GraphJournal* journal_;
  std::vector<std::vector<std::byte>>& results_;
  HeldStore& held_;
  Pool& pool_;
  ReadAhead* ahead_;
};

}  // namespace rankine::worker
