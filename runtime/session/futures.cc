#include "runtime/session/futures.h"

#include <algorithm>
#include <utility>

#include "runtime/base/current_error.h"
#include "runtime/kernels/outcome.h"

namespace rankine::session {

using api::FuturePtr;
using api::FutureState;
using FutureStage = api::FutureState::Stage;

namespace {

Error session_over() {
  return Error(ExitCode::kTaskFailed, "the session ended before this future was done", {},
               "call get() or wait() before the client function returns");
}

Error cancelled() { return Error(ExitCode::kTaskFailed, "this future was cancelled"); }

std::uint32_t layer_of_tasks(const graph::Graph& graph) {
  const auto found = std::find_if(graph.layers.begin(), graph.layers.end(), [](const auto& layer) {
    return std::holds_alternative<graph::Explicit>(layer.kind);
  });
  return static_cast<std::uint32_t>(found - graph.layers.begin());
}

}  // namespace

Futures::Futures(Engine& engine, Launcher& launcher, std::shared_ptr<Releases> releases,
                 std::function<PrepareOptions()> options)
    : engine_(&engine),
      launcher_(&launcher),
      releases_(std::move(releases)),
      options_(std::move(options)) {}

void Futures::open() {
  const std::lock_guard lock(mutex_);
  engine_->set_on_made(
      [keeper = shared_from_this()](const MadeResult& made) { keeper->on_made(made); });
}

void Futures::close() {
  std::vector<FuturePtr> lost;
  {
    const std::lock_guard starting(starting_);
    const std::lock_guard lock(mutex_);
    if (engine_ == nullptr) return;
    engine_ = nullptr;
    lost.swap(pending_);
    for (const auto& [number, graph] : graphs_) {
      for (const auto& [task, future] : graph) {
        if (FuturePtr alive = future.lock()) lost.push_back(std::move(alive));
      }
    }
    graphs_.clear();
    for (const FuturePtr& future : lost) {
      future->arena.reset();
      if (future->stage != FutureStage::kDone) finish(*future, session_over());
    }
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Futures::require_open() const {
  if (engine_ == nullptr) throw session_over();
}

// --- starting ---

FuturePtr Futures::add(std::shared_ptr<api::TaskArena> arena, std::uint32_t task) {
  auto future = std::make_shared<FutureState>(shared_from_this(), std::move(arena), task);
  const std::lock_guard lock(mutex_);
  require_open();
  pending_.push_back(future);
  return future;
}

void Futures::start_soon() {
  {
    const std::lock_guard lock(mutex_);
    if (graphs_.size() >= kFewInFlight) {
      if (!thread_.joinable()) thread_ = std::thread([this] { background(); });
      wanted_ = true;
      changed_.notify_all();
      return;
    }
  }
  start_all();
}

void Futures::start_all() {
  const std::lock_guard starting(starting_);
  launch_pending();
}

void Futures::background() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return wanted_ || engine_ == nullptr; });
      changed_.wait_for(lock, kGathering, [&] { return engine_ == nullptr; });
      if (engine_ == nullptr) return;
      wanted_ = false;
    }
    start_all();
  }
}

// All pending ones are of one arena: there is one at a time, and they keep it alive.
api::TaskGraph Futures::select_pending(std::vector<FuturePtr>& batch) {
  batch.swap(pending_);
  if (batch.empty()) return {};
  std::vector<std::uint32_t> numbers;
  for (const FuturePtr& future : batch) numbers.push_back(future->task);
  const auto building = batch.front()->arena->lock();
  api::TaskGraph tasks = batch.front()->arena->needed_for(numbers);
  tasks.tasks.holds_results = true;
  return tasks;
}

void Futures::launch_pending() {
  releases_->flush();
  std::vector<FuturePtr> batch;
  try {
    api::TaskGraph tasks;
    int shift = 0;
    {
      const std::lock_guard lock(mutex_);
      if (engine_ == nullptr) return;
      tasks = select_pending(batch);
      locate(tasks);
      shift = choose_homes(tasks);
    }
    if (batch.empty()) return;
    const Started graph = start(tasks, true, shift);
    const std::lock_guard lock(mutex_);
    adopt(batch, tasks, graph);
  } catch (...) {
    const Error error = current_error();
    const std::lock_guard lock(mutex_);
    for (const FuturePtr& future : batch) {
      future->arena.reset();
      finish(*future, error);
    }
  }
}

