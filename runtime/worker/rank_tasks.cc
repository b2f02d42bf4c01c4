#include "runtime/worker/rank_tasks.h"

namespace rankine::worker {

using graph::TaskId;

RankTasks::RankTasks(const graph::Topology& topology, const plan::Placement& placement,
                     const plan::KeyOrder& keys, int rank)
    : topology_(topology),
      placement_(placement),
      keys_(&keys) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    Line line{{}, {}, 0, 0, PageTable<std::uint8_t>(topology.task_count(layer)), {}};
    if (is_tree(layer)) {
      line.nodes = keys.nodes(layer, rank);
    } else {
      line.pieces = keys.pieces(layer, rank);
      if (!line.pieces.empty()) line.next = line.pieces[0].lo;
    }
    lines_.push_back(std::move(line));
    look_up(layer);
  }
}

std::optional<TaskId> RankTasks::first(std::uint32_t layer) const {
  const Line& line = lines_[layer];
  if (is_tree(layer)) {
    const auto at = static_cast<std::size_t>(line.next);
    if (at == line.nodes.size()) return std::nullopt;
    return TaskId{layer, line.nodes[at]};
  }
  if (line.piece == line.pieces.size()) return std::nullopt;
  return TaskId{layer, placement_.position_at(topology_, layer, line.next)};
}

std::int64_t RankTasks::mark_of(const TaskId& task) const {
  return is_tree(task.layer) ? task.position : placement_.ordered_of(topology_, task);
}

void RankTasks::go_on(std::uint32_t layer) {
  Line& line = lines_[layer];
  ++line.next;
  if (is_tree(layer) || line.next < line.pieces[line.piece].hi) return;
  if (++line.piece < line.pieces.size()) line.next = line.pieces[line.piece].lo;
}

void RankTasks::look_up(std::uint32_t layer) {
  const auto task = first(layer);
  lines_[layer].lowest = task ? std::optional(keys_->key(*task)) : std::nullopt;
}

void RankTasks::complete(const TaskId& task) {
  Line& line = lines_[task.layer];
  const auto next = first(task.layer);
  if (!next || !(*next == task)) {
    *line.complete.try_emplace(mark_of(task)).first = 1;
    return;
  }
  go_on(task.layer);
  for (auto more = first(task.layer); more; more = first(task.layer)) {
    const std::int64_t mark = mark_of(*more);
    if (line.complete.find(mark) == nullptr) break;
    line.complete.erase(mark);
    go_on(task.layer);
  }
  look_up(task.layer);
}

std::optional<OrderKey> RankTasks::lowest() const {
  std::optional<OrderKey> lowest;
  for (const Line& line : lines_) {
    if (line.lowest && (!lowest || *line.lowest < *lowest)) lowest = line.lowest;
  }
  return lowest;
}

}  // namespace rankine::worker
