// Board: tasks that other ranks run (steal.h).
#include <algorithm>
#include <stdexcept>

#include "runtime/worker/board.h"

namespace rankine::worker {
namespace {

void remove(std::vector<TaskId>& tasks, const TaskId& task) {
  const auto found = std::find(tasks.begin(), tasks.end(), task);
  if (found == tasks.end()) throw std::logic_error("a task comes back that was not lent");
  *found = tasks.back();
  tasks.pop_back();
}

}  // namespace

// The last one takes its place and moves up as far as it must; below it there is nothing.
// What bounds the memory of a rank (plan/footprint.cc, plan/streaming.cc) is told of tasks that run
// and of the places where a rank starts those without inputs. It holds with lent tasks as well: one
// that is away counts like one that runs, and none without inputs leaves while another is ready.
std::optional<TaskId> Board::lend(MayLend may_lend) {
  if (stopped_) return std::nullopt;
  const std::optional<TaskId> task = ready_.empty() ? lend_source(may_lend) : lend_ready(may_lend);
  if (task) away_.push_back(*task);
  return task;
}

std::optional<TaskId> Board::lend_ready(MayLend may_lend) {
  const std::int32_t deepest = ready_.top().depth;
  const std::optional<Ready> taken = ready_.take_late(
      [&](const Ready& ready) { return ready.depth >= deepest && may_lend(ready.task); });
  return taken ? std::optional(taken->task) : std::nullopt;
}

std::optional<TaskId> Board::lend_source(MayLend may_lend) {
  Sources* behind = nullptr;
  double least = 2;
  for (Sources& sources : sources_) {
    if (sources.next >= sources.end) continue;
    const double part = static_cast<double>(sources.range.hi - sources.end) /
                        static_cast<double>(sources.range.length());
    if (part < least) {
      least = part;
      behind = &sources;
    }
  }
  if (behind == nullptr) return std::nullopt;
  const auto last = [&] {
    return TaskId{behind->layer, placement_.position_at(topology_, behind->layer, behind->end - 1)};
  };
  // The first one left has no inputs, so this ends.
  while (behind->mixed && topology_.count_inputs(last()) > 0) --behind->end;
  const TaskId task = last();
  if (!may_lend(task)) return std::nullopt;
  --behind->end;
  return task;
}

void Board::bring_back(const TaskId& task) {
  remove(away_, task);
  make_ready(task);
}

void Board::complete_away(const TaskId& task) {
  remove(away_, task);
  topology_.for_each_input(task, [&](const ChunkId& chunk) { release(chunk); });
  count_done(task);
}

std::int64_t Board::queued() const {
  auto queued = static_cast<std::int64_t>(ready_.size());
  for (const Sources& sources : sources_) queued += sources.end - sources.next;
  return queued;
}

// In closed form, but for tasks that have ranks of their own.
void Board::count_certain(std::uint32_t layer) {
  const graph::Kind& kind = topology_.graph().layers[layer].kind;
  certain_.push_back(!std::holds_alternative<graph::Reduce>(kind));
  if (!certain_.back()) return;
  const bool spread =
      placement_.layer(layer).scattered || std::holds_alternative<graph::HeldValues>(kind);
  if (!spread) {
    if (placement_.layer(layer).runs.empty()) {
      certain_left_ += placement_.range(topology_, layer, rank_).length();
    } else {
      for (const Interval& piece : placement_.source_pieces(topology_, layer, rank_)) {
        certain_left_ += piece.length();
      }
    }
    return;
  }
  for (TaskId task{layer, 0}; task.position < topology_.task_count(layer); ++task.position) {
    if (placement_.home(topology_, task) == rank_) ++certain_left_;
  }
}

}  // namespace rankine::worker
