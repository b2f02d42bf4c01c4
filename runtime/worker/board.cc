#include "runtime/worker/board.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "runtime/graph/story.h"

namespace rankine::worker {
namespace {

// Whether the intervals, together, hold all of [0, count).
bool cover(std::vector<Interval> intervals, std::int64_t count) {
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.lo < b.lo; });
  std::int64_t end = 0;
  for (const Interval& interval : intervals) {
    if (interval.lo > end) return false;
    end = std::max(end, interval.hi);
  }
  return end >= count;
}

// Whether every task of the layer reads some other layer. Found without looking at tasks where one
// edge has them all, or where edges that differ along one axis (the parts of a concatenation) do
// together; other layers count as not always fed, and their tasks are looked at one by one.
bool always_fed(const graph::Topology& topology, std::uint32_t layer) {
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  if (std::holds_alternative<graph::Reduce>(kind)) return true;
  if (std::holds_alternative<graph::Collect>(kind)) return true;
  if (std::holds_alternative<graph::GridCollect>(kind)) return true;
  const Extents& counts = topology.counts(layer);
  std::vector<std::vector<Interval>> parts(counts.size());  // by the one axis that is cut
  for (const auto& edge : topology.leaf_edges(layer)) {
    std::size_t cuts = 0;
    std::size_t axis = 0;
    for (std::size_t k = 0; k < edge.domain.size(); ++k) {
      if (edge.domain[k] == Interval{0, edge.counts[k]}) continue;
      ++cuts;
      axis = k;
    }
    if (cuts == 0) return true;
    // Of a grid with other axes than the tasks the numbers of axes say nothing.
    if (cuts == 1 && edge.counts == counts) parts[axis].push_back(edge.domain[axis]);
  }
  for (std::size_t k = 0; k < parts.size(); ++k) {
    if (!parts[k].empty() && cover(std::move(parts[k]), counts[k])) return true;
  }
  return false;
}

}  // namespace

Board::Board(const graph::Topology& topology, const plan::Placement& placement, int rank,
             std::map<std::string, std::int64_t> resources, std::optional<Admission> admission)
    : topology_(topology),
      placement_(placement),
      rank_(rank),
      free_(std::move(resources)),
      admission_(std::move(admission)) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    waiting_.emplace_back(topology.task_count(layer));
    held_.emplace_back(topology.output_count(layer), PageTable<Held>(topology.task_count(layer)));
    const auto* tasks = std::get_if<graph::Explicit>(&topology.graph().layers[layer].kind);
    annotated_.push_back(tasks != nullptr &&
                         (tasks->is_annotated() || placement.layer(layer).scattered));
    count_certain(layer);
    if (topology.is_held(layer) || always_fed(topology, layer)) continue;
    if (annotated_.back()) {  // those without inputs need an order of their own
      const Interval range = placement.range(topology, layer, rank);
      for (TaskId task{layer, range.lo}; task.position < range.hi; ++task.position) {
        if (topology.count_inputs(task) == 0 && placement.home(topology, task) == rank) {
          make_ready(task);
        }
      }
      continue;
    }
    for (const Interval& piece : admission_ ? admission_->keys().pieces(layer, rank)
                                            : placement.source_pieces(topology, layer, rank)) {
      Sources sources{layer, piece.lo, piece.hi, piece, !topology.is_source(layer)};
      skip_fed_tasks(sources);
      if (sources.next < sources.end) sources_.push_back(sources);
    }
  }
}

void Board::skip_fed_tasks(Sources& sources) const {
  while (sources.mixed && sources.next < sources.end &&
         topology_.count_inputs(
             {sources.layer, placement_.position_at(topology_, sources.layer, sources.next)}) > 0) {
    ++sources.next;
  }
}

std::int64_t Board::ordered(const TaskId& task) const {
  return std::holds_alternative<graph::Reduce>(topology_.graph().layers[task.layer].kind)
             ? task.position
             : placement_.ordered_of(topology_, task);
}

void Board::admit(const TaskId& task) { make_ready(task); }

const graph::UserFunction* Board::annotated(const TaskId& task) const {
  if (!annotated_[task.layer]) return nullptr;
  return &std::get<graph::Explicit>(topology_.graph().layers[task.layer].kind)
              .function(static_cast<std::size_t>(task.position));
}

void Board::make_ready(const TaskId& task) {
  const graph::UserFunction* function = annotated(task);
  ready_.push({function == nullptr ? 0 : function->priority, placement_.depth(task.layer),
               ordered(task), task});
}

