#include "runtime/api/task_arena.h"

#include <algorithm>
#include <filesystem>

#include "runtime/base/hash.h"

namespace rankine::api {
namespace {

using graph::Argument;

std::uint32_t offset(std::size_t bytes) {
  if (bytes > UINT32_MAX) {
    throw usage_error("a graph embeds more than 4 GiB of arguments",
                      "let the tasks read them from a file");
  }
  return static_cast<std::uint32_t>(bytes);
}

}  // namespace

std::string place_of(const Caller& caller) {
  if (caller.file == nullptr) return kernels::describe_address(caller.address);
  return std::filesystem::path(caller.file).filename().string() + ":" + std::to_string(caller.line);
}

std::string most_embedding(const graph::Explicit& tasks) {
  std::vector<std::size_t> bytes(tasks.functions.size(), 0);
  for (std::size_t task = 0; task < tasks.task_count(); ++task) {
    for (const std::uint32_t code : tasks.arguments_of(task)) {
      const Argument argument(code);
      if (argument.kind() != Argument::Kind::kConstant) continue;
      bytes[tasks.function_of[task]] += tasks.constant(argument.index()).size();
    }
  }
  const auto most = std::max_element(bytes.begin(), bytes.end());
  const graph::UserFunction& function = tasks.functions[most - bytes.begin()];
  return function.name + ", " + function.location;
}

std::shared_ptr<TaskArena> TaskArena::current() {
  static std::weak_ptr<TaskArena> alive;
  std::shared_ptr<TaskArena> arena = alive.lock();
  if (!arena) alive = arena = std::make_shared<TaskArena>();
  return arena;
}

std::uint32_t TaskArena::describe(const Callable& callable, const TaskOptions& options,
                                  const Caller& caller) {
  const auto* thunk = reinterpret_cast<const void*>(callable.thunk);
  const auto is_wanted = [&](const Description& known) {
    return known.thunk == thunk && known.function == callable.function && known.caller == caller &&
           known.state == callable.state && known.options == options;
  };
  if (last_ < descriptions_.size() && is_wanted(descriptions_[last_])) return last_;
  std::uint64_t hash = hash_bytes(callable.state, reinterpret_cast<std::uintptr_t>(thunk));
  hash = hash_text(options.name, hash ^ reinterpret_cast<std::uintptr_t>(callable.function));
  hash ^= (caller.line + static_cast<std::uint64_t>(options.retries) +
           reinterpret_cast<std::uintptr_t>(caller.address)) *
          0x9e3779b97f4a7c15u;
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto entry = first; entry != last; ++entry) {
    if (is_wanted(descriptions_[entry->second])) return entry->second;
  }
  graph::UserFunction function;
  function.thunk = tasks_.modules.name_of(thunk);
  function.pointed = callable.function != nullptr;
  if (function.pointed) function.function = tasks_.modules.name_of(callable.function);
  function.state.assign(reinterpret_cast<const char*>(callable.state.data()),
                        callable.state.size());
  function.name = !options.name.empty() ? options.name
                  : function.pointed    ? kernels::describe_address(callable.function)
                                        : "task";
  function.location = place_of(caller);
  function.retries = options.retries;
  tasks_.functions.push_back(std::move(function));
  descriptions_.push_back({thunk, callable.function, callable.state, options, caller});
  const auto index = static_cast<std::uint32_t>(descriptions_.size() - 1);
  by_hash_.emplace(hash, index);
  return index;
}

// Nothing of the task counts before end_task: what a throwing argument leaves is cut off here.
void TaskArena::begin_task(const Callable& callable, const TaskOptions& options,
                           const Caller& caller) {
  tasks_.arguments.resize(tasks_.argument_begin.back());
  last_ = describe(callable, options, caller);
}

void TaskArena::add_task_argument(const TaskArena& arena, std::uint32_t task) {
  if (&arena != this) throw usage_error("a task takes the result of a task that is gone");
  tasks_.arguments.push_back(Argument(Argument::Kind::kTask, task).code());
}

