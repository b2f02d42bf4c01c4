#include "runtime/plan/placement.h"

#include <algorithm>
#include <numeric>

namespace rankine::plan {
namespace {

using graph::TaskId;
using graph::Topology;

// Rank r of P has the positions [ceil(r N / P), ceil((r + 1) N / P)): even to one task.
std::int64_t cut(std::int64_t count, int ranks, int rank) {
  if (count <= UINT32_MAX) return (count * rank + ranks - 1) / ranks;  // 64 bits do
  const auto product = static_cast<__int128>(count) * rank;
  return static_cast<std::int64_t>((product + ranks - 1) / ranks);
}

int owner(std::int64_t position, std::int64_t count, int ranks) {
  if (position <= UINT32_MAX) return static_cast<int>(position * ranks / count);  // 64 bits do
  return static_cast<int>(static_cast<__int128>(position) * ranks / count);
}

// Scores of the axes of every layer: the higher, the further inside the axis goes.
class AxisScores {
 public:
  explicit AxisScores(const Topology& topology) : topology_(topology) {
    for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
      scores_.emplace_back(topology.counts(layer).size(), 0);
    }
    for (std::uint32_t layer = static_cast<std::uint32_t>(scores_.size()); layer-- > 0;) {
      pull(layer);
    }
    for (std::uint32_t layer = 0; layer < scores_.size(); ++layer) push(layer);
  }
  const Extents& of(std::uint32_t layer) const { return scores_[layer]; }

 private:
  // From a consumer to its producers: collected axes, and what the consumer itself puts inside.
  void pull(std::uint32_t layer) {
    for (const Topology::LeafEdge& edge : topology_.leaf_edges(layer)) {
      const Extents& produced = scores_[edge.producer.layer];
      if (produced.size() != edge.axes.size()) continue;  // a finished reduction: kept axes only
      if (scores_[layer].size() != edge.counts.size()) continue;  // blocks with other axes
      for (std::size_t k = 0; k < edge.axes.size(); ++k) {
        const std::int32_t axis = edge.axes[k];
        const bool any = axis >= 0 && !edge.maps[k].domain_chunks().empty();
        const bool collected =
            any && edge.maps[k].inputs(edge.maps[k].domain_chunks().lo).length() > 1;
        const std::int64_t inherited = axis >= 0 ? scores_[layer][axis] : 0;
        raise(edge.producer.layer, k, std::max<std::int64_t>(collected ? 1 : 0, inherited));
      }
    }
    if (const auto* tree = std::get_if<graph::Reduce>(&topology_.graph().layers[layer].kind)) {
      for (std::size_t k = 0; k < tree->reduced.size(); ++k) {
        raise(tree->source.layer, k, tree->reduced[k] != 0 ? 1 : 0);
      }
    }
  }
  // From producers to a consumer: the axes along which an input is the same for many tasks.
  void push(std::uint32_t layer) {
    for (const Topology::LeafEdge& edge : topology_.leaf_edges(layer)) {
      if (scores_[layer].size() != edge.counts.size()) continue;
      for (std::size_t axis = 0; axis < scores_[layer].size(); ++axis) {
        if (std::find(edge.axes.begin(), edge.axes.end(), static_cast<std::int32_t>(axis)) ==
            edge.axes.end()) {
          raise(layer, axis, 1);
        }
      }
    }
  }
  void raise(std::uint32_t layer, std::size_t axis, std::int64_t score) {
    scores_[layer][axis] = std::max(scores_[layer][axis], score);
  }

  const Topology& topology_;
  std::vector<Extents> scores_;
};

bool fetches(const graph::Layer& layer) {
  if (std::holds_alternative<graph::Collect>(layer.kind)) return true;
  if (std::holds_alternative<graph::GridCollect>(layer.kind)) return true;
  const auto* map = std::get_if<graph::Map>(&layer.kind);
  return map != nullptr && std::any_of(map->heads.begin(), map->heads.end(), [](const auto& head) {
           return std::holds_alternative<graph::Fetch>(head);
         });
}

void put_time_first(const graph::GridEdges& grid, LayerPlacement& placement) {
  if (grid.time_axis() < 0) return;
  placement.stepped = true;
  const auto time = std::find(placement.order.begin(), placement.order.end(), grid.time_axis());
  std::rotate(placement.order.begin(), time, time + 1);
}

}  // namespace