bool Board::take_resources(const TaskId& task) {
  if (admission_ && !admission_->start(task)) return false;  // no other resources then
  const graph::UserFunction* function = annotated(task);
  if (function == nullptr) return true;
  for (const auto& [name, amount] : function->resources) {
    if (free_[name] < amount) return false;
  }
  for (const auto& [name, amount] : function->resources) free_[name] -= amount;
  return true;
}

// Those that were parked get another chance, in their order.
void Board::give_back(const TaskId& task) {
  const graph::UserFunction* function = annotated(task);
  if (function == nullptr || function->resources.empty()) return;
  for (const auto& [name, amount] : function->resources) free_[name] += amount;
  unpark();
}

void Board::unpark() {
  for (const Ready& ready : parked_) ready_.push(ready);
  parked_.clear();
}

// Terminates and starves nobody: a task is parked only while another one that runs has what it
// needs, and comes back when that is complete; or until memory becomes free (admission.h).
std::optional<TaskId> Board::next_ready() {
  while (!ready_.empty()) {
    const Ready top = ready_.top();
    ready_.pop();
    if (take_resources(top.task)) return top.task;
    parked_.push_back(top);
  }
  return std::nullopt;
}

std::optional<TaskId> Board::next() {
  if (stopped_) return std::nullopt;
  if (admission_ && admission_->take_news()) unpark();
  std::optional<TaskId> task;
  Sources* earlier = ready_.empty() ? nullptr : earlier_source(ready_.top());
  if (earlier != nullptr) task = start(*earlier);
  if (!task) task = next_ready();
  if (!task) task = next_source();
  if (task) running_.push_back(*task);
  return task;
}

// A grid that goes on in time starts its first steps before it goes on with later ones: other ranks
// wait for all of its columns.
Board::Sources* Board::earlier_source(const Ready& ready) {
  for (Sources& sources : sources_) {
    if (sources.layer != ready.task.layer) continue;
    const bool earlier = placement_.layer(sources.layer).stepped && sources.next < sources.end &&
                         sources.next < ready.order;
    return earlier ? &sources : nullptr;
  }
  return nullptr;
}

TaskId Board::start(Sources& sources) {
  const TaskId task{sources.layer,
                    placement_.position_at(topology_, sources.layer, sources.next++)};
  skip_fed_tasks(sources);
  return task;
}

// The lowest key goes first. What is ready already goes before it as long as memory is short, but
// for the task at the frontier.
std::optional<TaskId> Board::next_admitted_source() {
  Sources* first = nullptr;
  OrderKey lowest;
  for (Sources& sources : sources_) {
    if (sources.next >= sources.range.hi) continue;
    const OrderKey key = admission_->keys().key(
        {sources.layer, placement_.position_at(topology_, sources.layer, sources.next)});
    if (first != nullptr && lowest < key) continue;
    first = &sources;
    lowest = key;
  }
  if (first == nullptr) return std::nullopt;
  const TaskId task{first->layer, placement_.position_at(topology_, first->layer, first->next)};
  if (!admission_->start(task, !parked_.empty())) return std::nullopt;
  return start(*first);
}

// Layers advance together: the one that has done the smallest part of its range goes on.
std::optional<TaskId> Board::next_source() {
  if (admission_) return next_admitted_source();
  Sources* behind = nullptr;
  double least = 2;
  for (Sources& sources : sources_) {
    if (sources.next >= sources.end) continue;
    const double part = static_cast<double>(sources.next - sources.range.lo) /
                        static_cast<double>(sources.range.length());
    if (part < least) {
      least = part;
      behind = &sources;
    }
  }
  if (behind == nullptr) return std::nullopt;
  return start(*behind);
}

bool Board::sources_done() const {
  return std::all_of(sources_.begin(), sources_.end(),
                     [](const Sources& sources) { return sources.next >= sources.end; });
}

void Board::find_users(const ChunkId& chunk, Users& users) const {
  users.clear();
  topology_.for_each_consumer(chunk, [&](TaskId consumer) {
    const int home = placement_.home(topology_, consumer);
    if (home == rank_) {
      users.here.push_back(consumer);
    } else {
      users.elsewhere.add(home);
    }
  });
}

void Board::put(const ChunkId& chunk, HeldChunk bytes, const Users& users) {
  put_down(chunk, std::move(bytes),
           static_cast<std::int64_t>(users.here.size() + users.elsewhere.ranks().size()));
  if (admission_ && holds(chunk)) admission_->hold(chunk);
  for (const TaskId& consumer : users.here) arrive(consumer);
}