// Not under mutex_: it may have to wait for graphs whose ends are told to on_over.
Started Futures::start(const api::TaskGraph& tasks, bool in_background, int shift) {
  Work work;
  for (const Array& array : tasks.arrays) {
    work.targets.push_back({array.node(), std::nullopt, true, false});
  }
  work.tasks = &tasks;
  work.in_background = in_background;
  if (in_background) {
    work.on_over = [keeper = shared_from_this()](std::uint32_t graph, const GraphOutcome& outcome) {
      keeper->on_over(graph, outcome.failure);
    };
  }
  PrepareOptions options = options_();
  options.machine.shift = shift;
  return launcher_->start(work, options);
}

void Futures::adopt(const std::vector<FuturePtr>& batch, const api::TaskGraph& tasks,
                    const Started& graph) {
  const PhysicalPlan& plan = graph.prepared->physical;
  const std::uint32_t layer = layer_of_tasks(*plan.graph);
  ByTask& by_task = graphs_[graph.number()];
  for (std::size_t i = 0; i < batch.size(); ++i) {
    FutureState& future = *batch[i];
    future.arena.reset();
    future.graph = graph.number();
    future.task = tasks.results[i];
    future.home = plan.placement.home(*plan.topology, {layer, std::int64_t{future.task}});
    if (future.stage == FutureStage::kPending) {
      future.stage = FutureStage::kStarted;
      ++unfinished_[static_cast<std::size_t>(future.home)];
    }
    by_task[future.task] = batch[i];
  }
  const auto early = early_.extract(graph.number());
  if (early.empty()) return;
  for (auto& [task, outcome] : early.mapped().made) {
    take_result(by_task, task, std::move(outcome));
  }
  if (early.mapped().over) end(graph.number(), early.mapped().failure);
}

void Futures::locate(api::TaskGraph& tasks) const {
  for (const FuturePtr& future : tasks.futures) {
    if (future->failure) throw *future->failure;
    tasks.held.graphs.push_back(future->graph);
    tasks.held.tasks.push_back(future->task);
    tasks.held.homes.push_back(future->home);
  }
}

api::TaskGraph Futures::tasks_for(const api::TaskArena& arena,
                                  const std::vector<std::uint32_t>& results) {
  start_all();
  const std::lock_guard starting(starting_);
  const std::lock_guard lock(mutex_);
  const auto building = arena.lock();
  api::TaskGraph tasks = arena.needed_for(results);
  locate(tasks);
  return tasks;
}

int Futures::choose_homes(api::TaskGraph& tasks) {
  const Machine machine = options_().machine;
  unfinished_.resize(static_cast<std::size_t>(machine.ranks), 0);
  std::vector<std::int64_t> load = unfinished_;
  graph::Explicit& layer = tasks.tasks;
  const auto workers = static_cast<std::size_t>(machine.ranks - machine.first_worker);
  if (layer.task_count() > kManyPerRank * workers) {  // by position is even enough
    const auto first = load.begin() + machine.first_worker;
    return static_cast<int>(std::min_element(first, load.end()) - first);
  }
  for (std::size_t task = 0; task < layer.task_count(); ++task) {
    auto least = std::min_element(load.begin() + machine.first_worker, load.end());
    for (const std::uint32_t code : layer.arguments_of(task)) {
      const graph::Argument argument(code);
      std::int32_t near = -1;
      if (argument.kind() == graph::Argument::Kind::kTask) near = layer.homes[argument.index()];
      if (argument.kind() == graph::Argument::Kind::kHeld)
        near = tasks.held.homes[argument.index()];
      if (near < 0) continue;
      if (load[static_cast<std::size_t>(near)] == *least) least = load.begin() + near;
      break;
    }
    layer.homes.push_back(static_cast<std::int32_t>(least - load.begin()));
    ++*least;
  }
  return 0;
}

// --- what the engine tells ---

void Futures::on_made(const MadeResult& made) {
  std::optional<std::vector<std::byte>> outcome;
  if (made.outcome) outcome.emplace(made.outcome->begin(), made.outcome->end());
  const std::lock_guard lock(mutex_);
  if (engine_ == nullptr) return;
  const auto graph = graphs_.find(made.graph);
  if (graph == graphs_.end()) {
    early_[made.graph].made.emplace_back(made.task, std::move(outcome));
  } else {
    take_result(graph->second, made.task, std::move(outcome));
  }
}

void Futures::take_result(ByTask& graph, std::int64_t task,
                          std::optional<std::vector<std::byte>> outcome) {
  const auto found = graph.find(task);  // of others only the tasks of this graph know
  if (found == graph.end()) return;
  const FuturePtr future = found->second.lock();
  if (!future || future->stage == FutureStage::kDone) return;
  future->outcome = std::move(outcome);
  finish(*future);
}

