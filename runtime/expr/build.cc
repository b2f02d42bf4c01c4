#include "runtime/expr/build.h"

#include <algorithm>
#include <numeric>

#include "runtime/base/error.h"
#include "runtime/expr/align.h"

namespace rankine::expr {
namespace {

Node start_node(Operation operation, std::vector<NodePtr> operands, DType dtype,
                Location location) {
  Node node;
  node.operation = std::move(operation);
  node.operands = std::move(operands);
  node.dtype = dtype;
  node.location = LocationScope::or_else(location);
  return node;
}

// A node with the operand's grid, names and broadcast axes.
Node like(const NodePtr& operand, Operation operation, DType dtype, Location location) {
  Node node = start_node(std::move(operation), {operand}, dtype, location);
  node.grid = operand->grid;
  node.dims = operand->dims;
  node.broadcast = operand->broadcast;
  return node;
}

AxisChunks reversed(const AxisChunks& axis) {
  AxisChunks result;
  for (auto run = axis.runs().rbegin(); run != axis.runs().rend(); ++run) {
    result = result.joined(AxisChunks::regular(run->length * run->count, run->length));
  }
  return result;
}

// The chunks of every |step|-th element: O(runs) to describe, whatever the step.
AxisChunks sliced(const AxisChunks& axis, std::int64_t start, std::int64_t step,
                  std::int64_t count) {
  if (count == 0) return AxisChunks();
  if (step == 1) return axis.clipped({start, start + count});
  if (step == -1) return reversed(axis.clipped({start - count + 1, start + 1}));
  const std::int64_t stride = step < 0 ? -step : step;
  return AxisChunks::regular(count, std::max<std::int64_t>(1, axis.longest() / stride));
}

// Missing values need a type that has NaN (as xarray's promotion for shift and pad).
DType with_missing(DType dtype) {
  if (is_float(dtype)) return dtype;
  return size_of(dtype) <= 2 ? DType::kFloat32 : DType::kFloat64;
}

// Operands of few chunks can make a result of many, small ones a result of large ones.
void require_countable_chunks(const ChunkGrid& grid) {
  Extents longest;
  for (const AxisChunks& axis : grid.axes()) longest.push_back(axis.longest());
  if (saturated_volume(grid.counts()) > kMostElements) {
    throw usage_error("an operation has more than 2^56 chunks",
                      "rechunk its operands to longer ones");
  }
  if (saturated_volume(longest) > kMostElements) {
    throw Error(ExitCode::kRefused, "a chunk of shape " + to_string(longest) + " is too large", "",
                "rechunk to shorter ones");
  }
}

}  // namespace

NodePtr from_dataset(std::shared_ptr<const io::FileInfo> file,
                     std::shared_ptr<const io::Dataset> dataset, std::vector<std::string> dims,
                     Location location) {
  Node node = start_node(FromDataset{std::move(file), dataset}, {}, dataset->dtype, location);
  node.grid = dataset->grid;
  node.dims = std::move(dims);
  node.dims.resize(node.rank());
  node.broadcast = Extents(node.rank(), 0);
  return intern(std::move(node));
}

NodePtr from_held(std::shared_ptr<const HeldChunks> chunks, const NodePtr& origin,
                  Location location) {
  Node node = start_node(FromHeld{std::move(chunks), origin}, {}, origin->dtype, location);
  node.grid = origin->grid;
  node.dims = origin->dims;
  node.broadcast = Extents(node.rank(), 0);
  return intern(std::move(node));
}

NodePtr full(const ChunkGrid& grid, DType dtype, const Literal& value, Location location) {
  Node node = start_node(Full{value}, {}, dtype, location);
  node.grid = grid;
  node.dims.resize(grid.rank());
  node.broadcast = Extents(grid.rank(), 0);
  return intern(std::move(node));
}

NodePtr arange(const Literal& start, const Literal& step, const AxisChunks& chunks, DType dtype,
               Location location) {
  Node node = start_node(Arange{start, step}, {}, dtype, location);
  node.grid = ChunkGrid({chunks});
  node.dims.resize(1);
  node.broadcast = Extents(1, 0);
  return intern(std::move(node));
}

// What fails for every element fails where it is written.
void refuse_negative_power(const std::vector<Operand>& operands) {
  const auto& [base, power] = std::tie(operands[0], operands[1]);
  if (!base.array || is_float(base.array->dtype) || power.array ||
      power.literal.kind != Literal::Kind::kInteger || power.literal.integer >= 0) {
    return;
  }
  throw usage_error(
      "integers to negative integer powers are not allowed",
      "write the exponent with a point: x ^ " + std::to_string(power.literal.integer) + ".0");
}

NodePtr elementwise(kernels::Op op, std::vector<Operand> operands, Location location) {
  if (op == kernels::Op::kPower) refuse_negative_power(operands);
  // numpy.round leaves integers as they are.
  if (op == kernels::Op::kRint && operands[0].array && is_integer(operands[0].array->dtype)) {
    return operands[0].array;
  }
  const Alignment alignment = align(operands, location);
  require_countable_chunks(alignment.grid);
  const std::vector<DType> types = operand_types(op, operands);
  std::vector<NodePtr> arrays;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    arrays.push_back(operands[i].array
                         ? alignment.arrays[i]
                         : full(ChunkGrid(), types[i], operands[i].literal, location));
  }
  Node node = start_node(Elementwise{op}, std::move(arrays), kernels::infer_types(op, types).result,
                         location);
  node.grid = alignment.grid;
  node.dims = alignment.dims;
  node.broadcast = alignment.broadcast;
  return intern(std::move(node));
}

