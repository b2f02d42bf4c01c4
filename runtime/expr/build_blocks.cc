#include "runtime/expr/build_blocks.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace rankine::expr {
namespace {

// The operands have one grid, so that chunk by chunk they are the blocks of one call.
MapBlocks start_calls(const Alignment& operands, const BlocksSpec& spec) {
  MapBlocks blocks;
  std::vector<AxisChunks> axes = operands.grid.axes();
  for (std::size_t k = 0; k < spec.dropped.size(); ++k) {
    if (spec.dropped[k] == 0) continue;
    const std::int64_t length = axes[k].length();
    if (length == 0) {
      throw usage_error("map_blocks drops an axis of length 0, so there is no block to call",
                        "take a part of it that is not empty");
    }
    axes[k] = AxisChunks::regular(length, length);
  }
  blocks.calls = ChunkGrid(std::move(axes));
  const std::size_t rank = blocks.calls.rank();
  blocks.function = spec.function;
  blocks.trims = spec.trims;
  blocks.elementwise = spec.elementwise;
  blocks.start = Extents(rank, 0);
  blocks.length = blocks.calls.shape();
  for (const NodePtr& operand : operands.arrays) {
    blocks.operand_start.emplace_back(operand->rank(), 0);
  }
  return blocks;
}

bool wraps(const Boundary& boundary) {
  return boundary.kind == Boundary::Kind::kPeriodic || boundary.kind == Boundary::Kind::kReflect;
}

// The halo of an axis of which there is something, no longer than it can be.
AxisHalo checked(AxisHalo halo, std::int64_t length) {
  const std::int64_t depth = std::max(halo.before, halo.after);
  if (halo.before < 0 || halo.after < 0) {
    throw usage_error("map_overlap is given a negative depth", "give the elements on each side");
  }
  if (depth > kMostElements) {
    throw usage_error("map_overlap is given a depth of " + std::to_string(depth),
                      "give fewer elements");
  }
  if (length == 0) return {0, 0, halo.boundary};
  if (wraps(halo.boundary) && depth > length) {
    throw usage_error("map_overlap is given a depth of " + std::to_string(depth) +
                          " for an axis of length " + std::to_string(length),
                      "a periodic or reflected halo is at most as long as its axis");
  }
  if (halo.boundary.kind == Boundary::Kind::kNone) {
    halo.before = std::min(halo.before, length);
    halo.after = std::min(halo.after, length);
  }
  return halo;
}

void add_halo(MapBlocks& blocks, const std::vector<AxisHalo>& halo) {
  const auto reaches = [](const AxisHalo& axis) { return axis.before > 0 || axis.after > 0; };
  for (std::size_t k = 0; k < halo.size(); ++k) {
    blocks.halo.push_back(checked(halo[k], blocks.calls.axis(k).length()));
  }
  if (std::none_of(blocks.halo.begin(), blocks.halo.end(), reaches)) blocks.halo.clear();
}

// Blocks with their halos, and results, must be of a length that can be counted.
void require_holdable_blocks(const MapBlocks& blocks, const ChunkGrid& result) {
  Extents given, made;
  for (std::size_t k = 0; k < blocks.calls.rank(); ++k) {
    const std::int64_t halo =
        blocks.halo.empty() ? 0 : blocks.halo[k].before + blocks.halo[k].after;
    given.push_back(std::min(blocks.calls.axis(k).longest() + halo, kLongestAxis));
  }
  for (const AxisChunks& axis : result.axes()) made.push_back(axis.longest());
  for (const Extents& shape : {given, made}) {
    if (saturated_volume(shape) <= kMostElements) continue;
    throw Error(ExitCode::kRefused, "a block of shape " + to_string(shape) + " is too large", "",
                "rechunk to shorter ones, or take a smaller depth");
  }
  if (saturated_volume(result.shape()) >= kLongestAxis) {
    throw usage_error("an array of shape " + to_string(result.shape()) + " has too many elements",
                      "check the lengths of new axes and chunks");
  }
}

// Axes of the result: what is kept of the operands', and new ones between them.
struct ResultAxes {
  std::vector<AxisChunks> chunks;
  std::vector<std::string> dims;
  Extents from;
};

ResultAxes result_axes(const MapBlocks& blocks, const Alignment& operands, const BlocksSpec& spec) {
  ResultAxes result;
  for (std::size_t k = 0; k < blocks.calls.rank(); ++k) {
    if (!spec.dropped.empty() && spec.dropped[k] != 0) continue;
    result.chunks.push_back(blocks.calls.axis(k));
    result.dims.push_back(operands.dims[k]);
    result.from.push_back(static_cast<std::int64_t>(k));
  }
  for (const NewAxis& axis : spec.new_axes) {
    const auto at = static_cast<std::size_t>(axis.position);
    if (axis.length < 1) {
      throw usage_error("map_blocks is given a new axis of length " + std::to_string(axis.length),
                        "write 1 or more");
    }
    if (axis.position < 0 || at > result.chunks.size()) {
      throw usage_error("map_blocks is given a new axis at " + std::to_string(axis.position) +
                            " of a result with " + std::to_string(result.chunks.size() + 1) +
                            " axes",
                        "positions count from 0 in the result");
    }
    result.chunks.insert(result.chunks.begin() + axis.position,
                         AxisChunks::regular(axis.length, axis.length));
    result.dims.insert(result.dims.begin() + axis.position, axis.dim);
    result.from.insert_at(at, -1);
  }
  return result;
}

std::size_t axis_of(const ResultAxes& result, const AxisLengths& given) {
  const auto rank = static_cast<std::int64_t>(result.dims.size());
  std::int64_t axis = given.axis < 0 ? given.axis + rank : given.axis;
  if (!given.dim.empty()) {
    axis = std::find(result.dims.begin(), result.dims.end(), given.dim) - result.dims.begin();
  }
  if (axis >= 0 && axis < rank) return static_cast<std::size_t>(axis);
  const std::string name = given.dim.empty() ? std::to_string(given.axis) : "'" + given.dim + "'";
  throw usage_error("map_blocks is given lengths of chunks along axis " + name +
                        ", which the result does not have",
                    "the result has " + std::to_string(rank) + " axes");
}

// New lengths for chunks that the result has from the operands.
AxisChunks with_lengths(const AxisChunks& axis, const std::vector<std::int64_t>& lengths) {
  const bool one_for_all = lengths.size() == 1 && axis.count() > 1;
  const auto given = static_cast<std::int64_t>(lengths.size());
  if (!one_for_all && given != axis.count()) {
    throw usage_error("map_blocks is given " + std::to_string(given) + " lengths for " +
                          std::to_string(axis.count()) + " chunks",
                      "give one length for each chunk along the axis, or one for all");
  }
  for (const std::int64_t length : lengths) {
    if (length >= 1 && length <= kLongestAxis / std::max<std::int64_t>(1, axis.count())) continue;
    throw usage_error("map_blocks is given a chunk of length " + std::to_string(length),
                      "write 1 or more, and less than 2^62 for all together");
  }
  if (one_for_all) return AxisChunks::regular(lengths[0] * axis.count(), lengths[0]);
  return AxisChunks::of(lengths);
}

NodePtr finish(MapBlocks blocks, const Alignment& operands, DType dtype, ChunkGrid grid,
               std::vector<std::string> dims, Location location) {
  Node node;
  blocks.result_start = Extents(grid.rank(), 0);
  node.operation = std::move(blocks);
  node.operands = operands.arrays;
  node.dtype = dtype;
  node.grid = std::move(grid);
  node.dims = std::move(dims);
  node.broadcast = Extents(node.grid.rank(), 0);
  node.location = LocationScope::or_else(location);
  return intern(std::move(node));
}

// Only the kept axes and, without a name, those of a state are seen; the reduced ones have one
// element per chunk.
ChunkGrid state_grid(const ChunkGrid& grid, const CombineSpec& spec) {
  std::vector<AxisChunks> axes;
  for (std::size_t k = 0; k < grid.rank(); ++k) {
    axes.push_back(spec.reduced[k] != 0 ? AxisChunks::regular(grid.axis(k).count(), 1)
                                        : grid.axis(k));
  }
  for (const std::int64_t length : spec.state) {
    if (length < 1) {
      throw usage_error("a state of shape " + to_string(spec.state) + " has no elements",
                        "give it one value or more");
    }
    axes.push_back(AxisChunks::regular(length, length));
  }
  return ChunkGrid(std::move(axes));
}

// The states of all chunks, one element long along the reduced axes.
NodePtr states_of(const NodePtr& array, const CombineSpec& spec, Location location) {
  const Alignment operand{{array}, array->grid, array->dims, array->broadcast};
  BlocksSpec calls;
  calls.function = spec.chunk;
  MapBlocks blocks = start_calls(operand, calls);
  blocks.hidden = spec.reduced;
  for (std::size_t k = 0; k < array->rank(); ++k) {
    blocks.axes.push_back(static_cast<std::int64_t>(k));
  }
  std::vector<std::string> dims = array->dims;
  for (std::size_t k = 0; k < spec.state.size(); ++k) {
    blocks.axes.push_back(-1);
    blocks.hidden.push_back(0);
    dims.emplace_back();
  }
  ChunkGrid grid = state_grid(array->grid, spec);
  require_holdable_blocks(blocks, grid);
  return finish(std::move(blocks), operand, spec.dtype, std::move(grid), std::move(dims), location);
}

}  // namespace

