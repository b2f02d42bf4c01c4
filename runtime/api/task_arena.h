// Where the tasks that a program describes lie until they run: flat arrays that only grow.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/api/array.h"
#include "runtime/api/future_state.h"
#include "runtime/graph/explicit.h"
#include "runtime/graph/layer.h"
#include "runtime/kernels/user_call.h"

namespace rankine {

// What a user may say about a task. Tasks with equal options share one description.
struct TaskOptions {
  std::string name =
      {};           // for plans, traces and errors; empty: the name of the function, if it has one
  int retries = 0;  // how often a task that threw is run again, on the same rank
  // Of the tasks of a rank that could start, those with the highest start first.
  int priority = 0;
  // What the task needs of what ranks were given (--resources gpu=1), while it runs: the tasks of a
  // rank never take more together than it has. A task that no rank has enough for is an error when
  // it is computed or submitted.
  std::vector<std::pair<std::string, std::int64_t>> resources = {};
  std::vector<int> ranks = {};  // where it may run; empty: anywhere
  bool operator==(const TaskOptions&) const = default;
};

namespace api {

// Where a task was made: a line, or the address that the call returns to.
struct Caller {
  explicit Caller(const std::source_location& at) : file(at.file_name()), line(at.line()) {}
  explicit Caller(const void* return_address) : address(return_address) {}
  const char* file = nullptr;  // never freed
  std::uint32_t line = 0;
  const void* address = nullptr;
  bool operator==(const Caller&) const = default;
};

// "job.cc:12"
std::string place_of(const Caller& caller);

// A function as a task needs it.
struct Callable {
  kernels::UserThunk thunk = nullptr;
  const void* function = nullptr;  // a plain function
  std::vector<std::byte> state;    // a functor
};

// Some tasks and all that they need, ready to become layers.
struct TaskGraph {
  graph::Explicit tasks;  // without arrays
  std::vector<Array> arrays;
  std::vector<std::uint32_t> results;  // what was asked for
  // What kHeld arguments name, and what makes kScattered ones stay until the graph is started.
  std::vector<FuturePtr> futures;
  std::vector<std::shared_ptr<const ScatteredValue>> scattered;
  graph::HeldValues held;         // of `futures`, by the session
  bool collects_futures = false;  // the results are the futures themselves; there are no tasks
  // Grids, producers first, and what is asked of them (grid_layer.h).
  std::vector<graph::Layer> grids;
  std::vector<graph::GridCollect> collected;
};

// Arguments by value beyond this many bytes get a word: they are sent to every rank.
inline constexpr std::size_t kManyEmbeddedBytes = std::size_t{1} << 20;
// How many there are, and where most of them come from, for that word: "simulate, job.cc:9". With
// the states of functions and dependencies of grids.
std::pair<std::size_t, std::string> embedded(const TaskGraph& tasks);

// Built by one thread at a time; needed_for may be called by another one meanwhile.
class TaskArena {
 public:
  // Held from begin_task to end_task, and in needed_for.
  std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }

  std::uint64_t id() const { return id_; }  // distinct in this process
  // The arena of all tasks that are alive.
  static std::shared_ptr<TaskArena> current();

  // A task is begun, given its arguments one by one, and ended; returns its number.
  void begin_task(const Callable& callable, const TaskOptions& options, const Caller& caller);
  void add_task_argument(const TaskArena& arena, std::uint32_t task);
  void add_array_argument(const Array& array);
  void add_future_argument(const FuturePtr& future);
  void add_scattered_argument(std::shared_ptr<const ScatteredValue> value);
  std::vector<std::byte>& scratch();  // empty; then add_constant_argument() takes what is in it
  void add_constant_argument();
  std::uint32_t end_task();

  std::size_t task_count() const { return tasks_.task_count(); }
  // The tasks that `results` need, in the order in which they were made. A future whose task is
  // here and was not started counts as its task. The caller has the lock, and that of the futures'
  // keeper.
  TaskGraph needed_for(const std::vector<std::uint32_t>& results) const;

 private:
  struct Description {
    const void* thunk;
    const void* function;
    std::vector<std::byte> state;
    TaskOptions options;
    Caller caller;
  };
  std::uint32_t describe(const Callable& callable, const TaskOptions& options,
                         const Caller& caller);
  // The task whose result it takes, if that is to be made along with it.
  std::optional<std::uint32_t> task_of(graph::Argument argument) const;
  std::vector<std::uint32_t> reachable(const std::vector<std::uint32_t>& results) const;
  class Selection;
  static std::uint64_t next_id();

  mutable std::mutex mutex_;
  const std::uint64_t id_ = next_id();

  graph::Explicit tasks_;
  std::vector<Array> arrays_;
  std::vector<FuturePtr> futures_;
  std::vector<std::shared_ptr<const ScatteredValue>> scattered_;
  std::vector<Description> descriptions_;  // of tasks_.functions
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_hash_;
  std::uint32_t last_ = 0;  // the description used last
  std::vector<std::byte> scratch_;
};

}  // namespace api
}  // namespace rankine
