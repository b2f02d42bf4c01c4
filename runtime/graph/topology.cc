#include "runtime/graph/topology.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace rankine::graph {
namespace {

template <class Visit>
void for_each_in(const Box& box, const Visit& visit) {
  if (box.empty()) return;
  Extents coordinate = box.lo;
  for (;;) {
    visit(coordinate);
    std::size_t k = box.rank();
    for (; k-- > 0;) {
      if (++coordinate[k] < box.hi[k]) break;
      coordinate[k] = box.lo[k];
    }
    if (k == static_cast<std::size_t>(-1)) return;
  }
}

}  // namespace

ChunkGrid kept_grid_of(const ChunkGrid& grid, const Extents& reduced) {
  std::vector<AxisChunks> axes;
  for (std::size_t k = 0; k < grid.rank(); ++k) {
    if (reduced[k] == 0) axes.push_back(grid.axis(k));
  }
  return ChunkGrid(std::move(axes));
}

Box source_box(const Leaf& leaf, const Box& box) {
  Box source{Extents(leaf.terms.size(), 0), Extents(leaf.terms.size(), 0)};
  for (std::size_t k = 0; k < leaf.terms.size(); ++k) {
    const Term& term = leaf.terms[k];
    const std::int64_t x =
        term.axis < 0 ? term.offset : term.step * box.lo[term.axis] + term.offset;
    const std::int64_t y =
        term.axis < 0 ? term.offset : term.step * (box.hi[term.axis] - 1) + term.offset;
    source.lo[k] = std::min(x, y);
    source.hi[k] = std::max(x, y) + 1;
  }
  return source;
}

std::int64_t Topology::task_count() const {
  std::int64_t total = 0;
  for (const Table& table : tables_) total += table.tasks;
  return total;
}

std::uint32_t Topology::output_count(std::uint32_t layer) const {
  const Map* map = std::get_if<Map>(&graph_->layers[layer].kind);
  return map == nullptr ? 1 : static_cast<std::uint32_t>(map->heads.size());
}

bool Topology::leaves_chunk(std::uint32_t layer, std::uint32_t output) const {
  const Kind& kind = graph_->layers[layer].kind;
  const Map* map = std::get_if<Map>(&kind);
  if (map == nullptr) return !std::holds_alternative<Collect>(kind);
  return std::holds_alternative<Keep>(map->heads[output]) ||
         std::holds_alternative<Partial>(map->heads[output]);
}

const ChunkGrid& Topology::output_grid(LayerOutput output) const {
  return tables_[output.layer].output_grids[output.output];
}

DType Topology::output_dtype(LayerOutput output) const {
  const Kind& kind = graph_->layers[output.layer].kind;
  if (const Reduce* reduce = std::get_if<Reduce>(&kind)) return reduce->result_dtype();
  if (const auto* array = std::get_if<HeldArray>(&kind)) return array->dtype;
  if (!std::holds_alternative<Map>(kind)) return DType::kUInt8;
  const Map& map = std::get<Map>(kind);
  if (const Partial* partial = std::get_if<Partial>(&map.heads[output.output])) {
    return kernels::result_dtype(partial->spec);
  }
  return map.program.output_dtype(output.output);
}

std::int64_t Topology::task_of(LayerOutput output, const Extents& chunk) const {
  const Table& table = tables_[output.layer];
  if (table.reduction) {
    const Extents& counts = table.counts;
    std::int64_t position = 0;
    for (std::size_t k = 0; k < chunk.size(); ++k) position = position * counts[k] + chunk[k];
    return position * table.reduction->nodes() + table.reduction->nodes() - 1;
  }
  const Map* map = std::get_if<Map>(&graph_->layers[output.layer].kind);
  const Partial* partial =
      map == nullptr ? nullptr : std::get_if<Partial>(&map->heads[output.output]);
  if (partial == nullptr || !partial->complete) return position_of(chunk, table.counts);
  Extents task(table.counts.size(), 0);
  std::size_t next = 0;
  for (std::size_t k = 0; k < task.size(); ++k) {
    if (partial->reduced[k] == 0) task[k] = chunk[next++];
  }
  return position_of(task, table.counts);
}

