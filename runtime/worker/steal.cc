#include "runtime/worker/steal.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/graph/story.h"
#include "runtime/plan/pieces.h"
#include "runtime/plan/task_memory.h"

namespace rankine::worker {
namespace {

using protocol::Kind;
using protocol::Wants;

constexpr std::int64_t kNotRun = -1;

constexpr const char* kWants[] = {"wants none", "wants some soon", "wants some"};
constexpr const char* kStates[] = {"waits", "is ready", "runs", "is over"};

ChunkName name_of(const TaskId& task, std::uint32_t mark, std::size_t number) {
  return {task.layer, protocol::kMovedMark | mark | static_cast<std::uint32_t>(number),
          task.position};
}
TaskId task_of(const ChunkName& name) { return {name.layer, name.position}; }
std::uint32_t number_of(const ChunkName& name) {
  return name.output & ~(protocol::kMovedMark | protocol::kResultMark);
}
bool is_result(const ChunkName& name) { return (name.output & protocol::kResultMark) != 0; }

Message about(Kind kind, const TaskId& task) {
  Message message;
  message.kind = kind;
  message.chunk = {task.layer, 0, task.position};
  return message;
}

}  // namespace

Steal::Steal(const graph::Topology& topology, const plan::Placement& placement, int rank,
             int threads, StealRules rules)
    : topology_(topology),
      placement_(placement),
      rank_(rank),
      threads_(threads),
      rules_(rules) {
  between_ns_ = std::max(rules.between_ns, placement.ranks() * rules.between_each_ns);
  next_word_ns_ = between_ns_;
  if (!placement.moves() || placement.ranks() == 1) return;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    moves_.push_back(plan::layer_moves(topology, placement, layer));
    feeds_tree_.push_back(plan::feeds_tree(topology, layer));
    on_ = on_ || moves_.back();
  }
}

// --- home ---

std::vector<graph::ChunkId> Steal::inputs_of(const TaskId& task) const {
  std::vector<graph::ChunkId> names;
  topology_.for_each_input(task, [&](const graph::ChunkId& chunk) {
    if (std::find(names.begin(), names.end(), chunk) == names.end()) names.push_back(chunk);
  });
  return names;
}

// A user's task goes only where its function may run; one that takes countable things stays where
// they are counted.
bool Steal::may_lend(const TaskId& task, int thief, const Board& board) const {
  if (!moves_[task.layer]) return false;
  if (const auto* tasks =
          std::get_if<graph::Explicit>(&topology_.graph().layers[task.layer].kind)) {
    const graph::UserFunction& function = tasks->function(static_cast<std::size_t>(task.position));
    const auto& ranks = function.ranks;
    if (!function.resources.empty()) return false;
    if (!ranks.empty() && !std::binary_search(ranks.begin(), ranks.end(), thief)) return false;
  }
  const std::int64_t count = topology_.count_inputs(task);
  if (count > plan::kMovedInputs || (count > 0 && feeds_tree_[task.layer])) return false;
  std::int64_t bytes = 0;
  for (const graph::ChunkId& chunk : inputs_of(task)) {
    const HeldChunk& held = board.held(chunk);
    if (held.spilled) return false;
    bytes += plan::pool_block(static_cast<std::int64_t>(held.buffer->size()));
  }
  return bytes <= plan::kMovedInputBytes;
}

std::int64_t Steal::lendable(const Board& board) const {
  if (!on_ || aborting_ || refused_ || board.stopped()) return 0;
  const auto away = static_cast<std::int64_t>(board.away().size());
  return away >= plan::lent_tasks(threads_) ? 0 : board.queued();
}

std::int64_t Steal::work_ns(std::int64_t queued) const {
  return static_cast<std::int64_t>(static_cast<double>(queued) * static_cast<double>(task_ns_) /
                                   threads_);
}

bool Steal::worth_it(std::int64_t queued) const {
  return queued > 0 && task_ns_ >= rules_.least_task_ns && work_ns(queued) >= rules_.least_work_ns;
}

// Much while there is much, at the end one by one.
std::int64_t Steal::to_give(const Message& ask, const Board& board) const {
  const std::int64_t queued = lendable(board);
  if (!worth_it(queued)) return 0;
  constexpr std::int64_t kShare = 8;
  const std::int64_t free =
      plan::lent_tasks(threads_) - static_cast<std::int64_t>(board.away().size());
  return std::min({std::max<std::int64_t>(1, queued / kShare), std::int64_t{ask.round}, free});
}

