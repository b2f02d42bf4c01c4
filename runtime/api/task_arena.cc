#include "runtime/api/task_arena.h"

#include <algorithm>
#include <atomic>
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

std::pair<std::size_t, std::string> embedded(const TaskGraph& graph) {
  const graph::Explicit& tasks = graph.tasks;
  if (tasks.constants.size() <= kManyEmbeddedBytes && graph.grids.empty()) {
    return {tasks.constants.size(), ""};
  }
  std::vector<std::size_t> bytes(tasks.functions.size(), 0);
  for (std::size_t task = 0; task < tasks.task_count(); ++task) {
    for (const std::uint32_t code : tasks.arguments_of(task)) {
      const Argument argument(code);
      if (argument.kind() != Argument::Kind::kConstant) continue;
      bytes[tasks.function_of[task]] += tasks.constant(argument.index()).size();
    }
  }
  std::size_t all = 0, most = 0;
  std::string where;
  const auto add = [&](std::size_t some, const graph::UserFunction& function) {
    all += some;
    if (some <= most) return;
    most = some;
    where = function.name + ", " + function.location;
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) add(bytes[i], tasks.functions[i]);
  for (const graph::Layer& layer : graph.grids) {
    const auto& grid = std::get<graph::Grid>(layer.kind);
    std::size_t states = grid.function.state.size();
    for (const graph::GridInput& input : grid.inputs) {
      states += input.code ? input.code->state.size() : 0;
    }
    add(states, grid.function);
  }
  return {all, where};
}

FutureState::FutureState(std::shared_ptr<FutureKeeper> its_keeper,
                         std::shared_ptr<TaskArena> its_arena, std::uint32_t its_task)
    : keeper(std::move(its_keeper)),
      arena(std::move(its_arena)),
      arena_id(arena->id()),
      task(its_task) {}

std::uint64_t TaskArena::next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
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
  function.priority = options.priority;
  function.resources = options.resources;
  function.ranks.assign(options.ranks.begin(), options.ranks.end());
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

void TaskArena::add_future_argument(const FuturePtr& future) {
  tasks_.arguments.push_back(Argument(Argument::Kind::kHeld, futures_.size()).code());
  futures_.push_back(future);
}

void TaskArena::add_scattered_argument(std::shared_ptr<const ScatteredValue> value) {
  if (scattered_.empty() || scattered_.back() != value) scattered_.push_back(std::move(value));
  tasks_.arguments.push_back(Argument(Argument::Kind::kScattered, scattered_.size() - 1).code());
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
  if (task > Argument::kMost) throw usage_error("a graph may have 2^29 tasks at most");
  tasks_.argument_begin.push_back(offset(tasks_.arguments.size()));
  tasks_.function_of.push_back(last_);
  return static_cast<std::uint32_t>(task);
}

std::optional<std::uint32_t> TaskArena::task_of(Argument argument) const {
  if (argument.kind() == Argument::Kind::kTask) return argument.index();
  if (argument.kind() != Argument::Kind::kHeld) return std::nullopt;
  const FutureState& future = *futures_[argument.index()];
  const bool here = future.graph == 0 && future.arena_id == id_;
  return here ? std::optional(future.task) : std::nullopt;
}

