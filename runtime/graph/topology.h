// The tasks of a graph and the edges between them, as functions of layer and position: computed
// from the layers when the graph is installed, O(layers) in memory. The core of the runtime calls
// only these functions; inputs and consumers are each other's inverse.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/graph/axis_map.h"
#include "runtime/graph/explicit_edges.h"
#include "runtime/graph/grid_edges.h"
#include "runtime/graph/layer.h"

namespace rankine::graph {

// A task, or the chunk of one output of it.
struct TaskId {
  std::uint32_t layer = 0;
  std::int64_t position = 0;
  bool operator==(const TaskId&) const = default;
};
struct TaskIdHash {
  std::size_t operator()(const TaskId& task) const {
    return static_cast<std::size_t>(task.position) * 0x9e3779b97f4a7c15u ^ task.layer;
  }
};
struct ChunkId {
  std::uint32_t layer = 0;
  std::uint32_t output = 0;
  std::int64_t position = 0;
  bool operator==(const ChunkId&) const = default;
  TaskId task() const { return {layer, position}; }
};

// The axes of a grid that are not reduced.
ChunkGrid kept_grid_of(const ChunkGrid& grid, const Extents& reduced);

// The source indices that the terms of a leaf reach from an iteration box inside its domain.
Box source_box(const Leaf& leaf, const Box& box);

// The tasks of one layer as a grid, and the shape of what they leave behind.
struct Reduction {         // constants of a Reduce layer
  Extents kept_axes;       // axes of the source grid that stay
  Extents reduced_axes;    // and those that go
  Extents reduced_counts;  // chunks along the reduced axes
  ChunkGrid kept_grid;
  std::int64_t leaves = 0;                // chunks per tree
  std::vector<std::int64_t> level_start;  // first node of each level; the last entry is the count
  std::int64_t nodes() const { return level_start.back(); }
};

class Topology {
 public:
  struct LeafEdge;

  explicit Topology(std::shared_ptr<const Graph> graph);

  const Graph& graph() const { return *graph_; }
  std::size_t layer_count() const { return graph_->layers.size(); }
  std::int64_t task_count(std::uint32_t layer) const { return tables_[layer].tasks; }
  std::int64_t task_count() const;

  // The grid of tasks: for a Map its chunks; for a Reduce (kept chunks..., nodes); for a Grid and
  // what collects of it their own; else their number.
  const Extents& counts(std::uint32_t layer) const { return tables_[layer].counts; }
  const Reduction& reduction(std::uint32_t layer) const { return *tables_[layer].reduction; }
  // Null if the layer is no Grid.
  const GridEdges* grid_edges(std::uint32_t layer) const { return tables_[layer].grid.get(); }

  // Outputs that a task may leave for others or hand over.
  std::uint32_t output_count(std::uint32_t layer) const;
  // Whether an output is left for others, as a chunk, and not handed over by the task itself.
  bool leaves_chunk(std::uint32_t layer, std::uint32_t output) const;
  // How the elements of an output are cut (kept axes only for a finished reduction; the results of
  // user tasks count as one element each).
  const ChunkGrid& output_grid(LayerOutput output) const;
  DType output_dtype(LayerOutput output) const;
  // Whether a Map layer reads the output: perhaps only some elements of a chunk. Others take chunks
  // as they are.
  bool is_read_in_parts(LayerOutput output) const;
  // The task that makes a chunk of output_grid.
  std::int64_t task_of(LayerOutput output, const Extents& chunk) const;
  // Bytes of what a task leaves for others; 0 if nothing, or for a user's task, of which nobody
  // knows.
  std::int64_t output_bytes(const ChunkId& chunk) const;
  std::int64_t largest_output_bytes(LayerOutput output) const;

  // Every (edge, chunk) pair of a task, each once; a chunk used through two edges comes twice.
  using VisitInput = FunctionRef<void(const ChunkId&)>;
  void for_each_input(TaskId task, VisitInput visit) const;
  std::int64_t count_inputs(TaskId task) const;
  // Every (task, edge) pair that needs the chunk, each once.
  using VisitTask = FunctionRef<void(TaskId)>;
  void for_each_consumer(const ChunkId& chunk, VisitTask visit) const;
  // The same, with the edge; null where the chunk is needed as it is.
  using VisitUse = FunctionRef<void(TaskId, const LeafEdge*)>;
  void for_each_use(const ChunkId& chunk, VisitUse visit) const;
  // Some tasks of a Map layer: those at the positions `ordered` of its grid, counted in row-major
  // order of the axes `order`, outermost first.
  struct Window {
    const Extents* order = nullptr;
    Interval ordered;
  };
  using FindWindow = FunctionRef<Window(std::uint32_t layer)>;
  // The uses by tasks of Map layers inside the window of their layer, found without looking at the
  // others, and all uses by tasks of other layers.
  void for_each_use_within(const ChunkId& chunk, FindWindow window, VisitUse visit) const;
  // Where a chunk lies in output_grid: its coordinate and its elements.
  Extents output_chunk(const ChunkId& chunk) const;
  Box output_box(const ChunkId& chunk) const {
    return output_grid({chunk.layer, chunk.output}).chunk_box(output_chunk(chunk));
  }
  // The elements of the producer's array that a task reads through an edge it has.
  Box elements_read(const LeafEdge& edge, TaskId task) const;
  // The position, in the source layer, of the leaf in the middle of those below a Reduce task.
  std::int64_t middle_leaf(TaskId task) const;
  // Likewise of the first and the last of them: lo and hi.
  Interval outer_leaves(TaskId task) const;
  // The position, in the Grid layer, of what a GridCollect task brings.
  std::int64_t collected_position(TaskId task) const;
  // True if no task of the layer waits for another one.
  bool is_source(std::uint32_t layer) const {
    const Table& table = tables_[layer];
    return table.inputs.empty() && !table.explicit_edges &&
           !(table.grid && !table.grid->grid().inputs.empty());
  }