std::vector<int> Board::put(const ChunkId& chunk, HeldChunk bytes, bool made_here) {
  Users users;
  if (made_here) {
    find_users(chunk, users);
    put(chunk, std::move(bytes), users);
    return users.elsewhere.take();
  }
  placement_.for_each_use_on(topology_, chunk, rank_,
                             [&](TaskId consumer, const auto*) { users.here.push_back(consumer); });
  put_down(chunk, std::move(bytes), static_cast<std::int64_t>(users.here.size()));
  for (const TaskId& consumer : users.here) arrive(consumer);
  return {};
}

void Board::put_down(const ChunkId& chunk, HeldChunk bytes, std::int64_t uses) {
  if (uses == 0) return;
  auto [held, fresh] = table_of(chunk).try_emplace(chunk.position);
  if (!fresh) throw std::logic_error("a chunk arrived twice:\n" + describe());
  held->chunk = std::move(bytes);
  held->uses = uses;
}

void Board::arrive(const TaskId& consumer) {
  auto [missing, fresh] = waiting_[consumer.layer].try_emplace(consumer.position);
  if (fresh) *missing = topology_.count_inputs(consumer);
  if (--*missing > 0) return;
  waiting_[consumer.layer].erase(consumer.position);
  make_ready(consumer);
}

const HeldChunk& Board::held(const ChunkId& chunk) const {
  const Held* found = held_[chunk.layer][chunk.output].find(chunk.position);
  if (found == nullptr) throw std::logic_error("an input is gone:\n" + describe());
  return found->chunk;
}

void Board::unpin(const ChunkId& chunk) { release(chunk); }

void Board::release(const ChunkId& chunk) { release(chunk, table_of(chunk).find(chunk.position)); }

HeldChunk Board::release(const ChunkId& chunk, Held* held) {
  if (held == nullptr || held->uses == 0) {
    throw std::logic_error("a chunk was released twice:\n" + describe());
  }
  if (--held->uses > 0) return {};
  // Only what is small outlives this call: the bounds of what a rank holds are told of chunks here.
  constexpr std::size_t kSmall = 256;
  HeldChunk unused;
  const bool small = held->chunk.buffer && held->chunk.buffer->size() <= kSmall;
  if (small && !admission_) unused = std::move(held->chunk);
  table_of(chunk).erase(chunk.position);
  if (admission_) admission_->release(chunk);
  return unused;
}

void Board::find_inputs(const TaskId& task, TaskInputs& inputs) {
  inputs.clear();
  topology_.for_each_input(task, [&](const ChunkId& chunk) {
    Held* held = table_of(chunk).find(chunk.position);
    if (held == nullptr) throw std::logic_error("an input is gone:\n" + describe());
    inputs.add(chunk, held);
  });
}

void Board::complete(const TaskId& task, const TaskInputs& inputs, std::vector<HeldChunk>& unused) {
  stop_running(task);
  for (const TaskInputs::Input& input : inputs.all()) {
    HeldChunk chunk = release(input.id, input.held);
    if (chunk.buffer || chunk.spilled) unused.push_back(std::move(chunk));
  }
}

void Board::complete(const TaskId& task) {
  stop_running(task);
  topology_.for_each_input(task, [&](const ChunkId& chunk) { release(chunk); });
}

void Board::stop_running(const TaskId& task) {
  take_off(task);
  count_done(task);
  give_back(task);
  if (admission_) admission_->complete(task);
}

void Board::put_back(const TaskId& task) {
  take_off(task);
  give_back(task);
  make_ready(task);
}

void Board::take_off(const TaskId& task) {
  const auto running = std::find(running_.begin(), running_.end(), task);
  if (running == running_.end()) {
    throw std::logic_error("a task is over that does not run:\n" + describe());
  }
  *running = running_.back();
  running_.pop_back();
}

void Board::count_done(const TaskId& task) {
  if (certain_[task.layer]) --certain_left_;
  ++tasks_run_;
}

std::int64_t Board::waiting_count() const {
  std::int64_t count = 0;
  for (const auto& table : waiting_) count += table.size();
  return count;
}

std::int64_t Board::held_count() const {
  std::int64_t count = 0;
  for (const auto& outputs : held_) {
    for (const auto& table : outputs) count += table.size();
  }
  return count;
}

