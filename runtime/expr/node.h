// What the user asked for: an immutable expression over whole arrays. Nodes are hash-consed: equal
// expressions are the same object, so sharing is visible to the optimizer by pointer equality.
// Shapes, types and chunk grids are inferred when a node is built (build.h), so a wrong program
// fails at the line that is wrong, before anything runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "io/dataset.h"
#include "io/h5/file_info.h"
#include "runtime/base/chunk_grid.h"
#include "runtime/base/dtype.h"
#include "runtime/expr/blocks.h"
#include "runtime/expr/location.h"
#include "runtime/kernels/op_table.h"
#include "runtime/kernels/reduce.h"

namespace rankine::expr {

class Node;
using NodePtr = std::shared_ptr<const Node>;

// A data set of a file. Elements have the decoded type (CF rules, io/decode.h).
struct FromDataset {
  std::shared_ptr<const io::FileInfo> file;  // for attributes and coordinates of results
  std::shared_ptr<const io::Dataset> dataset;
};
// Every element has one value.
struct Full {
  Literal value;
};
// 1-d: start + i * step.
struct Arange {
  Literal start;
  Literal step;
};
struct Elementwise {
  kernels::Op op;
};
struct Cast {};  // to the dtype of the node
// Element i of axis k is element start[k] + i * step[k] of the operand; steps may be negative.
struct Slice {
  Extents start;
  Extents step;
};
// Renames axes: out axis k is operand axis axes[k], or a broadcast axis where axes[k] is -1.
// Operand axes that no out axis names have length 1 and disappear. Transpose, new axes, squeeze,
// broadcasting and alignment by name are all views.
struct View {
  Extents axes;
};
// Removes the axes whose entry in `reduced` is 1.
struct Reduce {
  kernels::ReduceSpec spec;
  Extents reduced;
};
struct Concatenate {
  std::int64_t axis;
};
struct Rechunk {};  // to the grid of the node
// Element i is element i - offset[k] of the operand, missing (NaN) outside.
struct Shift {
  Extents offset;
};

// The chunks of an array that a graph leaves on the ranks; they go when this does.
class HeldChunks {
 public:
  // order: of the axes, in which the chunks were cut among the ranks. release: called once.
  HeldChunks(std::uint32_t graph, std::uint32_t slot, Extents order, std::function<void()> release);
  ~HeldChunks() { release_(); }
  HeldChunks(const HeldChunks&) = delete;
  HeldChunks& operator=(const HeldChunks&) = delete;
  std::uint64_t id() const { return id_; }  // distinct in this process
  std::uint32_t graph() const { return graph_; }
  std::uint32_t slot() const { return slot_; }
  const Extents& order() const { return order_; }

 private:
  std::uint64_t id_;
  std::uint32_t graph_;
  std::uint32_t slot_;
  Extents order_;
  std::function<void()> release_;
};
// An array that was computed before and is still on the ranks.
struct FromHeld {
  std::shared_ptr<const HeldChunks> chunks;
  NodePtr origin;  // what was computed: for attributes and coordinates of results
};

using Operation = std::variant<FromDataset, Full, Arange, Elementwise, Cast, Slice, View, Reduce,
                               Concatenate, Rechunk, Shift, FromHeld, MapBlocks, CombineBlocks>;

class Node {
 public:
  Node() = default;
  Node(const Node&) = default;
  Node(Node&&) = default;
  Node& operator=(const Node&) = default;
  Node& operator=(Node&&) = default;
  ~Node();  // without recursion: an expression may be deeper than a stack

  Operation operation;
  std::vector<NodePtr> operands;
  DType dtype = DType::kFloat64;
  ChunkGrid grid;                 // its shape is the shape of the array
  std::vector<std::string> dims;  // name per axis; "" for an axis without a name
  Extents broadcast;              // 1 where every element along the axis is the same one
  std::uint64_t hash = 0;         // structural; equal on every rank
  Location location;              // where the user wrote it first

  Extents shape() const { return grid.shape(); }
  std::size_t rank() const { return grid.rank(); }
  std::int64_t size() const { return saturated_volume(grid.shape()); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&operation);
  }
};

// "mean", "subtract", "slice", ...: the word used in plans, traces and errors.
std::string name_of(const Node& node);
std::string_view name_of(kernels::ReduceOp op);

// Returns the one live node equal to `node`; two are equal if their 64-bit hashes (XXH3) are. Ten
// thousand nodes collide with a probability below 1e-11. Thread-safe.
NodePtr intern(Node node);

// Nodes reachable from the roots, operands before users, each once.
std::vector<NodePtr> topological_order(const std::vector<NodePtr>& roots);

}  // namespace rankine::expr
