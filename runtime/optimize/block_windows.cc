#include "runtime/optimize/block_windows.h"

#include <algorithm>

namespace rankine::optimize {
namespace {

using expr::CombineBlocks;
using expr::MapBlocks;
using expr::Node;
using expr::NodePtr;

Interval whole_axis(const AxisChunks& axis) { return {0, axis.count()}; }

// The chunks of an axis that a pick meets.
Interval chunks_of(const AxisChunks& axis, const Pick& pick) {
  if (pick.count == 0) return {0, 0};
  return axis.chunks_over({pick.first, pick.last() + 1});
}

Interval elements_of(const AxisChunks& axis, const Interval& chunks) {
  if (chunks.empty()) return {0, 0};
  return {axis.chunk(chunks.lo).lo, axis.chunk(chunks.hi - 1).hi};
}

// Per axis of the node the chunks that are made. A new axis has one chunk, whatever is picked.
std::vector<Interval> made_chunks(const Node& node, const Extents& axes, const Picks& picks) {
  std::vector<Interval> made;
  for (std::size_t k = 0; k < picks.size(); ++k) {
    const AxisChunks& axis = node.grid.axis(k);
    made.push_back(axes[k] < 0 ? whole_axis(axis) : chunks_of(axis, picks[k]));
  }
  return made;
}

// Per axis of the grid of calls the elements of the calls that are made.
std::vector<Interval> called_elements(const MapBlocks& blocks, const std::vector<Interval>& made) {
  std::vector<Interval> called;
  for (const AxisChunks& axis : blocks.calls.axes()) called.push_back({0, axis.length()});
  for (std::size_t k = 0; k < made.size(); ++k) {
    if (blocks.axes[k] < 0) continue;
    const auto axis = static_cast<std::size_t>(blocks.axes[k]);
    called[axis] = elements_of(blocks.calls.axis(axis), made[k]);
  }
  return called;
}

// The elements of an operand's axis, counted in the operand, that calls on `called` see.
Pick seen(const MapBlocks& blocks, std::size_t axis, const Interval& called, std::int64_t first,
          std::int64_t length) {
  if (called.empty()) return {0, 1, 0};
  const std::int64_t start = blocks.start[axis];
  Interval wanted{called.lo + start, called.hi + start};
  if (!blocks.halo.empty()) {
    const expr::AxisHalo& halo = blocks.halo[axis];
    wanted = {wanted.lo - halo.before, wanted.hi + halo.after};
    const bool beyond = wanted.lo < 0 || wanted.hi > blocks.length[axis];
    const bool nothing_there = halo.boundary.kind == expr::Boundary::Kind::kNone ||
                               halo.boundary.kind == expr::Boundary::Kind::kConstant;
    if (beyond && !nothing_there) return {0, 1, length};
  }
  wanted = {std::max(wanted.lo, first), std::min(wanted.hi, first + length)};
  return {wanted.lo - first, 1, wanted.length()};
}

Picks needed(const Node& node, const MapBlocks& blocks, const Picks& picks, std::size_t i) {
  const Node& operand = *node.operands[i];
  if (operand.rank() == 0) return {};
  if (blocks.elementwise) return picks;
  const auto called = called_elements(blocks, made_chunks(node, blocks.axes, picks));
  Picks result;
  for (std::size_t k = 0; k < operand.rank(); ++k) {
    result.push_back(
        seen(blocks, k, called[k], blocks.operand_start[i][k], operand.grid.axis(k).length()));
  }
  return result;
}

// Kept axes come with whole chunks, those that are joined whole.
Picks needed(const Node& node, const CombineBlocks& combine, const Picks& picks) {
  Picks result;
  std::size_t kept = 0;
  for (std::size_t k = 0; k < combine.reduced.size(); ++k) {
    const AxisChunks& axis = node.operands[0]->grid.axis(k);
    const Interval chunks =
        combine.reduced[k] != 0 ? whole_axis(axis) : chunks_of(axis, picks[kept++]);
    const Interval elements = elements_of(axis, chunks);
    result.push_back({elements.lo, 1, elements.length()});
  }
  return result;
}

// The node's grid cut to some of its chunks, what is still to be picked from there, and where that
// begins.
struct CutGrid {
  ChunkGrid grid;
  Picks rest;
  Extents first;
};

CutGrid cut_grid(const Node& node, const std::vector<Interval>& made, const Picks& picks) {
  CutGrid cut;
  std::vector<AxisChunks> axes;
  for (std::size_t k = 0; k < made.size(); ++k) {
    const Interval elements = elements_of(node.grid.axis(k), made[k]);
    axes.push_back(node.grid.axis(k).clipped(elements));
    cut.first.push_back(elements.lo);
    cut.rest.push_back(picks[k]);
    if (picks[k].count > 0) cut.rest.back().first -= elements.lo;
  }
  cut.grid = ChunkGrid(std::move(axes));
  return cut;
}

NodePtr with_operation(const Node& node, expr::Operation operation, std::vector<NodePtr> operands,
                       const ChunkGrid& grid) {
  Node copy = node;
  copy.operation = std::move(operation);
  copy.operands = std::move(operands);
  copy.grid = grid;
  return expr::intern(std::move(copy));
}

void advance(Extents& start, const Extents& by) {
  for (std::size_t k = 0; k < start.size(); ++k) start[k] += by[k];
}

// Any part is made by itself: the picked elements are all that there is.
BlockWindow picked(const Node& node, MapBlocks blocks, const Picks& picks,
                   std::vector<NodePtr> operands) {
  BlockWindow window;
  for (const Pick& pick : picks) window.rest.push_back({0, 1, pick.count});
  for (const NodePtr& operand : operands) {
    if (operand->rank() > 0) blocks.calls = operand->grid;
  }
  blocks.length = blocks.calls.shape();
  const ChunkGrid grid = blocks.calls;
  window.node = with_operation(node, std::move(blocks), std::move(operands), grid);
  return window;
}

BlockWindow window_of(const Node& node, MapBlocks blocks, const Picks& picks,
                      std::vector<NodePtr> operands) {
  const std::vector<Interval> made = made_chunks(node, blocks.axes, picks);
  const std::vector<Interval> called = called_elements(blocks, made);
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Picks need = needed(node, blocks, picks, i);
    for (std::size_t k = 0; k < need.size(); ++k) blocks.operand_start[i][k] += need[k].first;
  }
  std::vector<AxisChunks> axes;
  for (std::size_t k = 0; k < called.size(); ++k) {
    axes.push_back(blocks.calls.axis(k).clipped(called[k]));
    blocks.start[k] += called[k].lo;
  }
  blocks.calls = ChunkGrid(std::move(axes));
  CutGrid cut = cut_grid(node, made, picks);
  advance(blocks.result_start, cut.first);
  return {with_operation(node, std::move(blocks), std::move(operands), cut.grid),
          std::move(cut.rest)};
}

BlockWindow window_of(const Node& node, CombineBlocks combine, const Picks& picks,
                      std::vector<NodePtr> operands) {
  const std::vector<Interval> made = made_chunks(node, Extents(picks.size(), 0), picks);
  CutGrid cut = cut_grid(node, made, picks);
  advance(combine.start, cut.first);
  return {with_operation(node, std::move(combine), std::move(operands), cut.grid),
          std::move(cut.rest)};
}

}  // namespace

Picks needed_by_blocks(const Node& node, const Picks& picks, std::size_t i) {
  if (const auto* blocks = node.as<MapBlocks>()) return needed(node, *blocks, picks, i);
  return needed(node, *node.as<CombineBlocks>(), picks);
}

BlockWindow window_of_blocks(const Node& node, const Picks& picks, std::vector<NodePtr> operands) {
  if (const auto* combine = node.as<CombineBlocks>()) {
    return window_of(node, *combine, picks, std::move(operands));
  }
  const auto& blocks = *node.as<MapBlocks>();
  if (blocks.elementwise) return picked(node, blocks, picks, std::move(operands));
  return window_of(node, blocks, picks, std::move(operands));
}

}  // namespace rankine::optimize
