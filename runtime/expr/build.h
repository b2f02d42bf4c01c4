// Builds expressions and infers their types, shapes, names and chunks. Every function throws Error
// (usage) for operands that do not fit. Sources: NumPy 1.24 for types, broadcasting and slices,
// xarray for alignment by name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/expr/node.h"

namespace rankine::expr {

NodePtr from_dataset(std::shared_ptr<const io::FileInfo> file,
                     std::shared_ptr<const io::Dataset> dataset, std::vector<std::string> dims,
                     Location location);
// The array `origin`, computed already and left in its chunks.
NodePtr from_held(std::shared_ptr<const HeldChunks> chunks, const NodePtr& origin,
                  Location location);
NodePtr full(const ChunkGrid& grid, DType dtype, const Literal& value, Location location);
NodePtr arange(const Literal& start, const Literal& step, const AxisChunks& chunks, DType dtype,
               Location location);

// An operand is an array or a weak literal.
struct Operand {
  NodePtr array;  // null for a literal
  Literal literal;
};

// Aligns the operands (by name if every axis of every array has one, else by position), broadcasts
// them, promotes their types and applies `op`. At least one operand may be a literal; all literals
// give a 0-d array.
NodePtr elementwise(kernels::Op op, std::vector<Operand> operands, Location location);
NodePtr cast(const NodePtr& array, DType dtype, Location location);

// start, step (not 0) and count per axis, already inside the shape.
NodePtr slice(const NodePtr& array, const Extents& start, const Extents& step, const Extents& count,
              Location location);
// axes as in View; lengths gives the length of each broadcast axis (ignored elsewhere).
NodePtr view(const NodePtr& array, const Extents& axes, const Extents& lengths,
             std::vector<std::string> dims, Location location);
NodePtr transpose(const NodePtr& array, const Extents& permutation, Location location);
NodePtr reduce(const NodePtr& array, kernels::ReduceOp op, const Extents& reduced, bool keepdims,
               bool skipna, std::int64_t ddof, Location location);
NodePtr concatenate(const std::vector<NodePtr>& arrays, std::int64_t axis, Location location);
NodePtr rechunk(const NodePtr& array, const ChunkGrid& grid, Location location);
NodePtr shift(const NodePtr& array, const Extents& offset, Location location);
// numpy.matmul: the sum over k of products, in the iteration space (batch, i, j, k).
NodePtr matmul(const NodePtr& a, const NodePtr& b, Location location);
NodePtr with_dims(const NodePtr& array, std::vector<std::string> dims, Location location);

// The axis with this name; throws Error naming the dimensions there are.
std::int64_t axis_of(const Node& array, const std::string& dim);

}  // namespace rankine::expr