// A task takes results of earlier tasks only, so one pass from the back finds all; it ends with the
// first that is needed. Ascending.
std::vector<std::uint32_t> TaskArena::reachable(const std::vector<std::uint32_t>& results) const {
  std::vector<std::uint32_t> found;
  if (results.empty()) return found;
  std::uint32_t task = *std::max_element(results.begin(), results.end()) + 1;
  std::vector<bool> needed(task, false);
  std::size_t open = 0;  // needed and not passed yet
  const auto need = [&](std::uint32_t one) {
    if (!needed[one]) ++open;
    needed[one] = true;
  };
  for (const std::uint32_t result : results) need(result);
  while (open > 0) {
    if (!needed[--task]) continue;
    --open;
    found.push_back(task);
    for (const std::uint32_t code : tasks_.arguments_of(task)) {
      if (const auto one = task_of(Argument(code))) need(*one);
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

// Copies tasks of an arena into a graph, with new numbers for all that they name.
class TaskArena::Selection {
 public:
  // chosen: ascending.
  Selection(const TaskArena& arena, const std::vector<std::uint32_t>& chosen) : arena_(arena) {
    graph_.tasks.modules = arena.tasks_.modules;
    if (chosen.empty()) return;
    first_ = chosen.front();
    number_.resize(chosen.back() - first_ + 1);
    for (const std::uint32_t task : chosen) add(task);
  }
  TaskGraph finish(const std::vector<std::uint32_t>& results) {
    for (const std::uint32_t task : results) graph_.results.push_back(number_[task - first_]);
    return std::move(graph_);
  }

 private:
  void add(std::uint32_t task) {
    graph::Explicit& tasks = graph_.tasks;
    number_[task - first_] = static_cast<std::uint32_t>(tasks.task_count());
    const std::uint32_t function = arena_.tasks_.function_of[task];
    if (tasks.task_count() == 0 || function != last_function_) {
      last_function_ = function;
      last_number_ = static_cast<std::uint32_t>(
          place(functions_, tasks.functions, arena_.tasks_.functions, function));
    }
    tasks.function_of.push_back(last_number_);
    for (const std::uint32_t code : arena_.tasks_.arguments_of(task)) {
      tasks.arguments.push_back(renumbered(Argument(code)).code());
    }
    tasks.argument_begin.push_back(static_cast<std::uint32_t>(tasks.arguments.size()));
  }
  // The place in `chosen` of what stands at `index` in `all`.
  template <class T>
  static std::size_t place(std::unordered_map<std::uint32_t, std::size_t>& known,
                           std::vector<T>& chosen, const std::vector<T>& all, std::uint32_t index) {
    const auto [entry, fresh] = known.emplace(index, chosen.size());
    if (fresh) chosen.push_back(all[index]);
    return entry->second;
  }
  Argument renumbered(Argument argument) {
    const std::uint32_t index = argument.index();
    if (const auto task = arena_.task_of(argument)) {
      return {Argument::Kind::kTask, number_[*task - first_]};
    }
    switch (argument.kind()) {
      case Argument::Kind::kArray:
        return {argument.kind(), place(arrays_, graph_.arrays, arena_.arrays_, index)};
      case Argument::Kind::kHeld:
        return {argument.kind(), place(futures_, graph_.futures, arena_.futures_, index)};
      case Argument::Kind::kScattered: {
        const std::size_t number = place(scattered_, graph_.scattered, arena_.scattered_, index);
        if (number == graph_.tasks.scattered.size()) {
          graph_.tasks.scattered.push_back(graph_.scattered.back()->name());
        }
        return {argument.kind(), number};
      }
      default: break;
    }
    const auto bytes = arena_.tasks_.constant(index);
    const std::size_t constant = graph_.tasks.constant_begin.size() - 1;
    graph_.tasks.constants.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    graph_.tasks.constant_begin.push_back(offset(graph_.tasks.constants.size()));
    return {Argument::Kind::kConstant, constant};
  }

  const TaskArena& arena_;
  TaskGraph graph_;
  std::uint32_t first_ = 0;
  std::vector<std::uint32_t> number_;  // in the graph, from task first_ on
  std::uint32_t last_function_ = 0;
  std::uint32_t last_number_ = 0;
  // Where what has a number in the arena stands in the graph.
  std::unordered_map<std::uint32_t, std::size_t> functions_, arrays_, futures_, scattered_;
};

TaskGraph TaskArena::needed_for(const std::vector<std::uint32_t>& results) const {
  return Selection(*this, reachable(results)).finish(results);
}

}  // namespace rankine::api