Message Steal::on_ask(const Message& ask, const Desk& desk) {
  const auto thief = static_cast<int>(ask.first);
  std::int64_t given = 0;
  for (std::int64_t left = to_give(ask, desk.board); left > 0; --left) {
    const auto task = desk.board.lend(
        [&](const TaskId& candidate) { return may_lend(candidate, thief, desk.board); });
    if (!task) break;
    give(*task, thief, desk);
    ++given;
  }
  constexpr std::int64_t kMostPatience = 1024;
  patience_ = given > 0 ? 1 : std::min(2 * patience_, kMostPatience);
  barren_ = given > 0 ? -1 : desk.board.tasks_run();
  Message answer;
  answer.kind = Kind::kGave;
  answer.chunk.output = static_cast<std::uint32_t>(thief);
  answer.chunk.layer = static_cast<std::uint32_t>(given);
  return answer;
}

void Steal::give(const TaskId& task, int thief, const Desk& desk) {
  lent_.emplace(task, Lent{thief});
  desk.reactor.send(thief, about(Kind::kGive, task), desk.outbox);
}

void Steal::on_take(int from, const Message& message, const Desk& desk, Weigh weigh) {
  const TaskId task{message.chunk.layer, message.chunk.position};
  if (!lent_.contains(task)) throw std::logic_error("a task is taken that was not given");
  if (aborting_) return;
  const std::vector<graph::ChunkId> inputs = inputs_of(task);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const HeldChunk& held = desk.board.held(inputs[i]);
    const ChunkName name = name_of(task, 0, i);
    outgoing_.emplace(name, held.buffer);
    desk.reactor.on_output(name, weigh(inputs[i], held, rank_), std::span(&from, 1), desk.outbox);
  }
}

void Steal::on_return(const Message& message, const Desk& desk) {
  const TaskId task{message.chunk.layer, message.chunk.position};
  const auto found = lent_.find(task);
  if (found == lent_.end()) throw std::logic_error("a task returns that was not given");
  if (message.first == kNotRun) {
    refused_ = true;
    lent_.erase(found);
    return desk.board.bring_back(task);
  }
  Lent& lent = found->second;
  lent.over = true;
  lent.outputs = message.first;
  const bool complete = static_cast<std::int64_t>(lent.made.size()) == lent.outputs;
  if (!complete && !aborting_) return;
  returned_.push_back({task, complete ? std::move(lent.made) : std::vector<Output>()});
  lent_.erase(found);
}

void Steal::note_settled(const TaskId& task, Board& board) {
  board.complete_away(task);
  ++over_elsewhere_;
}

// --- thief ---

void Steal::on_give(int from, const Message& message, const Desk& desk) {
  const TaskId task{message.chunk.layer, message.chunk.position};
  ++gives_seen_;
  told_wants_ = Wants::kNothing;
  if (aborting_ || desk.board.stopped() || room() < 1) {
    return send_return(from, task, kNotRun, desk);
  }
  Taken taken{from, State::kAwaitsInputs, inputs_of(task), {}, 0};
  taken.missing = taken.names.size();
  taken.inputs.resize(taken.missing);
  const auto [entry, fresh] = taken_.emplace(task, std::move(taken));
  if (!fresh) throw std::logic_error("a task is given twice");
  desk.reactor.send(from, about(Kind::kTake, task), desk.outbox);
  if (entry->second.missing == 0) set_ready(task, entry->second);
}

void Steal::set_ready(const TaskId& task, Taken& taken) {
  taken.state = State::kReady;
  ready_.insert(ready_.begin(), task);
}

std::optional<TaskId> Steal::next(const Board& board) {
  if (!can_start(board)) return std::nullopt;
  const TaskId task = ready_.back();
  ready_.pop_back();
  taken_.at(task).state = State::kRuns;
  ++running_;
  return TaskId{task.layer | kTakenMark, task.position};
}

const HeldChunk& Steal::input(const TaskId& task, const graph::ChunkId& chunk) const {
  const Taken& taken = taken_.at(plain(task));
  const auto found = std::find(taken.names.begin(), taken.names.end(), chunk);
  if (found == taken.names.end()) throw std::logic_error("a task reads what it did not bring");
  return taken.inputs[static_cast<std::size_t>(found - taken.names.begin())];
}

void Steal::finish(const TaskId& marked, const std::vector<Output>& outputs, const Desk& desk,
                   Weigh weigh) {
  const TaskId task = plain(marked);
  Taken& taken = taken_.at(task);
  --running_;
  taken.state = State::kReturns;
  taken.inputs.clear();
  if (!aborting_) taken.outputs = static_cast<std::int64_t>(outputs.size());
  send_return(taken.home, task, taken.outputs, desk);
  if (taken.outputs == 0) return close(task);
  const int home = taken.home;
  for (const Output& output : outputs) {
    const ChunkName name = name_of(task, protocol::kResultMark, output.chunk.output);
    outgoing_.emplace(name, output.bytes.buffer);
    desk.reactor.on_output(name, weigh(output.chunk, output.bytes, home), std::span(&home, 1),
                           desk.outbox);
  }
}

