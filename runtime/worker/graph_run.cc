#include "runtime/worker/graph_run.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/base/current_error.h"
#include "runtime/base/stop_signals.h"
#include "runtime/plan/pieces.h"
#include "runtime/protocol/order_key.h"
#include "runtime/worker/chunk_names.h"
#include "runtime/worker/pack_piece.h"
#include "runtime/worker/stall.h"

namespace rankine::worker {
namespace {

using protocol::Kind;

// The promise of memory counts on these.
static_assert(plan::kPackets * plan::kPacketBytes > protocol::kEagerWindow);
static_assert(plan::kPacketBytes >= static_cast<std::int64_t>(collectives::kPacketLimit));

// Chunks of moved tasks go as they are held.
constexpr auto weigh = [](const graph::ChunkId&, const HeldChunk& held, int) {
  return static_cast<std::int64_t>(held.buffer->size());
};

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
                                              std::move(installation.salvage));
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

SharedBuffer GraphRun::piece_for(const ChunkName& name, int to) {
  if (protocol::is_moved(name)) return steal_.outgoing(name);
  const graph::ChunkId chunk = id_of(name);
  const SharedBuffer& bytes = board_.input(chunk);
  if (bytes->size() == 0) return bytes;
  return pack_piece(*topology_, chunk, plan::piece_on(*topology_, placement_, chunk, to), bytes,
                    pool_);
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
      steal_.finish(taken.task, taken.outputs, desk(), weigh);
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

void GraphRun::send_off() {
  const std::lock_guard lock(state_);
  carry_out();
}

// Whatever there is to do follows a change, or the clock.
bool GraphRun::turn() {
  const bool moved = !transfers_.empty() && advance_transfers();
  const TickCounter::Ticks now = TickCounter::now();
  if (changes_.load(std::memory_order_acquire) == seen_changes_ && now < next_turn_) return moved;
  next_turn_ = now + between_turns_;
  if (communicator_.rank() == 0 && !interrupted_ && StopSignals::received() != 0) {
    interrupted_ = true;
    fail(stopped_by_signal());
  }
  {
    const std::lock_guard lock(state_);
    carry_out();
    seen_changes_ = changes_.load(std::memory_order_relaxed);
    if (to_keep_.empty()) tell();
  }
  if (!to_keep_.empty()) {
    keep_returned();
    const std::lock_guard lock(state_);
    tell();
  }
  if (!to_unspill_.empty()) send_spilled();
  return moved;
}

void GraphRun::on_message(int from, const Message& message, std::span<const std::byte> payload) {
  if (message.kind == Kind::kFinish) {
    finished_ = true;
    return;
  }
  const std::lock_guard lock(state_);
  note_change();
  if (message.kind == Kind::kAbort) {
    board_.stop_admitting();
    reactor_.on_abort();
    steal_.on_abort(desk());
    return;
  }
  if (message.kind == Kind::kAsk) return answer_ask(message);
  if (message.kind == Kind::kFrontier) {
    board_.admission()->set_frontier(protocol::key_of(message));
    return pull_admitted();
  }
  if (message.kind == Kind::kCountQuery) {
    carry_out();      // what was received must be answered before it is counted,
    send_failures();  // and no failure may come after the last count
    Message reply;
    reply.kind = Kind::kCountReply;
    reply.round = message.round;
    reply.first = reactor_.messages_sent();
    reply.second = reactor_.messages_received();
    reply.idle =
        board_.idle() && steal_.idle(board_) && transfers_.empty() && to_unspill_.empty() ? 1 : 0;
    send(from, reply, {});
    return;
  }
  if (message.kind == Kind::kEager) {
    SharedBuffer buffer = pool_.allocate_shared(payload.size());
    std::memcpy(buffer->data(), payload.data(), payload.size());
    totals_.bytes_received += message.bytes;
    arrived_.emplace_back(message.chunk, with_part(message.chunk, std::move(buffer)));
  }
  reactor_.on_message(from, message, outbox_);
  steal_.on_message(from, message, desk(), weigh);
  if (admitted_) pull_admitted();
}

bool GraphRun::advance_transfers() {
  bool moved = false;
  for (std::size_t i = 0; i < transfers_.size();) {
    Transfer& transfer = transfers_[i];
    if (!communicator_.test(transfer.request)) {
      ++i;
      continue;
    }
    moved = true;
    HeldChunk here;
    const auto bytes = static_cast<std::int64_t>(transfer.buffer->size());
    if (!transfer.outgoing) {
      here = received(transfer.chunk, std::exchange(transfer.buffer, nullptr));
    }
    const std::lock_guard lock(state_);
    note_change();
    if (transfer.outgoing) {
      reactor_.on_bulk_sent(transfer.peer, transfer.chunk, outbox_);
    } else {
      totals_.bytes_received += bytes;
      arrived_.emplace_back(transfer.chunk, std::move(here));
      reactor_.on_bulk_received(transfer.peer, transfer.chunk, outbox_);
    }
    std::swap(transfers_[i], transfers_.back());
    transfers_.pop_back();
  }
  return moved;
}

// Receives are posted before the pulls that call for them; an eager chunk is copied into its packet
// before it may be unpinned.
void GraphRun::carry_out() {
  do {
    carry_out_once();
  } while (settle_returned());
}

void GraphRun::carry_out_once() {
  reactor_.give_back(board_.nothing_left(), outbox_);
  for (const Outbox::PostReceive& post : outbox_.receives) {
    SharedBuffer buffer = pool_.allocate_shared(static_cast<std::size_t>(post.bytes));
    auto request = communicator_.async_receive(post.from, post.tag, buffer->bytes());
    transfers_.push_back({std::move(request), post.from, post.chunk, buffer, false});
  }
  for (const Outbox::Send& item : outbox_.sends) {
    if (item.message.kind == Kind::kEager) {
      const SharedBuffer buffer = piece_for(item.message.chunk, item.to);
      totals_.bytes_sent += item.message.bytes;
      send(item.to, item.message, std::as_const(*buffer).bytes());
    } else {
      send(item.to, item.message, {});
    }
  }
  for (const Outbox::PostSend& post : outbox_.bulk_sends) {
    const bool moved = protocol::is_moved(post.chunk);
    if (auto spilled = moved ? nullptr : board_.held(id_of(post.chunk)).spilled) {
      to_unspill_.push_back({post, std::move(spilled)});
      continue;
    }
    SharedBuffer buffer = piece_for(post.chunk, post.to);
    totals_.bytes_sent += static_cast<std::int64_t>(buffer->size());
    auto request = communicator_.async_send(post.to, post.tag, std::as_const(*buffer).bytes());
    transfers_.push_back({std::move(request), post.to, post.chunk, buffer, true});
  }
  for (const ChunkName& chunk : outbox_.delivered) {
    if (arrived_.empty() || arrived_.front().first != chunk) {
      throw std::logic_error("chunks are delivered in another order than they arrive");
    }
    HeldChunk here = std::move(arrived_.front().second);
    arrived_.pop_front();
    if (protocol::is_moved(chunk)) {
      steal_.deliver(chunk, std::move(here.buffer));
    } else {
      board_.put(id_of(chunk), std::move(here), false);
    }
  }
  for (const ChunkName& chunk : outbox_.unpinned) {
    if (protocol::is_moved(chunk)) {
      steal_.unpin(chunk);
    } else {
      board_.unpin(id_of(chunk));
    }
  }
  if (!outbox_.delivered.empty() || !outbox_.unpinned.empty()) note_change();
  outbox_.clear();
  if (admitted_) pull_admitted();
}

HeldChunk GraphRun::put_away(const graph::ChunkId& chunk, HeldChunk bytes) {
  if (!placement_.is_spilled(*topology_, {chunk.layer, chunk.output}) || is_void(bytes)) {
    return bytes;
  }
  bytes.spilled = spill_.write(std::as_const(*bytes.buffer).bytes());
  bytes.buffer.reset();
  return bytes;
}

HeldChunk GraphRun::with_part(const ChunkName& chunk, SharedBuffer buffer) const {
  HeldChunk held(std::move(buffer));
  if (protocol::is_moved(chunk)) return held;
  plan::Piece piece = plan::piece_on(*topology_, placement_, id_of(chunk), communicator_.rank());
  if (piece.part) held.part = std::make_shared<const Box>(*piece.part);
  return held;
}

// If the disk fails, the graph does, and what happens to the chunk until its end has no effect.
HeldChunk GraphRun::received(const ChunkName& chunk, SharedBuffer buffer) {
  HeldChunk held = with_part(chunk, std::move(buffer));
  if (protocol::is_moved(chunk)) return held;
  try {
    return put_away(id_of(chunk), held);
  } catch (Error& error) {
    fail(std::move(error));
    return held;
  }
}

// The other rank waits for the bytes whatever happens: if the disk fails it gets zeros, and the
// failure is told to rank 0 before the bytes can be.
void GraphRun::send_spilled() {
  for (const SpilledSend& waiting : std::exchange(to_unspill_, {})) {
    const graph::ChunkId chunk = id_of(waiting.post.chunk);
    const std::size_t size = size_of(topology_->output_dtype({chunk.layer, chunk.output}));
    const Box whole = topology_->output_box(chunk);
    const Box part =
        plan::piece_on(*topology_, placement_, chunk, waiting.post.to).part.value_or(whole);
    SharedBuffer packed = pool_.allocate_shared(static_cast<std::size_t>(part.size()) * size);
    try {
      waiting.chunk->read(size, whole, part, part, packed->data());
    } catch (Error& error) {
      std::memset(packed->data(), 0, packed->size());
      fail(std::move(error));
    }
    auto request =
        communicator_.async_send(waiting.post.to, waiting.post.tag, std::as_const(*packed).bytes());
    transfers_.push_back(
        {std::move(request), waiting.post.to, waiting.post.chunk, std::move(packed), true});
    const std::lock_guard lock(state_);
    totals_.bytes_sent += part.size() * static_cast<std::int64_t>(size);
  }
}

void GraphRun::send(int to, const Message& message, std::span<const std::byte> payload) {
  Message numbered = message;
  numbered.graph = number_;
  mail_.send(to, numbered, payload);
}

std::string GraphRun::story(const TaskId& marked) const {
  const TaskId task = plain(marked);
  const bool known =
      task.layer < topology_->layer_count() && task.position < topology_->task_count(task.layer);
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