NodePtr cast(const NodePtr& array, DType dtype, Location location) {
  if (array->dtype == dtype) return array;
  return intern(like(array, Cast{}, dtype, location));
}

NodePtr slice(const NodePtr& array, const Extents& start, const Extents& step, const Extents& count,
              Location location) {
  std::vector<AxisChunks> axes;
  bool whole = true;
  for (std::size_t k = 0; k < array->rank(); ++k) {
    axes.push_back(sliced(array->grid.axis(k), start[k], step[k], count[k]));
    whole = whole && start[k] == 0 && step[k] == 1 && count[k] == array->grid.axis(k).length();
  }
  if (whole) return array;
  Node node = like(array, Slice{start, step}, array->dtype, location);
  node.grid = ChunkGrid(std::move(axes));
  return intern(std::move(node));
}

NodePtr view(const NodePtr& array, const Extents& axes, const Extents& lengths,
             std::vector<std::string> dims, Location location) {
  Node node = start_node(View{axes}, {array}, array->dtype, location);
  std::vector<AxisChunks> chunks;
  bool identity = axes.size() == array->rank();
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const bool fresh = axes[k] < 0;
    chunks.push_back(fresh ? AxisChunks::regular(lengths[k], std::max<std::int64_t>(1, lengths[k]))
                           : array->grid.axis(axes[k]));
    node.broadcast.push_back(fresh ? 1 : array->broadcast[axes[k]]);
    identity = identity && axes[k] == static_cast<std::int64_t>(k);
  }
  dims.resize(axes.size());
  if (identity && dims == array->dims) return array;
  node.grid = ChunkGrid(std::move(chunks));
  node.dims = std::move(dims);
  return intern(std::move(node));
}

NodePtr transpose(const NodePtr& array, const Extents& permutation, Location location) {
  std::vector<std::string> dims;
  for (std::int64_t axis : permutation) dims.push_back(array->dims[axis]);
  return view(array, permutation, Extents(permutation.size(), 1), std::move(dims), location);
}

NodePtr with_dims(const NodePtr& array, std::vector<std::string> dims, Location location) {
  Extents axes(array->rank(), 0);
  std::iota(axes.begin(), axes.end(), 0);
  return view(array, axes, Extents(array->rank(), 1), std::move(dims), location);
}

