// Where the tasks that a program describes lie until they run: flat arrays that only grow.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/api/array.h"
#include "runtime/graph/explicit.h"
#include "runtime/graph/layer.h"
#include "runtime/kernels/user_call.h"

namespace rankine {

// What a user may say about a task. Tasks with equal options share one description.
struct TaskOptions {
  std::string name;  // for plans, traces and errors; empty: the name of the function, if it has one
  int retries = 0;   // how often a task that threw is run again, on the same rank
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
  // Grids, producers first, and what is asked of them (grid_layer.h).
  std::vector<graph::Layer> grids;
  std::vector<graph::GridCollect> collected;
};

// Arguments by value beyond this many bytes get a word: they are sent to every rank.
inline constexpr std::size_t kManyEmbeddedBytes = std::size_t{1} << 20;
// Where the most of them come from, for that word: "simulate, job.cc:9".
std::string most_embedding(const graph::Explicit& tasks);

// Not thread-safe.
class TaskArena {
 public:
  // The arena of all tasks that are alive.
  static std::shared_ptr<TaskArena> current();

  // A task is begun, given its arguments one by one, and ended; returns its number.
  void begin_task(const Callable& callable, const TaskOptions& options, const Caller& caller);
  void add_task_argument(const TaskArena& arena, std::uint32_t task);
  void add_array_argument(const Array& array);
  std::vector<std::byte>& scratch();  // empty; then add_constant_argument() takes what is in it
  void add_constant_argument();
  std::uint32_t end_task();

  std::size_t task_count() const { return tasks_.task_count(); }
  // The tasks that `results` need, in the order in which they were made.
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
  std::vector<bool> reachable(const std::vector<std::uint32_t>& results) const;

  graph::Explicit tasks_;
  std::vector<Array> arrays_;
  std::vector<Description> descriptions_;  // of tasks_.functions
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_hash_;
  std::uint32_t last_ = 0;  // the description used last
  std::vector<std::byte> scratch_;
};

}  // namespace api
}  // namespace rankine
