// Irregular graphs: tasks that a user named one by one, each with a function and its arguments.
// Flat arrays, so a task takes 8 bytes and 4 per argument, in memory and on the wire.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/graph/held.h"
#include "runtime/graph/layer_output.h"
#include "runtime/kernels/registry.h"

namespace rankine::graph {

// What a task takes: the result of an earlier task, a value of the graph, a whole array, the result
// of a task of an earlier graph, or a value that every rank has.
class Argument {
 public:
  enum class Kind : std::uint32_t { kTask, kConstant, kArray, kHeld, kScattered };
  static constexpr int kBits = 29;
  static constexpr std::uint32_t kMost = (std::uint32_t{1} << kBits) - 1;

  Argument(Kind kind, std::size_t index)
      : code_((static_cast<std::uint32_t>(kind) << kBits) | static_cast<std::uint32_t>(index)) {
    if (index > kMost) throw usage_error("a graph may have 2^29 tasks and values at most");
  }
  explicit Argument(std::uint32_t code) : code_(code) {}
  Kind kind() const { return static_cast<Kind>(code_ >> kBits); }
  std::uint32_t index() const { return code_ & kMost; }
  std::uint32_t code() const { return code_; }

 private:
  std::uint32_t code_;
};

// A function with what all its tasks have in common.
struct UserFunction {
  kernels::FunctionName thunk;  // kernels::invoke<...>
  bool pointed = false;         // `function` is the plain function that the thunk calls
  kernels::FunctionName function;
  std::string state;     // of a functor, as write_value made it
  std::string name;      // for plans, traces and errors
  std::string location;  // "job.cc:12"
  std::int32_t retries = 0;
  std::int32_t priority = 0;        // among tasks that could start, the highest first
  std::vector<std::int32_t> ranks;  // where it may run, ascending; empty: anywhere
  std::vector<std::pair<std::string, std::int64_t>> resources;  // what it takes while it runs
  bool is_annotated() const { return priority != 0 || !ranks.empty() || !resources.empty(); }
  bool operator==(const UserFunction&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(thunk, pointed, function, state, name, location, retries, priority, ranks, resources);
  }
};

// Task t runs functions[function_of[t]] on arguments[argument_begin[t] ... argument_begin[t + 1]).
// A task takes results of tasks before it only.
struct Explicit {
  kernels::ModuleTable modules;
  std::vector<UserFunction> functions;
  std::vector<std::uint32_t> function_of;
  std::vector<std::uint32_t> argument_begin{0};
  std::vector<std::uint32_t> arguments;          // Argument::code
  std::vector<std::uint32_t> constant_begin{0};  // constant c is bytes [begin[c], begin[c + 1])
  std::string constants;
  std::vector<LayerOutput> arrays;
  std::uint32_t held_layer = 0;  // of kHeld arguments: a HeldValues layer
  // The rank of each task, for functions that name none; empty: the plan chooses
  // (plan/follow_inputs.h).
  std::vector<std::int32_t> homes;
  std::vector<std::uint64_t> scattered;  // of kScattered arguments: their names
  // Results stay on their ranks beyond the end of the graph, and a task that fails leaves its error
  // instead (kernels/outcome.h), so that only those fail that take its result.
  bool holds_results = false;

  std::size_t task_count() const { return function_of.size(); }
  std::span<const std::uint32_t> arguments_of(std::size_t task) const {
    return std::span(arguments).subspan(argument_begin[task],
                                        argument_begin[task + 1] - argument_begin[task]);
  }
  std::span<const std::byte> constant(std::uint32_t index) const {
    return std::as_bytes(std::span(constants))
        .subspan(constant_begin[index], constant_begin[index + 1] - constant_begin[index]);
  }
  const UserFunction& function(std::size_t task) const { return functions[function_of[task]]; }
  // Some task has a priority, a rank or a resource of its own.
  bool is_annotated() const {
    return std::any_of(functions.begin(), functions.end(),
                       [](const UserFunction& function) { return function.is_annotated(); });
  }
  // Throws Error (input) if an index points nowhere or forward. layers: the number of layers before
  // this one.
  void check(std::size_t layers) const;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(modules, functions, function_of, argument_begin, arguments, constant_begin, constants,
            arrays, held_layer, homes, scattered, holds_results);
  }

 private:
  std::size_t limit_of(Argument::Kind kind, std::size_t task) const;
};

// The results of some tasks, brought to rank 0: tasks[i] to Graph::results[first_result + i], whose
// length is whatever the task made.
struct Collect {
  std::uint32_t layer = 0;  // an Explicit or HeldValues layer
  std::vector<std::uint32_t> tasks;
  std::uint32_t first_result = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(layer, tasks, first_result);
  }
};

}  // namespace rankine::graph