void TaskArena::add_array_argument(const Array& array) {
  const auto known = std::find_if(arrays_.begin(), arrays_.end(),
                                  [&](const Array& other) { return other.node() == array.node(); });
  const auto index = static_cast<std::size_t>(known - arrays_.begin());
  if (known == arrays_.end()) arrays_.push_back(array);
  tasks_.arguments.push_back(Argument(Argument::Kind::kArray, index).code());
}

std::vector<std::byte>& TaskArena::scratch() {
  scratch_.clear();
  return scratch_;
}

void TaskArena::add_constant_argument() {
  const std::uint32_t end = offset(tasks_.constants.size() + scratch_.size());
  const Argument argument(Argument::Kind::kConstant, tasks_.constant_begin.size() - 1);
  tasks_.constants.append(reinterpret_cast<const char*>(scratch_.data()), scratch_.size());
  tasks_.constant_begin.push_back(end);
  tasks_.arguments.push_back(argument.code());
}

std::uint32_t TaskArena::end_task() {
  const std::size_t task = tasks_.task_count();
  if (task > Argument::kMost) throw usage_error("a graph may have 2^30 tasks at most");
  tasks_.argument_begin.push_back(offset(tasks_.arguments.size()));
  tasks_.function_of.push_back(last_);
  return static_cast<std::uint32_t>(task);
}

// A task takes results of earlier tasks only, so one pass from the back finds all.
std::vector<bool> TaskArena::reachable(const std::vector<std::uint32_t>& results) const {
  std::vector<bool> needed(tasks_.task_count(), false);
  for (const std::uint32_t task : results) needed[task] = true;
  const std::uint32_t last =
      results.empty() ? 0 : *std::max_element(results.begin(), results.end()) + 1;
  for (std::uint32_t task = last; task-- > 0;) {
    if (!needed[task]) continue;
    for (const std::uint32_t code : tasks_.arguments_of(task)) {
      if (Argument(code).kind() == Argument::Kind::kTask) needed[Argument(code).index()] = true;
    }
  }
  return needed;
}

TaskGraph TaskArena::needed_for(const std::vector<std::uint32_t>& results) const {
  const std::vector<bool> needed = reachable(results);
  TaskGraph graph;
  graph.tasks.modules = tasks_.modules;
  std::vector<std::uint32_t> number(needed.size(), 0);
  constexpr std::uint32_t kUnused = UINT32_MAX;
  std::vector<std::uint32_t> function_number(tasks_.functions.size(), kUnused);
  std::unordered_map<std::uint32_t, std::size_t> array_number;
  for (std::uint32_t task = 0; task < needed.size(); ++task) {
    if (!needed[task]) continue;
    number[task] = static_cast<std::uint32_t>(graph.tasks.task_count());
    std::uint32_t& function = function_number[tasks_.function_of[task]];
    if (function == kUnused) {
      function = static_cast<std::uint32_t>(graph.tasks.functions.size());
      graph.tasks.functions.push_back(tasks_.function(task));
    }
    graph.tasks.function_of.push_back(function);
    for (const std::uint32_t code : tasks_.arguments_of(task)) {
      const Argument argument(code);
      std::size_t index = argument.index();
      if (argument.kind() == Argument::Kind::kTask) {
        index = number[index];
      } else if (argument.kind() == Argument::Kind::kConstant) {
        const auto bytes = tasks_.constant(argument.index());
        index = graph.tasks.constant_begin.size() - 1;
        graph.tasks.constants.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        graph.tasks.constant_begin.push_back(offset(graph.tasks.constants.size()));
      } else {
        const auto [entry, fresh] = array_number.emplace(argument.index(), graph.arrays.size());
        if (fresh) graph.arrays.push_back(arrays_[index]);
        index = entry->second;
      }
      graph.tasks.arguments.push_back(Argument(argument.kind(), index).code());
    }
    graph.tasks.argument_begin.push_back(static_cast<std::uint32_t>(graph.tasks.arguments.size()));
  }
  for (const std::uint32_t task : results) graph.results.push_back(number[task]);
  return graph;
}

}  // namespace rankine::api
