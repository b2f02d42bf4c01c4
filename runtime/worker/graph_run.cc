#include "runtime/worker/graph_run.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/base/current_error.h"
#include "runtime/plan/pieces.h"
#include "runtime/worker/chunk_names.h"
#include "runtime/worker/stall.h"

namespace rankine::worker {
namespace {

// The promise of memory counts on these.
static_assert(plan::kPackets * plan::kPacketBytes > protocol::kEagerWindow);
static_assert(plan::kPacketBytes >= static_cast<std::int64_t>(collectives::kPacketLimit));

// What a thread would keep for its next task counts as memory that others need.
void drop_scratch(TaskContext& context) {
  context.read_scratch = {};
  context.encode_scratch = {};
  context.encoded = std::vector<std::byte>();  // {} would keep the memory
  context.user = {};
}

}  // namespace

GraphRun::GraphRun(collectives::Communicator& communicator, Pool& pool, Mail& mail, HeldStore& held,
                   Installation installation, io::LogWriter* log, std::string scratch)
    : communicator_(communicator),
      pool_(pool),
      mail_(mail),
      held_(held),
      number_(installation.number),
      topology_(std::move(installation.topology)),
      placement_(std::move(installation.placement)),
      threads_(installation.threads),
      admitted_(installation.budget.bytes > 0),
      spill_(std::move(scratch)),
      board_(*topology_, placement_, communicator.rank(), std::move(installation.resources),
             admission_for(*topology_, placement_, communicator.rank(), installation.budget)),
      reactor_(communicator.rank(), communicator.size(), installation.number),
      steal_(*topology_, placement_, communicator.rank(), installation.threads) {
  reactor_.set_spilled(placement_.spilled_layers());
  if (admitted_) reactor_.ask_first();
  try {
    const graph::Graph& graph = topology_->graph();
    for (std::size_t i = 0; i < graph.datasets.size(); ++i) {
      readers_.push_back(
          std::make_unique<io::DatasetReader>(graph.datasets[i], std::move(installation.maps[i])));
    }
    user_tasks_ = std::make_unique<UserTasks>(*topology_, held_, communicator.rank(),
                                              installation.memory_bytes);
    if (communicator.rank() == 0) {
      for (const graph::Result& result : graph.results) {
        results_.emplace_back(static_cast<std::size_t>(volume(result.shape)) *
                              size_of(result.dtype));
      }
    }
  } catch (Error& error) {
    fail(std::move(error));
  } catch (const std::bad_alloc&) {
    fail(Error(ExitCode::kTaskFailed, "no memory for the results of this graph", {},
               "write them to a file with -o instead of printing them"));
  }
  if (log != nullptr) {
    journal_ = std::make_unique<GraphJournal>(*topology_, *log, installation.graph_hash,
                                              std::move(installation.salvage), installation.shard);
  }
  if (!readers_.empty() && readers_.size() == topology_->graph().datasets.size()) {
    ahead_ = std::make_unique<ReadAhead>(*topology_, placement_, communicator.rank(), threads_,
                                         readers_);
  }
  executor_ = std::make_unique<Executor>(*topology_, number_, readers_, user_tasks_.get(),
                                         journal_.get(), results_, held_, pool_, ahead_.get());
}

// O(values of earlier graphs that are at home here).
void GraphRun::ask_for_held() {
  for (std::uint32_t layer = 0; layer < topology_->layer_count(); ++layer) {
    if (!topology_->is_held(layer)) continue;
    const auto ask = [&](std::int64_t position) {
      const TaskId task{layer, position};
      held_.ask(topology_->held_name(task), shared_from_this(), task);
    };
    const graph::Kind& kind = topology_->graph().layers[layer].kind;
    if (const auto* values = std::get_if<graph::HeldValues>(&kind)) {
      for (std::size_t i = 0; i < values->size(); ++i) {
        if (values->homes[i] == communicator_.rank()) ask(static_cast<std::int64_t>(i));
      }
      continue;
    }
    const Interval range = placement_.range(*topology_, layer, communicator_.rank());
    for (std::int64_t i = range.lo; i < range.hi; ++i) {
      ask(placement_.position_at(*topology_, layer, i));
    }
  }
}

void GraphRun::feed(const TaskId& task, SharedBuffer value) {
  const std::lock_guard lock(state_);
  note_change();
  fed_.emplace(task, std::move(value));
  board_.admit(task);
}

bool GraphRun::failed() const {
  const std::lock_guard lock(state_);
  return reactor_.aborting();
}

void GraphRun::fail(Error error) {
  const std::lock_guard lock(state_);
  note_change();
  board_.stop_admitting();
  failures_.push_back(std::move(error));
}

void GraphRun::take(TaskContext& context) {
  if (context.fruitless == Fruitless{number_, changes_.load(std::memory_order_acquire)}) return;
  const std::lock_guard lock(state_);
  take_next(context);
}

// Null if it is not a user's, or if somebody waits for each result by itself.
const graph::UserFunction* GraphRun::function_of(const TaskId& task) const {
  if (is_taken(task)) return nullptr;
  const graph::Kind& kind = topology_->graph().layers[task.layer].kind;
  if (const auto* grid = std::get_if<graph::Grid>(&kind)) return &grid->function;
  const auto* tasks = std::get_if<graph::Explicit>(&kind);
  return tasks == nullptr || tasks->holds_results
             ? nullptr
             : &tasks->function(static_cast<std::size_t>(task.position));
}

// With one thread nobody else wants the lock.
std::size_t GraphRun::how_many(const TaskContext& context) const {
  if (threads_ == 1 || admitted_ || context.pace.graph != number_) return 1;
  const auto each = static_cast<std::size_t>(board_.queued() / threads_);
  const auto short_ones =
      static_cast<std::size_t>(together_ / std::max<TickCounter::Ticks>(1, context.pace.ticks));
  return std::clamp<std::size_t>(std::min(each, short_ones), 1, TaskContext::kMostTogether);
}

// A task of another function, or of none, is never taken along with others: the memory bounds count
// on as many tasks as threads, and short ones take next to none.
void GraphRun::keep_one_kind(TaskContext& context) {
  if (context.count == 1) return;
  board_.put_back(context.taken[--context.count].task);
}

void GraphRun::take_next(TaskContext& context) {
  context.count = 0;
  for (std::size_t left = how_many(context); left > 0; --left) {
    std::optional<TaskId> task = board_.next();
    const bool own = task.has_value();
    if (!own && context.count == 0) task = steal_.next(board_);
    if (!task) break;
    TakenTask& taken = context.taken[context.count++];
    taken.task = *task;
    if (own) board_.find_inputs(*task, taken.inputs);
    if (left > 1 && function_of(*task) != context.pace.function) {
      keep_one_kind(context);
      break;
    }
  }
  if (context.count == 0) {
    context.fruitless = {number_, changes_.load(std::memory_order_relaxed)};
  }
}

// One task, or several of one function that should be short, as those before them were. Once they
// take longer than they should, those that are done are settled and the others given back.
bool GraphRun::run(TaskContext& context, NoteTask note) {
  const TickCounter::Ticks start = TickCounter::now();
  TickCounter::Ticks now = start;
  std::size_t done = 0;
  while (done < context.count && (done == 0 || now - start <= 2 * together_)) {
    TakenTask& taken = context.taken[done++];
    note(taken.task);
    run_task(taken, context);
    const TickCounter::Ticks end = TickCounter::now();
    context.pace.note(number_, function_of(taken.task), end - std::exchange(now, end));
  }
  bool pressing = false;
  {
    const std::lock_guard lock(state_);
    for (std::size_t i = done; i < context.count; ++i) board_.put_back(context.taken[i].task);
    settle(std::span(context.taken).first(done), context);
    pressing = !outbox_.sends.empty();
    context.shrink();
    take_next(context);
  }
  context.unused.clear();
  return pressing;
}

const HeldChunk& GraphRun::find_chunk(const graph::ChunkId& chunk, TaskInputs& inputs) {
  if (const HeldChunk* held = inputs.find(chunk)) return *held;
  const std::lock_guard lock(state_);
  return board_.held(chunk);
}

const HeldChunk& GraphRun::find_taken(const TaskId& task, const graph::ChunkId& chunk) {
  const std::lock_guard lock(state_);
  return steal_.input(task, chunk);
}

void GraphRun::run_task(TakenTask& taken, TaskContext& context) {
  const TaskId task = plain(taken.task);
  if (topology_->is_held(task.layer)) {
    {
      const std::lock_guard lock(state_);
      taken.outputs.push_back(
          {{task.layer, 0, task.position}, std::move(fed_.extract(task).mapped())});
    }
    find_users(taken);
  } else {
    const std::int64_t aside = admitted_ ? board_.admission()->scratch_bytes(task.layer) : 0;
    if (admitted_) pool_.set_aside(aside);
    compute(task, taken, context);
    if (admitted_) {
      drop_scratch(context);
      pool_.set_aside(-aside);
    }
  }
}

void GraphRun::find_users(TakenTask& taken) const {
  while (taken.users.size() < taken.outputs.size()) taken.users.emplace_back();
  for (std::size_t i = 0; i < taken.outputs.size(); ++i) {
    board_.find_users(taken.outputs[i].chunk, taken.users[i]);
  }
}

void GraphRun::compute(const TaskId& task, TakenTask& taken, TaskContext& context) {
  const bool away = is_taken(taken.task);
  const auto find = [&](const graph::ChunkId& chunk) -> const HeldChunk& {
    return away ? find_taken(taken.task, chunk) : find_chunk(chunk, taken.inputs);
  };
  std::optional<Error> failure;
  try {
    executor_->run(task, find, context, away);
    taken.outputs.swap(context.outputs);
    if (!away) find_users(taken);  // may call a user's code, too
    if (!placement_.layer(task.layer).spilled) return;
    const Stopwatch write;
    for (Output& output : taken.outputs) {
      output.bytes = put_away(output.chunk, std::move(output.bytes));
    }
    context.times.write_s += write.seconds();
    return;
  } catch (Error& error) {
    failure = std::move(error);
  } catch (const std::bad_alloc&) {
    failure = Error(ExitCode::kTaskFailed, "a task ran out of memory", {},
                    "use fewer threads or smaller chunks");
  } catch (...) {
    failure = current_error();
  }
  if (failure->task_story.empty()) failure->task_story = executor_->story(task);
  if (!failure->task_story.empty() && communicator_.size() > 1) {
    failure->task_story += ", rank " + std::to_string(communicator_.rank());
  }
  context.outputs.clear();
  taken.outputs.clear();
  fail(std::move(*failure));
}

void GraphRun::settle(std::span<TakenTask> done, TaskContext& context) {
  if (done.empty()) return;
  totals_.times += std::exchange(context.times, {});
  const io::ReadStats read = std::exchange(context.read_stats, {});
  totals_.bytes_read += read.bytes_read;
  totals_.bytes_ahead += read.bytes_ahead;
  for (TakenTask& taken : done) {
    if (is_taken(taken.task)) {
      steal_.finish(taken.task, taken.outputs, desk(), weigh_as_held);
    } else {
      put_down(taken.task, taken.outputs, taken.users);
      board_.complete(taken.task, taken.inputs, context.unused);
      if (admitted_) pull_admitted();
    }
    taken.outputs.clear();
  }
  note_change();
}

void GraphRun::put_down(const TaskId& task, std::vector<Output>& outputs,
                        const std::vector<Users>& users) {
  const auto* tasks = std::get_if<graph::Explicit>(&topology_->graph().layers[task.layer].kind);
  const bool holds = tasks != nullptr && tasks->holds_results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Output& output = outputs[i];
    if (holds) made_.push_back(output);
    const bool nothing = journal_ && is_void(output.bytes);
    const std::int64_t whole_bytes = output.bytes.spilled
                                         ? topology_->output_bytes(output.chunk)
                                         : static_cast<std::int64_t>(output.bytes.buffer->size());
    board_.put(output.chunk, std::move(output.bytes), users[i]);
    const std::vector<int>& elsewhere = users[i].elsewhere.ranks();
    if (elsewhere.empty()) continue;
    if (!topology_->is_read_in_parts({output.chunk.layer, output.chunk.output})) {
      reactor_.on_output(name_of(output.chunk), whole_bytes, elsewhere, outbox_);
      continue;
    }
    for (const plan::Piece& piece :
         plan::pieces_elsewhere(*topology_, placement_, output.chunk, communicator_.rank())) {
      // The result of a user's task has whatever length it has.
      const std::int64_t bytes =
          piece.part && !nothing ? plan::piece_bytes(*topology_, output.chunk, piece) : whole_bytes;
      reactor_.on_output(name_of(output.chunk), bytes, std::span(&piece.rank, 1), outbox_);
    }
  }
}