Placement::Placement(const Topology& topology, int ranks, int first_worker, int shift)
    : ranks_(ranks),
      first_worker_(first_worker) {
  const AxisScores scores(topology);
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    LayerPlacement placement;
    const Extents& score = scores.of(layer);
    placement.order = Extents(score.size(), 0);
    std::iota(placement.order.begin(), placement.order.end(), 0);
    std::stable_sort(placement.order.begin(), placement.order.end(),
                     [&](std::int64_t a, std::int64_t b) { return score[a] < score[b]; });
    if (const auto* held = std::get_if<graph::HeldArray>(&topology.graph().layers[layer].kind)) {
      placement.order = held->order;
    }
    if (const auto* tasks = std::get_if<graph::Explicit>(&topology.graph().layers[layer].kind)) {
      placement.shift = shift % (ranks - first_worker);
      placement.scattered =
          !tasks->homes.empty() ||
          std::any_of(tasks->functions.begin(), tasks->functions.end(),
                      [](const graph::UserFunction& function) { return !function.ranks.empty(); });
      if (!placement.scattered && workers() > 1) let_follow_inputs(*tasks, placement);
    }
    if (const graph::GridEdges* grid = topology.grid_edges(layer)) put_time_first(*grid, placement);
    // Fetched results land in the memory of rank 0, so the tasks that hand them over run there.
    if (fetches(topology.graph().layers[layer])) placement.pinned = 0;
    for (const graph::LayerOutput& input : topology.layer_inputs(layer)) {
      placement.depth = std::max(placement.depth, layers_[input.layer].depth + 1);
    }
    layers_.push_back(std::move(placement));
  }
}

// Many runs would make every look for a home and for the next source longer.
void Placement::let_follow_inputs(const graph::Explicit& tasks, LayerPlacement& placement) const {
  if (tasks.task_count() == 0) return;
  std::vector<std::int32_t> homes = follow_inputs(tasks, workers(), placement.shift);
  for (std::int32_t& home : homes) home += first_worker_;
  placement.runs = runs_of(homes, 64 + 32 * static_cast<std::size_t>(workers()));
  if (!placement.runs.empty()) return;
  placement.scattered = true;
  placement.homes = std::make_shared<const std::vector<std::int32_t>>(std::move(homes));
}

bool Placement::is_spilled(const Topology& topology, graph::LayerOutput output) const {
  if (!layers_[output.layer].spilled) return false;
  const auto* map = std::get_if<graph::Map>(&topology.graph().layers[output.layer].kind);
  return map != nullptr && std::holds_alternative<graph::Keep>(map->heads[output.output]);
}

std::vector<bool> Placement::spilled_layers() const {
  std::vector<bool> spilled;
  for (const LayerPlacement& layer : layers_) spilled.push_back(layer.spilled);
  return spilled;
}

std::int64_t Placement::columns(const Topology& topology, std::uint32_t layer) const {
  const std::int64_t steps = this->steps(topology, layer);
  return steps == 0 ? 0 : topology.task_count(layer) / steps;
}

Placement::Block Placement::block_of(std::int64_t column, std::int64_t columns) const {
  const int workers = ranks_ - first_worker_;
  if (workers == 1) return {0, columns, 0};
  const int worker = owner(column, columns, workers);
  return {cut(columns, workers, worker), cut(columns, workers, worker + 1), worker};
}

// A stepped grid is numbered block by block, in a block step by step.
std::int64_t Placement::ordered_of(const Topology& topology, TaskId task) const {
  const LayerPlacement& layer = layers_[task.layer];
  const Extents& counts = topology.counts(task.layer);
  const Extents coordinate = coordinate_of(task.position, counts);
  std::int64_t ordered = 0;
  for (std::size_t i = layer.stepped ? 1 : 0; i < layer.order.size(); ++i) {
    ordered = ordered * counts[layer.order[i]] + coordinate[layer.order[i]];
  }
  if (!layer.stepped) return ordered;
  const Block block = block_of(ordered, columns(topology, task.layer));
  return block.lo * steps(topology, task.layer) + coordinate[layer.order[0]] * block.length() +
         (ordered - block.lo);
}

std::int64_t Placement::position_at(const Topology& topology, std::uint32_t layer,
                                    std::int64_t ordered) const {
  const Extents& counts = topology.counts(layer);
  const Extents& order = layers_[layer].order;
  Extents coordinate(counts.size(), 0);
  std::size_t first = 0;
  if (layers_[layer].stepped) {
    const std::int64_t steps = this->steps(topology, layer);
    const Block block = block_of(ordered / steps, columns(topology, layer));
    const std::int64_t inside = ordered - block.lo * steps;
    coordinate[order[0]] = inside / block.length();
    ordered = block.lo + inside % block.length();
    first = 1;
  }
  for (std::size_t i = order.size(); i-- > first;) {
    coordinate[order[i]] = ordered % counts[order[i]];
    ordered /= counts[order[i]];
  }
  return position_of(coordinate, counts);
}