std::int64_t Topology::output_bytes(const ChunkId& chunk) const {
  const Layer& layer = graph_->layers[chunk.layer];
  const Table& table = tables_[chunk.layer];
  if (const Reduce* reduce = std::get_if<Reduce>(&layer.kind)) {
    const std::int64_t nodes = table.reduction->nodes();
    const Extents kept = coordinate_of(chunk.position / nodes, table.reduction->kept_grid.counts());
    const std::int64_t elements = table.reduction->kept_grid.chunk_box(kept).size();
    if (chunk.position % nodes == nodes - 1) {
      return elements * static_cast<std::int64_t>(size_of(reduce->result_dtype()));
    }
    return reduce->state_bytes(elements);
  }
  if (const auto* array = std::get_if<HeldArray>(&layer.kind)) {
    return array->grid.chunk_box(coordinate_of(chunk.position, table.counts)).size() *
           static_cast<std::int64_t>(size_of(array->dtype));
  }
  if (const Grid* grid = std::get_if<Grid>(&layer.kind)) return grid->item_bytes;
  if (!std::holds_alternative<Map>(layer.kind)) return 0;
  const Map& map = std::get<Map>(layer.kind);
  const Head& head = map.heads[chunk.output];
  const Box box = map.grid.chunk_box(coordinate_of(chunk.position, table.counts));
  if (std::holds_alternative<Keep>(head)) {
    return box.size() * static_cast<std::int64_t>(size_of(map.program.output_dtype(chunk.output)));
  }
  const Partial* partial = std::get_if<Partial>(&head);
  if (partial == nullptr) return 0;
  std::int64_t kept = 1;
  for (std::size_t k = 0; k < box.rank(); ++k) {
    if (partial->reduced[k] == 0) kept *= box.hi[k] - box.lo[k];
  }
  if (partial->complete) {
    return kept * static_cast<std::int64_t>(size_of(kernels::result_dtype(partial->spec)));
  }
  return static_cast<std::int64_t>(kernels::state_bytes(partial->spec, kept));
}

std::int64_t Topology::largest_output_bytes(LayerOutput output) const {
  const Kind& kind = graph_->layers[output.layer].kind;
  if (const Grid* grid = std::get_if<Grid>(&kind)) return grid->item_bytes;
  if (std::holds_alternative<Explicit>(kind) || std::holds_alternative<Collect>(kind) ||
      std::holds_alternative<GridCollect>(kind) || std::holds_alternative<HeldValues>(kind)) {
    return 0;
  }
  const ChunkGrid& grid = output_grid(output);
  const std::int64_t elements = grid.largest_chunk();
  if (const Reduce* reduce = std::get_if<Reduce>(&kind)) {
    return reduce->state_bytes(elements);
  }
  const Map* map = std::get_if<Map>(&kind);
  const Partial* partial =
      map == nullptr ? nullptr : std::get_if<Partial>(&map->heads[output.output]);
  if (partial != nullptr) {
    return static_cast<std::int64_t>(kernels::state_bytes(
        partial->spec, kept_grid_of(map->grid, partial->reduced).largest_chunk()));
  }
  return elements * static_cast<std::int64_t>(size_of(output_dtype(output)));
}

HeldName Topology::held_name(TaskId task) const {
  const Kind& kind = graph_->layers[task.layer].kind;
  if (const auto* array = std::get_if<HeldArray>(&kind)) {
    return {array->graph, array->slot, task.position};
  }
  const auto& values = std::get<HeldValues>(kind);
  return {values.graphs[task.position], HeldName::kTaskSlot, values.tasks[task.position]};
}

Box Topology::inputs_of(const LeafEdge& edge, const Extents& task) const {
  Box box{Extents(edge.axes.size(), 0), Extents(edge.axes.size(), 0)};
  for (std::size_t k = 0; k < task.size(); ++k) {
    if (task[k] < edge.domain[k].lo || task[k] >= edge.domain[k].hi) {
      return edge.axes.empty() ? Box{Extents(1, 0), Extents(1, 0)} : box;
    }
  }
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    const Interval chunks =
        edge.axes[k] < 0 ? edge.fixed[k] : edge.maps[k].inputs(task[edge.axes[k]]);
    box.lo[k] = chunks.lo;
    box.hi[k] = chunks.hi;
  }
  return box;
}