std::string GraphRun::story(const TaskId& marked) const {
  const TaskId task = plain(marked);
  const bool known = task.layer < topology_->layer_count() && task.position >= 0 &&
                     task.position < topology_->task_count(task.layer);
  return known ? executor_->story(task) : "a task";
}

std::string GraphRun::describe() const {
  const std::lock_guard lock(state_);
  return explain_stall(*topology_, placement_, board_, reactor_) + steal_.describe();
}

void GraphRun::check_over() const {
  const std::lock_guard lock(state_);
  reactor_.sanity_check();
  steal_.sanity_check(board_);
  const bool charged = admitted_ && board_.admission()->charged_bytes() != 0;
  if (!transfers_.empty() || !to_unspill_.empty() || !reactor_.quiet() || !steal_.quiet() ||
      (!reactor_.aborting() && (!board_.empty() || charged))) {
    throw std::logic_error("something is left of a finished graph:\n" + board_.describe() +
                           reactor_.describe() + steal_.describe());
  }
}

RunTotals GraphRun::totals() const {
  const std::lock_guard lock(state_);
  RunTotals totals = totals_;
  totals.tasks_run = board_.tasks_run();
  totals.tasks_stolen = steal_.over_here();
  totals.bytes_spilled = spill_.bytes_written();
  return totals;
}

}  // namespace rankine::worker