Interval Placement::range(const Topology& topology, std::uint32_t layer, int rank) const {
  const std::int64_t count = topology.task_count(layer);
  const std::int32_t pinned = layers_[layer].pinned;
  if (pinned >= 0) return rank == pinned ? Interval{0, count} : Interval{0, 0};
  if (layers_[layer].scattered) return {0, count};
  if (!layers_[layer].runs.empty()) {
    const std::vector<Interval> pieces = source_pieces(topology, layer, rank);
    return pieces.empty() ? Interval{0, 0} : Interval{pieces.front().lo, pieces.back().hi};
  }
  if (rank < first_worker_) return {0, 0};
  const int workers = ranks_ - first_worker_;
  const int part = (rank - first_worker_ + workers - layers_[layer].shift) % workers;
  if (!layers_[layer].stepped) return {cut(count, workers, part), cut(count, workers, part + 1)};
  const std::int64_t columns = this->columns(topology, layer);
  const std::int64_t steps = this->steps(topology, layer);
  return {cut(columns, workers, part) * steps, cut(columns, workers, part + 1) * steps};
}

Interval Placement::source_range(const Topology& topology, std::uint32_t layer, int rank) const {
  Interval range = this->range(topology, layer, rank);
  const graph::GridEdges* grid = topology.grid_edges(layer);
  if (grid == nullptr) return range;
  if (!layers_[layer].stepped) return grid->fed_from() == 0 ? Interval{range.lo, range.lo} : range;
  const std::int64_t steps = this->steps(topology, layer);
  if (steps == 0) return range;
  range.hi = range.lo + range.length() / steps * std::min(grid->fed_from(), steps);
  return range;
}

std::vector<Interval> Placement::source_pieces(const Topology& topology, std::uint32_t layer,
                                               int rank) const {
  const std::vector<HomeRun>& runs = layers_[layer].runs;
  if (runs.empty()) return {source_range(topology, layer, rank)};
  std::vector<Interval> pieces;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].rank != rank) continue;
    const bool last = i + 1 == runs.size();
    pieces.push_back({runs[i].lo, last ? topology.task_count(layer) : runs[i + 1].lo});
  }
  return pieces;
}

int Placement::home(const Topology& topology, TaskId task) const {
  const LayerPlacement& layer = layers_[task.layer];
  if (layer.pinned >= 0) return layer.pinned;
  if (ranks_ == 1) return 0;
  const graph::Kind& kind = topology.graph().layers[task.layer].kind;
  if (const auto* values = std::get_if<graph::HeldValues>(&kind)) {
    return values->homes[task.position];
  }
  if (layer.scattered) {
    const auto& tasks = std::get<graph::Explicit>(kind);
    const auto& ranks = tasks.function(task.position).ranks;
    if (!ranks.empty()) return ranks[task.position % ranks.size()];
    if (!tasks.homes.empty()) return tasks.homes[task.position];
    if (layer.homes) return (*layer.homes)[static_cast<std::size_t>(task.position)];
  }
  if (!layer.runs.empty()) {
    const auto after = std::upper_bound(
        layer.runs.begin(), layer.runs.end(), task.position,
        [](std::int64_t position, const HomeRun& run) { return position < run.lo; });
    return std::prev(after)->rank;
  }
  if (layer.stepped) {
    const Extents& counts = topology.counts(task.layer);
    const Extents coordinate = topology.grid_edges(task.layer)->coordinate(task.position);
    std::int64_t column = 0;
    for (std::size_t i = 1; i < layer.order.size(); ++i) {
      column = column * counts[layer.order[i]] + coordinate[layer.order[i]];
    }
    return first_worker_ + owner(column, columns(topology, task.layer), ranks_ - first_worker_);
  }
  const auto* tree = std::get_if<graph::Reduce>(&kind);
  if (tree == nullptr) {
    const int workers = ranks_ - first_worker_;
    const int part = owner(ordered_of(topology, task), topology.task_count(task.layer), workers);
    return first_worker_ + (part + layer.shift) % workers;
  }
  return home(topology, {tree->source.layer, topology.middle_leaf(task)});
}

void Placement::for_each_use_on(const Topology& topology, const graph::ChunkId& chunk, int rank,
                                Topology::VisitUse visit) const {
  const auto window = [&](std::uint32_t layer) -> Topology::Window {
    return {&layers_[layer].order, range(topology, layer, rank)};
  };
  topology.for_each_use_within(chunk, window, [&](TaskId task, const Topology::LeafEdge* edge) {
    if (home(topology, task) == rank) visit(task, edge);
  });
}

}  // namespace rankine::plan