void Board::for_each_waiting(const std::function<bool(const TaskId&, std::int64_t)>& visit) const {
  bool more = true;
  for (std::uint32_t layer = 0; layer < waiting_.size() && more; ++layer) {
    waiting_[layer].for_each([&](std::int64_t position, std::int64_t missing) {
      return more = visit({layer, position}, missing);
    });
  }
}

std::int64_t Board::live_uses(const ChunkId& chunk) const {
  std::int64_t uses = 0;
  topology_.for_each_consumer(chunk, [&](TaskId task) {
    if (placement_.home(topology_, task) != rank_) return;
    const auto is_it = [&](const Ready& ready) { return ready.task == task; };
    const bool live = waiting_[task.layer].find(task.position) != nullptr ||
                      std::find(running_.begin(), running_.end(), task) != running_.end() ||
                      std::find(away_.begin(), away_.end(), task) != away_.end() ||
                      ready_.any_of(is_it) || std::any_of(parked_.begin(), parked_.end(), is_it);
    uses += live ? 1 : 0;
  });
  return uses;
}

// An input that arrived stays here until the task is over.
bool Board::waits_rightly(const TaskId& task, std::int64_t missing) const {
  std::int64_t absent = 0;
  topology_.for_each_input(task, [&](const ChunkId& chunk) { absent += holds(chunk) ? 0 : 1; });
  return missing > 0 && missing == absent && placement_.home(topology_, task) == rank_;
}

bool Board::has_all_inputs(const TaskId& task) const {
  bool all = waiting_[task.layer].find(task.position) == nullptr;
  topology_.for_each_input(task, [&](const ChunkId& chunk) { all = all && holds(chunk); });
  return all;
}

// The uses that are not by tasks here are pins for other ranks, of which a chunk from elsewhere has
// none.
bool Board::held_rightly(const ChunkId& chunk, const Held& held) const {
  const std::int64_t pins = held.uses - live_uses(chunk);
  const bool made_here = placement_.home(topology_, chunk.task()) == rank_;
  const bool somewhere = (held.chunk.buffer == nullptr) != (held.chunk.spilled == nullptr);
  return held.uses > 0 && somewhere && (made_here ? pins >= 0 : pins == 0);
}

void Board::sanity_check() const {
  bool right = true;
  for_each_waiting([&](const TaskId& task, std::int64_t missing) {
    return right = right && waits_rightly(task, missing);
  });
  right = right && !ready_.any_of([&](const Ready& ready) { return !has_all_inputs(ready.task); });
  for (const Ready& ready : parked_) right = right && has_all_inputs(ready.task);
  for (const TaskId& task : running_) right = right && has_all_inputs(task);
  for (const TaskId& task : away_) right = right && has_all_inputs(task);
  right = right && certain_left_ >= 0;
  // A task is parked only while another one has what it needs, or while memory is short.
  right = right && (parked_.empty() || !running_.empty() || admission_);
  if (admission_) admission_->sanity_check();
  for (std::uint32_t layer = 0; layer < held_.size(); ++layer) {
    for (std::uint32_t output = 0; output < held_[layer].size(); ++output) {
      held_[layer][output].for_each([&](std::int64_t position, const Held& held) {
        return right = right && held_rightly({layer, output, position}, held);
      });
    }
  }
  if (!right) throw std::logic_error("the board is wrong:\n" + describe());
}

std::string Board::describe() const {
  const std::int64_t waiting = waiting_count();
  std::string text = "rank " + std::to_string(rank_) + ": " + std::to_string(running_.size()) +
                     " running, " + std::to_string(ready_.size()) + " ready, " +
                     (parked_.empty() ? "" : std::to_string(parked_.size()) + " parked, ") +
                     (away_.empty() ? "" : std::to_string(away_.size()) + " lent, ") +
                     std::to_string(waiting) + " waiting, " + std::to_string(held_count()) +
                     " chunks held, " + std::to_string(tasks_run_) + " done" +
                     (stopped_ ? ", stopped" : "") + "\n";
  constexpr std::int64_t kMostLines = 10;
  std::int64_t lines = 0;
  for_each_waiting([&](const TaskId& task, std::int64_t missing) {
    text += "  " + graph::story_of(topology_, task) + " waits for " + std::to_string(missing) +
            " of " + std::to_string(topology_.count_inputs(task)) + " inputs\n";
    return ++lines < kMostLines;
  });
  if (waiting > lines) text += "  and " + std::to_string(waiting - lines) + " more\n";
  return text;
}

}  // namespace rankine::worker
