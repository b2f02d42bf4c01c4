#include "runtime/worker/read_ahead.h"

#include <algorithm>

#include "runtime/worker/task_steps.h"

namespace rankine::worker {
namespace {

using graph::TaskId;

constexpr int kMostTasks = 64;  // that are looked at at one time: some read nothing from files
constexpr std::size_t kMostSteps = 1024;  // that are kept in mind
// What a step counts that opens other files: no more of them are opened ahead than stay open.
constexpr std::int64_t kLeastOfParts = io::kExpectedBytes / 4;

// visit(leaf, elements of the iteration space) for all that a task reads in a step.
template <class Visit>
void for_each_read(const graph::Map& map, const TaskId& task, const Box& step, Visit&& visit) {
  for (const graph::Leaf& leaf : map.leaves) {
    if (leaf.call >= 0) break;  // those of the calls come last
    visit(leaf, step);
  }
  for (const graph::Call& call : map.calls) {
    const Box box =
        call.grid ? call.grid->chunk_box(coordinate_of(task.position, call.grid->counts())) : step;
    for (const graph::CallInput& input : call.inputs) {
      if (input.scalar) continue;
      for (const graph::CallPiece& piece : input.pieces) {
        const Box inside = intersect(call.widened(box), piece.domain);
        const auto count = static_cast<std::size_t>(piece.program.leaf_count());
        for (std::size_t i = 0; i < count; ++i) visit(map.leaves[piece.first_leaf + i], inside);
      }
    }
  }
}

}  // namespace

ReadAhead::ReadAhead(const graph::Topology& topology, const plan::Placement& placement, int rank,
                     int threads, const std::vector<std::unique_ptr<io::DatasetReader>>& readers)
    : topology_(topology),
      placement_(placement),
      readers_(readers),
      most_bytes_(io::kExpectedBytes * threads),
      far_behind_(2 * threads) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    Layer& made = layers_.emplace_back();
    const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
    made.reads = map != nullptr && reads_files(*map);
    if (!made.reads) continue;
    made.range = placement.range(topology, layer, rank);
    made.next = made.range.lo;
  }
}

bool ReadAhead::reads_files(const graph::Map& map) const {
  return std::ranges::any_of(map.leaves, [](const graph::Leaf& leaf) {
    return std::holds_alternative<graph::FileData>(leaf.source);
  });
}

std::vector<ReadAhead::Wanted> ReadAhead::wanted_by(const TaskId& task, const Box& step) const {
  const auto& map = std::get<graph::Map>(topology_.graph().layers[task.layer].kind);
  std::vector<Wanted> wanted;
  for_each_read(map, task, step, [&](const graph::Leaf& leaf, const Box& box) {
    const auto* file = std::get_if<graph::FileData>(&leaf.source);
    const Box inside = intersect(box, leaf.domain);
    if (file == nullptr || (inside.rank() > 0 && inside.empty())) return;
    wanted.push_back({file->dataset, graph::source_box(leaf, inside)});
  });
  return wanted;
}

void ReadAhead::before(const TaskId& task, std::span<const Box> steps, std::size_t step,
                       io::ReadStats& stats) {
  if (!layers_[task.layer].reads) return;
  try {
    Told told;
    {
      const std::lock_guard lock(mutex_);
      look_ahead(task, steps, step, told);
    }
    for (const auto& [wanted, bytes] : told) {
      readers_[wanted.dataset]->expect(wanted.box, bytes, stats);
    }
  } catch (const Error&) {
    // A file that is not there is the failure of the task that reads it.
  }
}

// First the thread's own steps: these it certainly comes to.
void ReadAhead::look_ahead(const TaskId& task, std::span<const Box> steps, std::size_t step,
                           Told& told) {
  const std::int64_t ordered = placement_.ordered_of(topology_, task);
  forget(task.layer, ordered, step);
  std::int64_t own = 0;
  for (std::size_t i = step + 1; i < steps.size(); ++i) {
    const Step next{task.layer, ordered, i};
    if (!take(next, task, steps[i], io::kExpectedBytes - own, told)) return;
    own += told_.at(next);
  }
  Layer& layer = layers_[task.layer];
  if (ordered < layer.range.lo || ordered >= layer.range.hi) return;  // of another rank
  layer.next = std::max(layer.next, ordered + 1);
  for (int looks = 0; looks < kMostTasks && layer.next < layer.range.hi; ++looks) {
    if (!take_all(task.layer, layer.next, told)) return;
    ++layer.next;
  }
}

// The step begins. What tasks far behind left here was read elsewhere, or is there already.
void ReadAhead::forget(std::uint32_t layer, std::int64_t ordered, std::size_t step) {
  const auto drop = [&](auto first, auto last) {
    for (auto one = first; one != last; ++one) told_bytes_ -= one->second;
    told_.erase(first, last);
  };
  drop(told_.lower_bound({layer, 0, 0}), told_.lower_bound({layer, ordered - far_behind_, 0}));
  drop(told_.lower_bound({layer, ordered, 0}), told_.upper_bound({layer, ordered, step}));
}

// The steps of a task that has not begun. False if not all have room.
bool ReadAhead::take_all(std::uint32_t layer, std::int64_t ordered, Told& told) {
  const TaskId task{layer, placement_.position_at(topology_, layer, ordered)};
  const auto& map = std::get<graph::Map>(topology_.graph().layers[layer].kind);
  const Extents& counts = topology_.counts(layer);
  const std::vector<Box> steps =
      steps_of(map, map.grid.chunk_box(coordinate_of(task.position, counts)));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!take({layer, ordered, i}, task, steps[i], io::kExpectedBytes, told)) return false;
  }
  return true;
}

// False if there is no room for it. Invariant: told_bytes_ <= most_bytes_.
bool ReadAhead::take(const Step& step, const TaskId& task, const Box& box, std::int64_t room,
                     Told& told) {
  if (told_.contains(step)) return true;
  if (told_.size() >= kMostSteps) return false;
  const std::size_t before = told.size();
  std::int64_t bytes = 0;
  for (Wanted& wanted : wanted_by(task, box)) {
    const io::DatasetReader& reader = *readers_[wanted.dataset];
    const std::int64_t some = reader.stored_bytes(wanted.box, io::kExpectedBytes - bytes);
    bytes += some;
    if (reader.dataset().is_put_together()) bytes = std::max(bytes, kLeastOfParts);
    if (some > 0) told.emplace_back(std::move(wanted), some);
  }
  if (bytes > std::min(room, most_bytes_ - told_bytes_)) {
    told.resize(before);
    return false;
  }
  told_bytes_ += bytes;
  told_.emplace(step, bytes);
  return true;
}

}  // namespace rankine::worker