NodePtr reduce(const NodePtr& array, kernels::ReduceOp op, const Extents& reduced, bool keepdims,
               bool skipna, std::int64_t ddof, Location location) {
  const kernels::ReduceSpec spec{op, array->dtype, skipna && is_float(array->dtype), ddof};
  Node node = start_node(Reduce{spec, reduced}, {array}, kernels::result_dtype(spec), location);
  std::vector<AxisChunks> kept;
  Extents restored;  // view axes that put the reduced ones back with length 1
  std::int64_t reduced_elements = 1;
  for (std::size_t k = 0; k < array->rank(); ++k) {
    if (reduced[k] != 0) {
      reduced_elements *= array->grid.axis(k).length() > 0 ? 1 : 0;
      restored.push_back(-1);
      continue;
    }
    restored.push_back(static_cast<std::int64_t>(kept.size()));
    kept.push_back(array->grid.axis(k));
    node.dims.push_back(array->dims[k]);
    node.broadcast.push_back(array->broadcast[k]);
  }
  if (reduced_elements == 0 && (op == kernels::ReduceOp::kMin || op == kernels::ReduceOp::kMax)) {
    throw usage_error(std::string(name_of(op)) + " of an axis of length 0 has no value",
                      "take a part of it that is not empty");
  }
  node.grid = ChunkGrid(std::move(kept));
  NodePtr result = intern(std::move(node));
  if (!keepdims) return result;
  return view(result, restored, Extents(restored.size(), 1), array->dims, location);
}

NodePtr concatenate(const std::vector<NodePtr>& arrays, std::int64_t axis, Location location) {
  DType dtype = arrays.front()->dtype;
  for (const NodePtr& array : arrays) {
    if (array->rank() != arrays.front()->rank()) {
      throw usage_error("concatenate is given arrays with " +
                            std::to_string(arrays.front()->rank()) + " and " +
                            std::to_string(array->rank()) + " axes",
                        "give arrays with the same number of axes");
    }
    dtype = promote(dtype, array->dtype);
  }
  std::vector<AxisChunks> axes = arrays.front()->grid.axes();
  axes[axis] = AxisChunks();
  std::vector<NodePtr> parts;
  for (const NodePtr& array : arrays) {
    for (std::size_t k = 0; k < array->rank(); ++k) {
      if (static_cast<std::int64_t>(k) == axis) continue;
      if (array->grid.axis(k).length() != axes[k].length()) {
        throw usage_error("concatenate: shapes " + to_string(arrays.front()->shape()) + " and " +
                              to_string(array->shape()) + " differ outside axis " +
                              std::to_string(axis),
                          "take a part of the longer one, or join along another axis");
      }
    }
    if (array->grid.axis(axis).length() > kLongestAxis - axes[axis].length()) {
      throw usage_error("concatenate: an axis would be longer than 2^62", "join fewer arrays");
    }
    axes[axis] = axes[axis].joined(array->grid.axis(axis));
    parts.push_back(cast(array, dtype, location));
  }
  if (parts.size() == 1) return parts.front();
  Node node = like(parts.front(), Concatenate{axis}, dtype, location);
  node.operands = std::move(parts);
  node.grid = ChunkGrid(std::move(axes));
  node.broadcast = Extents(node.rank(), 0);
  return intern(std::move(node));
}

NodePtr rechunk(const NodePtr& array, const ChunkGrid& grid, Location location) {
  if (grid == array->grid) return array;
  require_countable_chunks(grid);
  Node node = like(array, Rechunk{}, array->dtype, location);
  node.grid = grid;
  node.broadcast = Extents(node.rank(), 0);
  return intern(std::move(node));
}

NodePtr shift(const NodePtr& array, const Extents& offset, Location location) {
  // The type does not depend on how far.
  const NodePtr operand = cast(array, with_missing(array->dtype), location);
  if (std::all_of(offset.begin(), offset.end(), [](std::int64_t x) { return x == 0; })) {
    return operand;
  }
  Node node = like(operand, Shift{offset}, operand->dtype, location);
  for (std::size_t k = 0; k < offset.size(); ++k) {
    if (offset[k] != 0) node.broadcast[k] = 0;
  }
  return intern(std::move(node));
}

std::int64_t axis_of(const Node& array, const std::string& dim) {
  for (std::size_t k = 0; k < array.dims.size(); ++k) {
    if (array.dims[k] == dim) return static_cast<std::int64_t>(k);
  }
  std::string known;
  for (const std::string& name : array.dims) {
    known += (known.empty() ? "" : ", ") + (name.empty() ? "(no name)" : name);
  }
  throw usage_error("there is no dimension '" + dim + "'",
                    known.empty() ? "the array has no dimensions" : "the dimensions are " + known);
}

}  // namespace rankine::expr