void Steal::send_return(int home, const TaskId& task, std::int64_t outputs, const Desk& desk) {
  Message message = about(Kind::kReturn, task);
  message.first = outputs;
  desk.reactor.send(home, message, desk.outbox);
}

void Steal::close(const TaskId& task) {
  taken_.erase(task);
  ++over_here_;
}

// --- both ---

void Steal::on_message(int from, const Message& message, const Desk& desk, Weigh weigh) {
  if (message.kind == Kind::kGive) on_give(from, message, desk);
  if (message.kind == Kind::kTake) on_take(from, message, desk, weigh);
  if (message.kind == Kind::kReturn) on_return(message, desk);
}

// Of a task that is gone only while the graph is given up.
void Steal::deliver(const ChunkName& name, SharedBuffer buffer) {
  const TaskId task = task_of(name);
  if (is_result(name)) {
    const auto found = lent_.find(task);
    if (found == lent_.end()) return;
    Lent& lent = found->second;
    lent.made.push_back({{name.layer, number_of(name), name.position}, std::move(buffer)});
    if (!lent.over || static_cast<std::int64_t>(lent.made.size()) < lent.outputs) return;
    returned_.push_back({task, std::move(lent.made)});
    lent_.erase(found);
    return;
  }
  const auto found = taken_.find(task);
  if (found == taken_.end()) return;
  Taken& taken = found->second;
  const std::size_t number = number_of(name);
  const graph::ChunkId& chunk = taken.names[number];
  HeldChunk held(std::move(buffer));
  // As the home of the task has it: whole if it was made there, else what the tasks there read.
  if (placement_.home(topology_, chunk.task()) != taken.home) {
    const plan::Piece piece = plan::piece_on(topology_, placement_, chunk, taken.home);
    if (piece.part) held.part = std::make_shared<const Box>(*piece.part);
  }
  taken.inputs[number] = std::move(held);
  if (--taken.missing == 0) set_ready(task, taken);
}

void Steal::unpin(const ChunkName& name) {
  if (outgoing_.erase(name) == 0) throw std::logic_error("a chunk left that was not sent");
  if (!is_result(name)) return;
  Taken& taken = taken_.at(task_of(name));
  if (--taken.outputs == 0) close(task_of(name));
}

void Steal::on_abort(const Desk& desk) {
  aborting_ = true;
  ready_.clear();
  for (auto entry = taken_.begin(); entry != taken_.end();) {
    const State state = entry->second.state;
    if (state == State::kRuns || state == State::kReturns) {
      ++entry;
      continue;
    }
    send_return(entry->second.home, entry->first, kNotRun, desk);
    entry = taken_.erase(entry);
  }
  for (auto entry = lent_.begin(); entry != lent_.end();) {
    if (!entry->second.over) {
      ++entry;
      continue;
    }
    returned_.push_back({entry->first, {}});
    entry = lent_.erase(entry);
  }
}

bool Steal::idle(const Board& board) const {
  return running_ == 0 && !can_start(board) && returned_.empty();
}

// --- what rank 0 hears ---

// Single tasks differ, so what was measured of few moves the mean by a part.
void Steal::measure(std::int64_t tasks, std::int64_t ns) {
  constexpr std::int64_t kMany = 8;
  if (tasks <= 0) return;
  const std::int64_t mean = ns / tasks;
  const bool first = std::exchange(measured_, true);
  task_ns_ += first && tasks < kMany ? (mean - task_ns_) * tasks / kMany : mean - task_ns_;
}

std::int64_t Steal::room() const {
  return plan::taken_tasks(threads_) - static_cast<std::int64_t>(taken_.size());
}

// A rank whose own tasks are away wants none: tasks would go in circles.
Wants Steal::wants(const Board& board) const {
  if (!on_ || aborting_ || board.stopped() || !lent_.empty() || room() < 1) return Wants::kNothing;
  if (rank_ < placement_.first_worker() || board.queued() > 0 || !ready_.empty()) {
    return Wants::kNothing;
  }
  if (static_cast<std::int64_t>(taken_.size()) > running_) {  // some come or go
    const bool comes = std::any_of(taken_.begin(), taken_.end(), [](const auto& entry) {
      return entry.second.state == State::kAwaitsInputs;
    });
    if (comes) return Wants::kNothing;
  }
  const auto running = static_cast<std::int64_t>(board.running().size()) + running_;
  if (running < threads_) return Wants::kNow;
  return task_ns_ >= rules_.least_task_ns ? Wants::kSoon : Wants::kNothing;
}