void Futures::on_over(std::uint32_t graph, const std::optional<Error>& failure) {
  const std::lock_guard lock(mutex_);
  if (engine_ == nullptr) return;
  if (graphs_.contains(graph)) {
    end(graph, failure);
  } else {
    early_[graph].over = true;
    early_[graph].failure = failure;
  }
}

void Futures::end(std::uint32_t graph, const std::optional<Error>& failure) {
  const auto over = graphs_.extract(graph);
  for (const auto& [task, weak] : over.mapped()) {
    const FuturePtr future = weak.lock();
    if (!future) continue;
    if (failure && !future->outcome && !future->failure) {
      finish(*future, *failure);  // also a result that was made: it is gone from its rank
    }
  }
  changed_.notify_all();
}

void Futures::finish(FutureState& future) {
  if (future.stage == FutureStage::kStarted) {
    --unfinished_[static_cast<std::size_t>(future.home)];
  }
  if (future.stage != FutureStage::kDone) future.order = ++done_;
  future.stage = FutureStage::kDone;
  changed_.notify_all();
}

void Futures::finish(FutureState& future, const Error& failure) {
  future.failure = failure;
  finish(future);
}

// --- what users ask ---

void Futures::wait(std::span<const FuturePtr> futures, bool all) {
  start_all();
  constexpr std::chrono::milliseconds kBetweenLooks{50};
  const auto done = [](const FuturePtr& future) { return future->stage == FutureStage::kDone; };
  std::optional<Stopwatch> since_signal;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kBetweenLooks, [&] {
    return all ? std::all_of(futures.begin(), futures.end(), done)
               : std::any_of(futures.begin(), futures.end(), done);
  })) {
    if (engine_ != nullptr) engine_->heed_signals(since_signal);
  }
}

bool Futures::is_done(const FutureState& future) {
  const std::lock_guard lock(mutex_);
  return future.stage == FutureStage::kDone;
}

std::uint64_t Futures::done_order(const FutureState& future) {
  const std::lock_guard lock(mutex_);
  return future.order;
}

// A task that was not started is not, unless another one takes its result.
bool Futures::cancel(FutureState& future) {
  const std::lock_guard lock(mutex_);
  if (future.stage == FutureStage::kDone) return false;
  const bool started = future.stage == FutureStage::kStarted;
  finish(future, cancelled());
  std::erase_if(pending_, [&](const FuturePtr& one) {
    if (one.get() != &future) return false;
    future.arena.reset();
    return true;
  });
  const auto graph = started ? graphs_.find(future.graph) : graphs_.end();
  if (graph == graphs_.end()) return true;
  const bool wanted =
      std::any_of(graph->second.begin(), graph->second.end(), [](const auto& entry) {
        const FuturePtr other = entry.second.lock();
        return other && !(other->failure && other->stage == FutureStage::kDone);
      });
  if (!wanted && engine_ != nullptr) engine_->cancel(graph->first, cancelled());
  return true;
}

std::vector<std::vector<std::byte>> Futures::outcomes(std::span<const FuturePtr> futures) {
  wait(futures, true);
  fetch(futures);
  const std::lock_guard lock(mutex_);
  std::vector<std::vector<std::byte>> outcomes;
  for (const FuturePtr& future : futures) {
    outcomes.push_back(future->failure ? kernels::failed_outcome(*future->failure)
                                       : *future->outcome);
  }
  return outcomes;
}

// Brings the results that are done and not known here, in one graph.
void Futures::fetch(std::span<const FuturePtr> futures) {
  api::TaskGraph tasks;
  tasks.collects_futures = true;
  {
    const std::lock_guard lock(mutex_);
    for (const FuturePtr& future : futures) {
      if (!future->outcome && !future->failure) tasks.futures.push_back(future);
    }
    std::sort(tasks.futures.begin(), tasks.futures.end());
    tasks.futures.erase(std::unique(tasks.futures.begin(), tasks.futures.end()),
                        tasks.futures.end());
    if (tasks.futures.empty()) return;
    require_open();
    locate(tasks);
  }
  GraphOutcome outcome = launcher_->wait(start(tasks, false, 0));
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < tasks.futures.size(); ++i) {
    if (outcome.failure) {
      tasks.futures[i]->failure = outcome.failure;
    } else {
      tasks.futures[i]->outcome = std::move(outcome.results[i]);
    }
  }
}

void Futures::on_dropped(const FutureState& future) noexcept {
  if (future.graph == 0) return;
  releases_->add_value({future.graph, graph::HeldName::kTaskSlot, future.task}, future.home);
}

}  // namespace rankine::session