void Topology::for_each_input(TaskId task, VisitInput visit) const {
  const Table& table = tables_[task.layer];
  const Kind& kind = graph_->layers[task.layer].kind;
  if (const Reduce* reduce = std::get_if<Reduce>(&kind)) {
    return visit_tree_inputs(task, *reduce, visit);
  }
  if (const Explicit* tasks = std::get_if<Explicit>(&kind)) {
    return visit_arguments(task, *tasks, visit);
  }
  if (const Collect* collect = std::get_if<Collect>(&kind)) {
    return visit({collect->layer, 0, collect->tasks[task.position]});
  }
  if (const Grid* grid = std::get_if<Grid>(&kind)) return visit_grid_inputs(task, *grid, visit);
  if (const GridCollect* collect = std::get_if<GridCollect>(&kind)) {
    return visit({collect->layer, 0, collected_position(task)});
  }
  for (const LeafEdge& edge : table.inputs_from_leaves) {
    for_each_in(inputs_of(edge, coordinate_of(task.position, edge.counts)),
                [&](const Extents& chunk) {
                  visit({edge.producer.layer, edge.producer.output, task_of(edge.producer, chunk)});
                });
  }
}

void Topology::visit_grid_inputs(TaskId task, const Grid& grid, VisitInput visit) const {
  const Table& table = tables_[task.layer];
  const Extents coordinate = table.grid->coordinate(task.position);
  for (std::size_t i = 0; i < grid.inputs.size(); ++i) {
    const std::uint32_t producer = grid.inputs[i].layer;
    table.grid->visit_inputs(i, coordinate, [&](std::int64_t position) {
      visit({producer, 0, position});
    });
  }
}

std::int64_t Topology::collected_position(TaskId task) const {
  const auto& collect = std::get<GridCollect>(graph_->layers[task.layer].kind);
  Extents coordinate = coordinate_of(task.position, tables_[task.layer].counts);
  for (std::size_t k = 0; k < coordinate.size(); ++k) coordinate[k] += collect.box.lo[k];
  return position_of(coordinate, tables_[collect.layer].counts);
}

void Topology::visit_grid_users(const ChunkId& chunk, const ConsumerEdge& edge,
                                VisitUse visit) const {
  const Extents at = tables_[chunk.layer].grid->coordinate(chunk.position);
  const Table& consumer = tables_[edge.layer];
  if (consumer.grid) {
    return consumer.grid->visit_consumers(edge.index, at, [&](std::int64_t position) {
      visit({edge.layer, position}, nullptr);
    });
  }
  const Box& box = std::get<GridCollect>(graph_->layers[edge.layer].kind).box;
  Extents within = at;
  for (std::size_t k = 0; k < at.size(); ++k) {
    if (at[k] < box.lo[k] || at[k] >= box.hi[k]) return;
    within[k] -= box.lo[k];
  }
  visit({edge.layer, position_of(within, consumer.counts)}, nullptr);
}

void Topology::visit_tree_inputs(TaskId task, const Reduce& reduce, VisitInput visit) const {
  const Reduction& tree = *tables_[task.layer].reduction;
  const std::int64_t kept = task.position / tree.nodes();
  const std::int64_t node = task.position % tree.nodes();
  const auto level = std::upper_bound(tree.level_start.begin(), tree.level_start.end(), node) -
                     tree.level_start.begin() - 1;
  const std::int64_t index = node - tree.level_start[level];
  const std::int64_t width =
      level == 0 ? tree.leaves : tree.level_start[level] - tree.level_start[level - 1];
  const std::int64_t last = std::min((index + 1) * reduce.fan_in, width);
  for (std::int64_t child = index * reduce.fan_in; child < last; ++child) {
    if (level > 0) {
      visit({task.layer, 0, kept * tree.nodes() + tree.level_start[level - 1] + child});
      continue;
    }
    visit({reduce.source.layer, reduce.source.output, leaf_position(reduce, tree, kept, child)});
  }
}

void Topology::visit_arguments(TaskId task, const Explicit& tasks, VisitInput visit) const {
  for (const std::uint32_t code : tasks.arguments_of(static_cast<std::size_t>(task.position))) {
    const Argument argument(code);
    if (argument.kind() == Argument::Kind::kTask) visit({task.layer, 0, argument.index()});
    if (argument.kind() == Argument::Kind::kHeld) visit({tasks.held_layer, 0, argument.index()});
    if (argument.kind() != Argument::Kind::kArray) continue;
    const LayerOutput& array = tasks.arrays[argument.index()];
    for_each_in(Box::whole(output_grid(array).counts()), [&](const Extents& chunk) {
      visit({array.layer, array.output, task_of(array, chunk)});
    });
  }
}

