#include "runtime/plan/key_order.h"

#include <algorithm>

#include "runtime/plan/edge_chunks.h"
#include "runtime/plan/saturate.h"

namespace rankine::plan {
namespace {

using graph::Topology;

constexpr std::int64_t kMostTasks = std::int64_t{1} << 40;  // of a layer: times ranks in 64 bits
constexpr std::int64_t kMostNodes = std::int64_t{1} << 20;  // that one rank looks through

std::int64_t product(std::int64_t a, std::int64_t b) { return a * b; }

// The leaves of one tree, in the order of the tree, are neighbours in the order of their layer.
bool leaves_in_order(const Placement& placement, const graph::Reduce& tree) {
  const Extents& order = placement.layer(tree.source.layer).order;
  std::int64_t last = -1;
  for (const std::int64_t axis : order) {
    if (tree.reduced[axis] == 0 && last >= 0) return false;
    if (tree.reduced[axis] == 0) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

}  // namespace

bool KeyOrder::supports(const Topology& topology, const Placement& placement) {
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const graph::Kind& kind = topology.graph().layers[layer].kind;
    if (topology.task_count(layer) >= kMostTasks || placement.layer(layer).spilled) return false;
    if (const auto* tree = std::get_if<graph::Reduce>(&kind)) {
      const graph::Kind& source = topology.graph().layers[tree->source.layer].kind;
      if (std::holds_alternative<graph::Reduce>(source)) return false;
      const int parts = leaves_in_order(placement, *tree) ? placement.workers() : 1;
      if (topology.task_count(layer) / parts > kMostNodes) return false;
      continue;
    }
    if (!std::holds_alternative<graph::Map>(kind) &&
        !std::holds_alternative<graph::HeldArray>(kind)) {
      return false;
    }
  }
  return true;
}

KeyOrder::KeyOrder(const Topology& topology, const Placement& placement)
    : topology_(topology),
      placement_(placement),
      layers_(topology.layer_count()) {
  for (std::uint32_t layer = 0; layer < layers_.size(); ++layer) {
    if (const auto* tree = std::get_if<graph::Reduce>(&topology.graph().layers[layer].kind)) {
      add_tree(layer, *tree);
    } else {
      add_grid(layer);
    }
  }
}

void KeyOrder::add_grid(std::uint32_t layer) {
  LayerOrder& mine = layers_[layer];
  const Extents& counts = topology_.counts(layer);
  const Extents& order = placement_.layer(layer).order;
  const std::int64_t tasks = topology_.task_count(layer);
  mine.slab_tasks = std::max<std::int64_t>(1, tasks);
  if (!order.empty() && placement_.layer(layer).pinned < 0 && tasks > 0) {
    mine.axis = static_cast<std::int32_t>(order[0]);
    mine.slabs = counts[order[0]];
    mine.slab_tasks = tasks / mine.slabs;
  }
  for (const Topology::LeafEdge& edge : topology_.leaf_edges(layer)) {
    const std::int32_t from = layers_[edge.producer.layer].phase;
    mine.phase = std::max(mine.phase, from + (same_slab(edge) ? 0 : 1));
  }
  mine.by_position = true;
  for (const Topology::LeafEdge& edge : topology_.leaf_edges(layer)) {
    if (layers_[edge.producer.layer].phase < mine.phase) continue;
    mine.by_position = mine.by_position && at_own_position(edge);
  }
}

void KeyOrder::add_tree(std::uint32_t layer, const graph::Reduce& tree) {
  LayerOrder& mine = layers_[layer];
  const LayerOrder& leaves = layers_[tree.source.layer];
  const graph::Reduction& constants = topology_.reduction(layer);
  mine.post_order = leaves.by_position && leaves_in_order(placement_, tree);
  mine.phase = leaves.phase;
  mine.slabs = 0;
  mine.slab_tasks = topology_.task_count(layer);
  const auto kept = std::find(constants.kept_axes.begin(), constants.kept_axes.end(), leaves.axis);
  if (leaves.axis >= 0 && kept != constants.kept_axes.end()) {
    mine.axis = static_cast<std::int32_t>(kept - constants.kept_axes.begin());
    mine.slabs = leaves.slabs;
    mine.slab_tasks /= std::max<std::int64_t>(1, mine.slabs);
  } else if (!mine.post_order) {
    ++mine.phase;
  }
}

// The axis of the slabs in the grid of an output, of which some axes of the tasks may be missing.
std::int32_t KeyOrder::axis_of_output(const graph::LayerOutput& output) const {
  const std::int32_t axis = layers_[output.layer].axis;
  const auto* map = std::get_if<graph::Map>(&topology_.graph().layers[output.layer].kind);
  if (map == nullptr || axis < 0) return axis;
  const auto* partial = std::get_if<graph::Partial>(&map->heads[output.output]);
  if (partial == nullptr) return axis;
  if (partial->reduced[static_cast<std::size_t>(axis)] != 0) return -1;
  std::int32_t kept = 0;
  for (std::int32_t k = 0; k < axis; ++k) kept += partial->reduced[k] == 0 ? 1 : 0;
  return kept;
}

bool KeyOrder::same_slab(const Topology::LeafEdge& edge) const {
  const LayerOrder& made = layers_[edge.producer.layer];
  const LayerOrder& used = layers_[edge.consumer];
  if (made.slabs != used.slabs) return false;
  if (made.slabs == 1) return true;
  const std::int32_t axis = axis_of_output(edge.producer);
  const auto& map = std::get<graph::Map>(topology_.graph().layers[edge.consumer].kind);
  const graph::Leaf& leaf = map.leaves[edge.leaf];
  if (axis < 0 || used.axis < 0 || static_cast<std::size_t>(axis) >= leaf.terms.size() ||
      edge.counts.size() != topology_.counts(edge.consumer).size()) {
    return false;
  }
  const auto k = static_cast<std::size_t>(axis);
  const auto mine = static_cast<std::size_t>(used.axis);
  const graph::Term& term = leaf.terms[k];
  const graph::Reach reach = map.reach_of(leaf, mine);
  const AxisChunks& cut = map.grid_of(leaf).axis(mine);
  return term.axis == used.axis && edge.axes[k] == used.axis && term.step == 1 &&
         term.offset == 0 && reach.before == 0 && reach.after == 0 &&
         cut == topology_.output_grid(edge.producer).axis(k) && cut == map.grid.axis(mine);
}

bool KeyOrder::at_own_position(const Topology::LeafEdge& edge) const {
  const LayerOrder& made = layers_[edge.producer.layer];
  return made.by_position && made.phase == layers_[edge.consumer].phase &&
         reads_own_chunk(topology_, placement_, edge);
}

// Slab s of n ends up on the ranks floor(s P / n) to floor(((s + 1) P - 1) / n), whatever the
// layer.
bool KeyOrder::is_cut(std::int64_t slab, std::int64_t slabs) const {
  const std::int64_t parts = placement_.workers();
  return product(slab, parts) / slabs != (product(slab + 1, parts) - 1) / slabs;
}

std::int64_t KeyOrder::wave(std::int64_t slab, std::int64_t slabs) const {
  if (is_cut(slab, slabs)) return slabs;
  const std::int64_t parts = placement_.workers();
  const std::int64_t block = product(slab, parts) / slabs;
  return slab - (product(block, slabs) + parts - 1) / parts;
}

int KeyOrder::block(std::uint32_t layer, std::int64_t ordered) const {
  if (placement_.layer(layer).pinned >= 0) return 0;
  return static_cast<int>(product(ordered, placement_.workers()) / topology_.task_count(layer));
}

// Counted from the start of its rank's block, so that ranks that share a slab take turns.
std::int64_t KeyOrder::inner(std::uint32_t layer, std::int64_t ordered) const {
  if (placement_.layer(layer).pinned >= 0) return ordered;
  const std::int64_t parts = placement_.workers();
  const std::int64_t block = this->block(layer, ordered);
  const std::int64_t start = (product(block, topology_.task_count(layer)) + parts - 1) / parts;
  return product(ordered - start, parts) + block;
}

KeyOrder::Time KeyOrder::time_of_leaves(std::uint32_t source, std::int64_t first,
                                        std::int64_t last) const {
  const LayerOrder& leaves = layers_[source];
  const std::int64_t from = first / leaves.slab_tasks;
  const std::int64_t to = last / leaves.slab_tasks;
  const bool one_rank = block(source, first) == block(source, last);
  if (from == to) {
    return {wave(to, leaves.slabs), to, one_rank ? inner(source, last) : kEnd};
  }
  if (one_rank && !is_cut(from, leaves.slabs) && !is_cut(to, leaves.slabs)) {
    return {wave(to, leaves.slabs), to, inner(source, last)};
  }
  return {leaves.slabs + 1, leaves.slabs, kEnd};
}

KeyOrder::Time KeyOrder::tree_time(const graph::TaskId& task, const graph::Reduce& tree) const {
  const LayerOrder& mine = layers_[task.layer];
  if (mine.post_order) {
    const Interval leaves = topology_.outer_leaves(task);  // the first and the last one
    return time_of_leaves(tree.source.layer,
                          placement_.ordered_of(topology_, {tree.source.layer, leaves.lo}),
                          placement_.ordered_of(topology_, {tree.source.layer, leaves.hi}));
  }
  if (mine.slabs == 0) return {0, 0, kEnd};
  const graph::Reduction& constants = topology_.reduction(task.layer);
  const std::int64_t slab =
      coordinate_of(task.position / constants.nodes(), constants.kept_grid.counts())[mine.axis];
  return {wave(slab, mine.slabs), slab, kEnd};
}

OrderKey KeyOrder::key(const graph::TaskId& task) const {
  const LayerOrder& mine = layers_[task.layer];
  OrderKey key{.phase = mine.phase, .depth = placement_.depth(task.layer), .layer = task.layer};
  Time time;
  if (const auto* tree = std::get_if<graph::Reduce>(&topology_.graph().layers[task.layer].kind)) {
    key.order = task.position;
    time = tree_time(task, *tree);
  } else {
    key.order = placement_.ordered_of(topology_, task);
    const std::int64_t slab = key.order / mine.slab_tasks;
    time = {wave(slab, mine.slabs), slab, mine.by_position ? inner(task.layer, key.order) : kEnd};
  }
  key.wave = time.wave;
  key.slab = time.slab;
  key.inner = time.inner;
  return key;
}

std::vector<Interval> KeyOrder::pieces(std::uint32_t layer, int rank) const {
  const Interval range = placement_.range(topology_, layer, rank);
  const LayerOrder& mine = layers_[layer];
  std::vector<Interval> pieces;
  const auto add = [&](std::int64_t lo, std::int64_t hi) {
    if (lo < hi) pieces.push_back({lo, hi});
  };
  if (mine.slabs <= 1 || range.length() == 0) {
    add(range.lo, range.hi);
    return pieces;
  }
  std::int64_t whole_lo = range.lo;
  std::int64_t whole_hi = range.hi;
  const std::int64_t first = range.lo / mine.slab_tasks;
  const std::int64_t last = (range.hi - 1) / mine.slab_tasks;
  if (is_cut(first, mine.slabs)) whole_lo = std::min(range.hi, (first + 1) * mine.slab_tasks);
  if (is_cut(last, mine.slabs)) whole_hi = std::max(whole_lo, last * mine.slab_tasks);
  add(whole_lo, whole_hi);
  add(range.lo, whole_lo);
  add(whole_hi, range.hi);
  return pieces;
}

// Those of the trees that have leaves on the rank: a node is at home where one of its leaves is.
std::vector<std::int64_t> KeyOrder::nodes(std::uint32_t layer, int rank) const {
  const auto& tree = std::get<graph::Reduce>(topology_.graph().layers[layer].kind);
  const graph::Reduction& constants = topology_.reduction(layer);
  std::vector<std::pair<OrderKey, std::int64_t>> found;
  const auto look_at = [&](std::int64_t kept) {
    for (std::int64_t node = 0; node < constants.nodes(); ++node) {
      const graph::TaskId task{layer, kept * constants.nodes() + node};
      if (placement_.home(topology_, task) == rank) found.emplace_back(key(task), task.position);
    }
  };
  const Interval range = placement_.range(topology_, tree.source.layer, rank);
  if (leaves_in_order(placement_, tree)) {
    for (std::int64_t at = range.lo; at < range.hi;
         at += constants.leaves - at % constants.leaves) {
      const Extents chunk = coordinate_of(placement_.position_at(topology_, tree.source.layer, at),
                                          tree.source_grid.counts());
      Extents kept;
      for (const std::int64_t axis : constants.kept_axes) kept.push_back(chunk[axis]);
      look_at(position_of(kept, constants.kept_grid.counts()));
    }
  } else {
    const std::int64_t trees =
        topology_.task_count(layer) / std::max<std::int64_t>(1, constants.nodes());
    for (std::int64_t kept = 0; kept < trees; ++kept) look_at(kept);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::int64_t> nodes;
  for (const auto& [key, position] : found) nodes.push_back(position);
  return nodes;
}

}  // namespace rankine::plan