std::optional<std::int64_t> Steal::will_want_ns(const Board& board) const {
  if (!on_ || aborting_ || wants(board) <= told_wants_) return std::nullopt;
  return next_word_ns_;
}

bool Steal::has_news(const Board& board, std::int64_t now_ns) const {
  if (!on_ || aborting_ || now_ns < next_word_ns_) return false;
  if (wants(board) > told_wants_) return true;
  const std::int64_t queued = lendable(board);
  if (!worth_it(queued) || board.tasks_run() == barren_) return false;
  return told_queued_ == 0 || queued <= told_queued_ / 2 || queued / 2 >= told_queued_;
}

void Steal::tell(Message& state, const Board& board, std::int64_t now_ns) {
  if (!on_) return;
  told_wants_ = wants(board);
  const std::int64_t queued = lendable(board);
  told_queued_ = worth_it(queued) && board.tasks_run() != barren_ ? queued : 0;
  next_word_ns_ = now_ns + between_ns_ * patience_;
  state.idle = static_cast<std::uint32_t>(told_wants_);
  state.round = static_cast<std::uint32_t>(std::max<std::int64_t>(0, room()));
  state.chunk.position = gives_seen_;
  if (state.kind == Kind::kProgress) return;  // it has nothing to give
  state.second = (told_queued_ + threads_ - 1) / threads_;
  state.bytes = told_queued_ > 0 ? std::max<std::int64_t>(1, work_ns(told_queued_)) : 0;
}

void Steal::sanity_check(const Board& board) const {
  bool right = lent_.size() + returned_.size() == board.away().size();
  for (const TaskId& task : board.away()) {
    const bool back = std::any_of(returned_.begin(), returned_.end(),
                                  [&](const Returned& one) { return one.task == task; });
    right = right && (lent_.contains(task) != back);
  }
  for (const auto& [task, lent] : lent_) {
    const auto made = static_cast<std::int64_t>(lent.made.size());
    right = right && lent.thief != rank_ && (!lent.over || (made < lent.outputs && !aborting_));
  }
  std::int64_t running = 0;
  std::size_t ready = 0;
  std::size_t results = 0;
  for (const auto& [task, taken] : taken_) {
    running += taken.state == State::kRuns ? 1 : 0;
    ready += taken.state == State::kReady ? 1 : 0;
    results += static_cast<std::size_t>(taken.outputs);
    const bool waits = taken.state == State::kAwaitsInputs;
    right = right && taken.home != rank_ && waits == (taken.missing > 0) &&
            placement_.home(topology_, task) == taken.home &&
            (taken.state == State::kReturns) == (taken.outputs > 0);
  }
  const auto sent = static_cast<std::size_t>(
      std::count_if(outgoing_.begin(), outgoing_.end(),
                    [](const auto& entry) { return is_result(entry.first); }));
  if (!right || running != running_ || ready != ready_.size() || results != sent || room() < 0 ||
      static_cast<std::int64_t>(board.away().size()) > plan::lent_tasks(threads_)) {
    throw std::logic_error("the books of moved tasks are wrong:\n" + describe());
  }
}

std::string Steal::describe() const {
  if (!on_) return "";
  constexpr std::size_t kMostLines = 8;
  std::string text =
      "  rank " + std::to_string(rank_) + ": " + std::to_string(lent_.size()) +
      " own tasks are on other ranks, " + std::to_string(taken_.size()) +
      " of others are here; rank 0 knows of " + std::to_string(told_queued_) + " to take, and " +
      kWants[static_cast<std::size_t>(told_wants_)] + (refused_ ? "; one was refused" : "") +
      (barren_ >= 0 ? "; nothing could be given after " + std::to_string(barren_) + " tasks\n"
                    : "\n");
  std::size_t lines = 0;
  for (const auto& [task, lent] : lent_) {
    if (lines++ == kMostLines) break;
    text += "    " + graph::story_of(topology_, task) + " is on rank " +
            std::to_string(lent.thief) + (lent.over ? ", over" : "") + ", " +
            std::to_string(lent.made.size()) + " results are here\n";
  }
  for (const auto& [task, taken] : taken_) {
    if (lines++ >= kMostLines) break;
    text += "    " + graph::story_of(topology_, task) + " of rank " + std::to_string(taken.home) +
            " " + kStates[static_cast<std::size_t>(taken.state)] + ", " +
            std::to_string(taken.missing) + " inputs are missing, " +
            std::to_string(taken.outputs) + " results leave\n";
  }
  return text;
}

}  // namespace rankine::worker