std::int64_t Topology::leaf_position(const Reduce& reduce, const Reduction& tree, std::int64_t kept,
                                     std::int64_t leaf) const {
  const Extents kept_chunk = coordinate_of(kept, tree.kept_grid.counts());
  const Extents leaf_chunk = coordinate_of(leaf, tree.reduced_counts);
  const Extents counts = reduce.source_grid.counts();
  Extents source(counts.size(), 0);
  for (std::size_t k = 0; k < leaf_chunk.size(); ++k) source[tree.reduced_axes[k]] = leaf_chunk[k];
  for (std::size_t k = 0; k < kept_chunk.size(); ++k) source[tree.kept_axes[k]] = kept_chunk[k];
  return position_of(source, counts);
}

Interval Topology::leaves_below(TaskId task) const {
  const Reduce& reduce = std::get<Reduce>(graph_->layers[task.layer].kind);
  const Reduction& tree = *tables_[task.layer].reduction;
  std::int64_t node = task.position % tree.nodes();
  std::int64_t level = std::upper_bound(tree.level_start.begin(), tree.level_start.end(), node) -
                       tree.level_start.begin() - 1;
  std::int64_t first = node - tree.level_start[level];
  std::int64_t last = first + 1;
  for (; level >= 0; --level) {
    first *= reduce.fan_in;
    last *= reduce.fan_in;
  }
  return {first, std::min(last, tree.leaves)};
}

std::int64_t Topology::middle_leaf(TaskId task) const {
  const Reduction& tree = *tables_[task.layer].reduction;
  const Interval below = leaves_below(task);
  return leaf_position(std::get<Reduce>(graph_->layers[task.layer].kind), tree,
                       task.position / tree.nodes(), (below.lo + below.hi) / 2);
}

Interval Topology::outer_leaves(TaskId task) const {
  const Reduce& reduce = std::get<Reduce>(graph_->layers[task.layer].kind);
  const Reduction& tree = *tables_[task.layer].reduction;
  const Interval below = leaves_below(task);
  const std::int64_t kept = task.position / tree.nodes();
  return {leaf_position(reduce, tree, kept, below.lo),
          leaf_position(reduce, tree, kept, below.hi - 1)};
}

std::int64_t Topology::count_inputs(TaskId task) const {
  const Table& table = tables_[task.layer];
  std::int64_t count = 0;
  if (table.grid) return table.grid->count_inputs(table.grid->coordinate(task.position));
  if (!std::holds_alternative<Map>(graph_->layers[task.layer].kind)) {
    for_each_input(task, [&](const ChunkId&) { ++count; });
    return count;
  }
  for (const LeafEdge& edge : table.inputs_from_leaves) {
    count += inputs_of(edge, coordinate_of(task.position, edge.counts)).size();
  }
  return count;
}

std::int64_t Topology::tree_parent(std::uint32_t layer, std::int64_t node) const {
  const Reduction& tree = *tables_[layer].reduction;
  const std::int64_t fan_in = std::get<Reduce>(graph_->layers[layer].kind).fan_in;
  const auto level = std::upper_bound(tree.level_start.begin(), tree.level_start.end(), node) -
                     tree.level_start.begin() - 1;
  return tree.level_start[level + 1] + (node - tree.level_start[level]) / fan_in;
}

Box Topology::consumers_of(const LeafEdge& edge, const Extents& chunk) const {
  const Extents& counts = edge.counts;
  Box box{Extents(counts.size(), 0), Extents(counts.size(), 0)};
  for (std::size_t k = 0; k < counts.size(); ++k) {
    box.lo[k] = edge.domain[k].lo;
    box.hi[k] = edge.domain[k].hi;
  }
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    const std::int32_t axis = edge.axes[k];
    if (axis < 0) {
      const bool inside = chunk[k] >= edge.fixed[k].lo && chunk[k] < edge.fixed[k].hi;
      if (!inside) return {Extents(1, 0), Extents(1, 0)};  // nobody
      continue;
    }
    const Interval consumers = edge.maps[k].consumers(chunk[k]);
    box.lo[axis] = std::max(box.lo[axis], consumers.lo);
    box.hi[axis] = std::min(box.hi[axis], consumers.hi);
  }
  return box;
}

void Topology::visit_leaf_consumers(const LeafEdge& edge, const Extents& chunk,
                                    VisitUse visit) const {
  for_each_in(consumers_of(edge, chunk), [&](const Extents& task) {
    visit({edge.consumer, position_of(task, edge.counts)}, &edge);
  });
}