  // True if the tasks of the layer hand on what earlier graphs leave: they can start when that is
  // there.
  bool is_held(std::uint32_t layer) const {
    const Kind& kind = graph_->layers[layer].kind;
    return std::holds_alternative<HeldArray>(kind) || std::holds_alternative<HeldValues>(kind);
  }
  HeldName held_name(TaskId task) const;  // of a task of such a layer

  // The outputs of other layers that the layer reads.
  const std::vector<LayerOutput>& layer_inputs(std::uint32_t layer) const {
    return tables_[layer].inputs;
  }

  // One edge of a Map layer: a leaf that reads another layer.
  struct LeafEdge {
    std::uint32_t consumer = 0;
    std::uint32_t leaf = 0;
    LayerOutput producer;
    // Of the grid over which the leaf is read: the consumer's tasks, perhaps with axes of one chunk
    // more or fewer than counts(consumer).
    Extents counts;
    std::vector<std::int32_t> axes;  // per producer axis: the axis of `counts` it follows, or -1
    std::vector<AxisMap> maps;       // valid where axes >= 0
    std::vector<Interval> fixed;     // the chunks where axes is -1
    std::vector<Interval> domain;    // per axis of `counts`: the tasks that have this edge
  };
  const std::vector<LeafEdge>& leaf_edges(std::uint32_t layer) const {
    return tables_[layer].inputs_from_leaves;
  }
  // The chunks of the producer (a box of coordinates) that one task, a coordinate in the edge's
  // `counts`, needs through an edge.
  Box inputs_of(const LeafEdge& edge, const Extents& task) const;

 private:
  struct ConsumerEdge {
    std::uint32_t layer = 0;
    // Of a Map the index into inputs_from_leaves, of an Explicit into its arrays (or kHeldValues),
    // of a Grid into its inputs.
    std::uint32_t index = 0;
    std::uint32_t output = 0;  // of the producer
    static constexpr std::uint32_t kHeldValues = UINT32_MAX;
  };
  struct Table {
    Extents counts;
    std::int64_t tasks = 0;
    std::vector<LayerOutput> inputs;
    std::vector<LeafEdge> inputs_from_leaves;
    std::vector<ConsumerEdge> consumers;
    std::vector<ChunkGrid> output_grids;
    std::unique_ptr<Reduction> reduction;
    std::unique_ptr<ExplicitEdges> explicit_edges;
    std::unique_ptr<GridEdges> grid;
    // Of a Collect: (task of the Explicit layer, task here), ascending.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> collected;
  };
  void install_map(std::uint32_t layer, const Map& map);
  void install_reduce(std::uint32_t layer, const Reduce& reduce);
  void install_explicit(std::uint32_t layer, const Explicit& tasks);
  void install_collect(std::uint32_t layer, const Collect& collect);
  void install_held_array(std::uint32_t layer, const HeldArray& array);
  void install_held_values(std::uint32_t layer, const HeldValues& values);
  void install_grid(std::uint32_t layer, const Grid& grid);
  void install_grid_collect(std::uint32_t layer, const GridCollect& collect);
  // Throw Error (input) if the layer does not fit those before it.
  void check_source(std::uint32_t layer, LayerOutput source) const;
  void check_map(const Map& map) const;
  void check_leaf(const Map& map, const Leaf& leaf) const;  // one that reads a layer
  void check_reduce(std::uint32_t layer, const Reduce& reduce) const;
  void check_held_array(const HeldArray& array) const;
  void check_grid_collect(std::uint32_t layer, const GridCollect& collect) const;
  LeafEdge edge_of(std::uint32_t layer, std::uint32_t leaf_index, const Map& map) const;
  void visit_tree_inputs(TaskId task, const Reduce& reduce, VisitInput visit) const;
  void visit_arguments(TaskId task, const Explicit& tasks, VisitInput visit) const;
  void visit_grid_inputs(TaskId task, const Grid& grid, VisitInput visit) const;
  void visit_grid_users(const ChunkId& chunk, const ConsumerEdge& edge, VisitUse visit) const;
  // The tasks that need a chunk through an edge.
  Box consumers_of(const LeafEdge& edge, const Extents& chunk) const;
  void visit_leaf_consumers(const LeafEdge& edge, const Extents& chunk, VisitUse visit) const;
  void visit_tree_leaf(const ChunkId& chunk, std::uint32_t layer, const Reduce& reduce,
                       VisitUse visit) const;
  void visit_users(const ChunkId& chunk, const ConsumerEdge& edge, VisitUse visit) const;
  Interval leaves_below(TaskId task) const;  // counted in their tree
  std::int64_t leaf_position(const Reduce& reduce, const Reduction& tree, std::int64_t kept,
                             std::int64_t leaf) const;
  std::int64_t tree_parent(std::uint32_t layer, std::int64_t node) const;

  std::shared_ptr<const Graph> graph_;
  std::vector<Table> tables_;
};

}  // namespace rankine::graph
