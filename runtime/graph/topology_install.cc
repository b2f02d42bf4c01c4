// Topology: the tables that are made from the layers when a graph is installed.
#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/graph/topology.h"

namespace rankine::graph {

Topology::Topology(std::shared_ptr<const Graph> graph) : graph_(std::move(graph)) {
  tables_.resize(graph_->layers.size());
  for (std::uint32_t layer = 0; layer < graph_->layers.size(); ++layer) {
    const Kind& kind = graph_->layers[layer].kind;
    if (const Map* map = std::get_if<Map>(&kind)) install_map(layer, *map);
    if (const Reduce* reduce = std::get_if<Reduce>(&kind)) install_reduce(layer, *reduce);
    if (const Explicit* tasks = std::get_if<Explicit>(&kind)) install_explicit(layer, *tasks);
    if (const Collect* collect = std::get_if<Collect>(&kind)) install_collect(layer, *collect);
    if (const auto* array = std::get_if<HeldArray>(&kind)) install_held_array(layer, *array);
    if (const auto* values = std::get_if<HeldValues>(&kind)) install_held_values(layer, *values);
    if (const Grid* grid = std::get_if<Grid>(&kind)) install_grid(layer, *grid);
    if (const auto* grid = std::get_if<GridCollect>(&kind)) install_grid_collect(layer, *grid);
  }
}

void Topology::install_map(std::uint32_t layer, const Map& map) {
  Table& table = tables_[layer];
  check_map(map);
  table.counts = map.grid.counts();
  table.tasks = volume(table.counts);
  for (const Head& head : map.heads) {
    const Partial* partial = std::get_if<Partial>(&head);
    table.output_grids.push_back(partial != nullptr && partial->complete
                                     ? kept_grid_of(map.grid, partial->reduced)
                                     : map.grid);
  }
  for (std::uint32_t leaf = 0; leaf < map.leaves.size(); ++leaf) {
    const LayerOutput* producer = std::get_if<LayerOutput>(&map.leaves[leaf].source);
    if (producer == nullptr) continue;
    check_source(layer, *producer);
    check_leaf(map, map.leaves[leaf]);
    const auto edge = static_cast<std::uint32_t>(table.inputs_from_leaves.size());
    table.inputs.push_back(*producer);
    table.inputs_from_leaves.push_back(edge_of(layer, leaf, map));
    tables_[producer->layer].consumers.push_back({layer, edge, producer->output});
  }
}

Topology::LeafEdge Topology::edge_of(std::uint32_t layer, std::uint32_t leaf_index,
                                     const Map& map) const {
  const Leaf& leaf = map.leaves[leaf_index];
  LeafEdge edge;
  edge.consumer = layer;
  edge.leaf = leaf_index;
  edge.producer = std::get<LayerOutput>(leaf.source);
  const ChunkGrid& produced = output_grid(edge.producer);
  const ChunkGrid& grid = map.grid_of(leaf);
  edge.counts = grid.counts();
  for (std::size_t k = 0; k < grid.rank(); ++k) {
    const Reach reach = map.reach_of(leaf, k);
    const Interval domain{leaf.domain.lo[k] - reach.after, leaf.domain.hi[k] + reach.before};
    const bool none = leaf.domain.lo[k] >= leaf.domain.hi[k];
    edge.domain.push_back(none ? Interval{} : grid.axis(k).chunks_over(domain));
  }
  for (std::size_t k = 0; k < produced.rank(); ++k) {
    const Term& term = leaf.terms[k];
    edge.axes.push_back(term.axis);
    if (term.axis < 0) {
      edge.fixed.push_back(produced.axis(k).chunks_over({term.offset, term.offset + 1}));
      edge.maps.emplace_back(AxisChunks(), AxisChunks(), 1, 0, Interval{});
    } else {
      edge.fixed.push_back({});
      const Reach reach = map.reach_of(leaf, static_cast<std::size_t>(term.axis));
      edge.maps.emplace_back(grid.axis(term.axis), produced.axis(k), term.step, term.offset,
                             Interval{leaf.domain.lo[term.axis], leaf.domain.hi[term.axis]},
                             reach.before, reach.after);
    }
  }
  return edge;
}

void Topology::install_reduce(std::uint32_t layer, const Reduce& reduce) {
  check_reduce(layer, reduce);
  Table& table = tables_[layer];
  auto constants = std::make_unique<Reduction>();
  for (std::size_t k = 0; k < reduce.source_grid.rank(); ++k) {
    (reduce.reduced[k] != 0 ? constants->reduced_axes : constants->kept_axes)
        .push_back(static_cast<std::int64_t>(k));
    if (reduce.reduced[k] != 0) {
      constants->reduced_counts.push_back(reduce.source_grid.axis(k).count());
    }
  }
  constants->kept_grid = kept_grid_of(reduce.source_grid, reduce.reduced);
  constants->leaves = volume(constants->reduced_counts);
  constants->level_start.push_back(0);
  for (std::int64_t width = constants->leaves; width > 1;) {
    width = (width + reduce.fan_in - 1) / reduce.fan_in;
    constants->level_start.push_back(constants->level_start.back() + width);
  }
  table.counts = constants->kept_grid.counts();
  table.counts.push_back(constants->nodes());
  table.tasks = volume(table.counts);
  table.output_grids.push_back(constants->kept_grid);
  table.inputs.push_back(reduce.source);
  tables_[reduce.source.layer].consumers.push_back({layer, 0, reduce.source.output});
  table.reduction = std::move(constants);
}

void Topology::install_explicit(std::uint32_t layer, const Explicit& tasks) {
  tasks.check(layer);
  for (const LayerOutput& array : tasks.arrays) check_source(layer, array);
  Table& table = tables_[layer];
  table.tasks = static_cast<std::int64_t>(tasks.task_count());
  table.counts = {table.tasks};
  table.output_grids.push_back(ChunkGrid::regular(table.counts, {1}));
  const bool takes_held = tasks.held_layer < layer &&
                          std::holds_alternative<HeldValues>(graph_->layers[tasks.held_layer].kind);
  table.explicit_edges = std::make_unique<ExplicitEdges>(
      tasks, takes_held ? static_cast<std::size_t>(tables_[tasks.held_layer].tasks) : 0);
  if (takes_held) {
    table.inputs.push_back({tasks.held_layer, 0});
    tables_[tasks.held_layer].consumers.push_back({layer, ConsumerEdge::kHeldValues, 0});
  }
  for (std::uint32_t i = 0; i < tasks.arrays.size(); ++i) {
    table.inputs.push_back(tasks.arrays[i]);
    tables_[tasks.arrays[i].layer].consumers.push_back({layer, i, tasks.arrays[i].output});
  }
}

void Topology::install_collect(std::uint32_t layer, const Collect& collect) {
  if (collect.layer >= layer ||
      (!tables_[collect.layer].explicit_edges &&
       !std::holds_alternative<HeldValues>(graph_->layers[collect.layer].kind))) {
    throw input_error("a layer collects what is not there", "");
  }
  Table& table = tables_[layer];
  table.tasks = static_cast<std::int64_t>(collect.tasks.size());
  table.counts = {table.tasks};
  for (std::uint32_t i = 0; i < collect.tasks.size(); ++i) {
    if (collect.tasks[i] >= tables_[collect.layer].tasks) {
      throw input_error("a layer collects what is not there", "");
    }
    table.collected.emplace_back(collect.tasks[i], i);
  }
  std::sort(table.collected.begin(), table.collected.end());
  table.inputs.push_back({collect.layer, 0});
  tables_[collect.layer].consumers.push_back({layer, 0, 0});
}

void Topology::install_held_array(std::uint32_t layer, const HeldArray& array) {
  check_held_array(array);
  Table& table = tables_[layer];
  table.counts = array.grid.counts();
  table.tasks = volume(table.counts);
  table.output_grids.push_back(array.grid);
}

void Topology::install_held_values(std::uint32_t layer, const HeldValues& values) {
  if (values.tasks.size() != values.size() || values.homes.size() != values.size()) {
    throw input_error("a layer is damaged", "");
  }
  Table& table = tables_[layer];
  table.tasks = static_cast<std::int64_t>(values.size());
  table.counts = {table.tasks};
  table.output_grids.push_back(ChunkGrid::regular(table.counts, {1}));
}

// An input from the grid itself makes the grid a consumer of its own, but no layer above itself.
void Topology::install_grid(std::uint32_t layer, const Grid& grid) {
  const auto counts_of = [&](std::uint32_t other) -> const Extents* {
    return other < layer && tables_[other].grid ? &tables_[other].grid->grid().counts : nullptr;
  };
  grid.check(layer, counts_of);
  Table& table = tables_[layer];
  table.grid = std::make_unique<GridEdges>(grid, layer, counts_of);
  table.counts = grid.counts;
  table.tasks = volume(table.counts);
  table.output_grids.push_back(ChunkGrid::regular(table.counts, Extents(table.counts.size(), 1)));
  for (std::uint32_t i = 0; i < grid.inputs.size(); ++i) {
    const std::uint32_t producer = grid.inputs[i].layer;
    if (producer != layer) table.inputs.push_back({producer, 0});
    tables_[producer].consumers.push_back({layer, i, 0});
  }
}

void Topology::install_grid_collect(std::uint32_t layer, const GridCollect& collect) {
  check_grid_collect(layer, collect);
  Table& table = tables_[layer];
  table.counts = collect.box.shape();
  table.tasks = volume(table.counts);
  table.inputs.push_back({collect.layer, 0});
  tables_[collect.layer].consumers.push_back({layer, 0, 0});
}

}  // namespace rankine::graph