Extents Topology::output_chunk(const ChunkId& chunk) const {
  const Table& table = tables_[chunk.layer];
  if (table.reduction) {
    return coordinate_of(chunk.position / table.reduction->nodes(),
                         table.reduction->kept_grid.counts());
  }
  const Extents task = coordinate_of(chunk.position, table.counts);
  if (table.output_grids[chunk.output].rank() == task.size()) return task;
  const Map& map = std::get<Map>(graph_->layers[chunk.layer].kind);
  const Partial& partial = std::get<Partial>(map.heads[chunk.output]);
  Extents kept;
  for (std::size_t k = 0; k < task.size(); ++k) {
    if (partial.reduced[k] == 0) kept.push_back(task[k]);
  }
  return kept;
}

Box Topology::elements_read(const LeafEdge& edge, TaskId task) const {
  const Map& map = std::get<Map>(graph_->layers[edge.consumer].kind);
  const Leaf& leaf = map.leaves[edge.leaf];
  Box box = map.grid_of(leaf).chunk_box(coordinate_of(task.position, edge.counts));
  for (std::size_t k = 0; k < box.rank(); ++k) {
    const Reach reach = map.reach_of(leaf, k);
    box.lo[k] -= reach.before;
    box.hi[k] += reach.after;
  }
  return source_box(leaf, intersect(box, leaf.domain));
}

bool Topology::is_read_in_parts(LayerOutput output) const {
  const auto& consumers = tables_[output.layer].consumers;
  return std::any_of(consumers.begin(), consumers.end(), [&](const ConsumerEdge& edge) {
    return edge.output == output.output && !tables_[edge.layer].inputs_from_leaves.empty();
  });
}

void Topology::for_each_consumer(const ChunkId& chunk, VisitTask visit) const {
  for_each_use(chunk, [&](TaskId task, const LeafEdge*) { visit(task); });
}

void Topology::for_each_use(const ChunkId& chunk, VisitUse visit) const {
  const Table& table = tables_[chunk.layer];
  if (table.reduction && chunk.position % table.reduction->nodes() < table.reduction->nodes() - 1) {
    const std::int64_t nodes = table.reduction->nodes();
    visit({chunk.layer,
           chunk.position / nodes * nodes + tree_parent(chunk.layer, chunk.position % nodes)},
          nullptr);
    return;
  }
  if (table.explicit_edges) {
    for (const std::uint32_t user : table.explicit_edges->users_of(chunk.position)) {
      visit({chunk.layer, user}, nullptr);
    }
  }
  for (const ConsumerEdge& consumer : table.consumers) {
    if (consumer.output == chunk.output) visit_users(chunk, consumer, visit);
  }
}

void Topology::visit_users(const ChunkId& chunk, const ConsumerEdge& edge, VisitUse visit) const {
  const Table& consumer = tables_[edge.layer];
  const Kind& kind = graph_->layers[edge.layer].kind;
  if (const Reduce* reduce = std::get_if<Reduce>(&kind)) {
    visit_tree_leaf(chunk, edge.layer, *reduce, visit);
  } else if (consumer.explicit_edges) {
    const ExplicitEdges& edges = *consumer.explicit_edges;
    for (const std::uint32_t user : edge.index == ConsumerEdge::kHeldValues
                                        ? edges.users_of_held(chunk.position)
                                        : edges.users_of_array(edge.index)) {
      visit({edge.layer, user}, nullptr);
    }
  } else if (std::holds_alternative<Collect>(kind)) {
    const auto task = static_cast<std::uint32_t>(chunk.position);
    auto entry = std::lower_bound(consumer.collected.begin(), consumer.collected.end(),
                                  std::pair{task, std::uint32_t{0}});
    for (; entry != consumer.collected.end() && entry->first == task; ++entry) {
      visit({edge.layer, entry->second}, nullptr);
    }
  } else if (!std::holds_alternative<Map>(kind)) {
    visit_grid_users(chunk, edge, visit);
  } else {
    visit_leaf_consumers(consumer.inputs_from_leaves[edge.index], output_chunk(chunk), visit);
  }
}

void Topology::visit_tree_leaf(const ChunkId& chunk, std::uint32_t layer, const Reduce& reduce,
                               VisitUse visit) const {
  const Reduction& tree = *tables_[layer].reduction;
  const Extents coordinate = coordinate_of(chunk.position, tables_[chunk.layer].counts);
  Extents kept, reduced;
  for (std::int64_t axis : tree.kept_axes) kept.push_back(coordinate[axis]);
  for (std::int64_t axis : tree.reduced_axes) reduced.push_back(coordinate[axis]);
  visit({layer, position_of(kept, tree.kept_grid.counts()) * tree.nodes() +
                    position_of(reduced, tree.reduced_counts) / reduce.fan_in},
        nullptr);
}

}  // namespace rankine::graph