NodePtr map_blocks(const Alignment& operands, BlocksSpec spec, Location location) {
  MapBlocks blocks = start_calls(operands, spec);
  add_halo(blocks, spec.halo);
  ResultAxes result = result_axes(blocks, operands, spec);
  for (const AxisLengths& given : spec.chunks) {
    AxisChunks& axis = result.chunks[axis_of(result, given)];
    axis = with_lengths(axis, given.lengths);
  }
  blocks.axes = result.from;
  ChunkGrid grid(std::move(result.chunks));
  require_holdable_blocks(blocks, grid);
  const bool same = blocks.keeps_shape(grid);
  if ((blocks.trims || !blocks.halo.empty() || blocks.elementwise) && !same) {
    throw usage_error("a function with a halo, or one that is elementwise, keeps the shape",
                      "leave out drop_axes, new_axes and chunks, or do that in another map_blocks");
  }
  return finish(std::move(blocks), operands, spec.dtype, std::move(grid), std::move(result.dims),
                location);
}

NodePtr combine_blocks(const NodePtr& array, CombineSpec spec, Location location) {
  bool one_each = true;
  for (std::size_t k = 0; k < array->rank(); ++k) {
    if (spec.reduced[k] == 0) continue;
    one_each = one_each && array->grid.axis(k).count() == 1;
    if (array->grid.axis(k).length() > 0) continue;
    throw usage_error("a reduction of an axis of length 0 has no blocks, so no value",
                      "take a part of it that is not empty");
  }
  const NodePtr states = states_of(array, spec, location);
  Node node;
  Extents kept;
  std::vector<AxisChunks> axes;
  spec.reduced.resize(states->rank(), 0);
  for (std::size_t k = 0; k < states->rank(); ++k) {
    if (spec.reduced[k] != 0) continue;
    kept.push_back(static_cast<std::int64_t>(k));
    axes.push_back(states->grid.axis(k));
    node.dims.push_back(states->dims[k]);
  }
  if (one_each) {  // nothing to combine
    return view(states, kept, Extents(kept.size(), 1), std::move(node.dims), location);
  }
  node.operation = CombineBlocks{std::move(spec.combine), spec.reduced, Extents(kept.size(), 0)};
  node.operands = {states};
  node.dtype = spec.dtype;
  node.grid = ChunkGrid(std::move(axes));
  node.broadcast = Extents(kept.size(), 0);
  node.location = LocationScope::or_else(location);
  return intern(std::move(node));
}

}  // namespace rankine::expr
