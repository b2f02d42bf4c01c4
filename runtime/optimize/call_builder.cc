#include "runtime/optimize/call_builder.h"

#include <stdexcept>

#include "runtime/optimize/map_builder.h"

namespace rankine::optimize {
namespace {

using expr::Boundary;
using expr::MapBlocks;
using expr::Node;
using graph::Term;

// A part of an axis of the blocks, which may lie beyond the ends of the array, and where an operand
// has its elements; without a term they are all `value`.
struct Region {
  Interval domain;  // iteration indices
  std::optional<Term> term;
  Literal value;
};

// The index in the whole array at an iteration index i is i + start.
Region continued(const MapBlocks& blocks, std::size_t axis, bool behind) {
  const expr::AxisHalo& halo = blocks.halo[axis];
  const std::int64_t start = blocks.start[axis];
  const std::int64_t length = blocks.length[axis];
  const auto k = static_cast<std::int32_t>(axis);
  Region region;
  region.domain = behind ? Interval{length - start, length - start + halo.after}
                         : Interval{-halo.before - start, -start};
  switch (halo.boundary.kind) {
    case Boundary::Kind::kPeriodic:
      region.term = Term{k, 1, start + (behind ? -length : length)};
      break;
    case Boundary::Kind::kReflect:
      region.term = Term{k, -1, (behind ? 2 * length - 1 : -1) - start};
      break;
    case Boundary::Kind::kNearest: region.term = Term{-1, 0, behind ? length - 1 : 0}; break;
    default: region.value = halo.boundary.value;
  }
  return region;
}

// The parts of one axis, in the array of calls; regions that no block reaches are left out.
std::vector<Region> regions_of(const MapBlocks& blocks, std::size_t axis) {
  const std::int64_t start = blocks.start[axis];
  const auto k = static_cast<std::int32_t>(axis);
  std::vector<Region> regions{
      {{-start, blocks.length[axis] - start}, Term{k, 1, start}, Literal()}};
  if (blocks.halo.empty()) return regions;
  const expr::AxisHalo& halo = blocks.halo[axis];
  if (halo.boundary.kind == Boundary::Kind::kNone) return regions;
  const Interval reached{-halo.before, blocks.calls.axis(axis).length() + halo.after};
  for (const bool behind : {false, true}) {
    const Region region = continued(blocks, axis, behind);
    const bool empty =
        region.domain.empty() || region.domain.hi <= reached.lo || region.domain.lo >= reached.hi;
    if (!empty) regions.push_back(region);
  }
  return regions;
}

// Shrinks the region to where the operand, of which only [first, first + length) is there, has its
// elements, and makes its term count from there.
void restrict_to(Region& region, std::int64_t first, std::int64_t length) {
  if (!region.term) return;
  Term& term = *region.term;
  term.offset -= first;
  if (term.axis < 0) return;
  const std::int64_t a = term.step > 0 ? -term.offset : term.offset - (length - 1);
  const std::int64_t b = term.step > 0 ? length - term.offset : term.offset + 1;
  region.domain.lo = std::max(region.domain.lo, a);
  region.domain.hi = std::min(region.domain.hi, b);
}

// Whether blocks of the array end where it ends.
bool is_clipped(const expr::AxisHalo& halo) { return halo.boundary.kind == Boundary::Kind::kNone; }

// One combination of regions, an entry per axis: where its elements are. Where an axis has a
// constant, there is none; of several the last counts, as if axes were padded one after the other.
struct Corner {
  Place place;
  std::optional<Literal> constant;
};

std::vector<Corner> corners_of(const std::vector<std::vector<Region>>& axes) {
  std::vector<Corner> corners{Corner{}};
  for (const std::vector<Region>& regions : axes) {
    std::vector<Corner> longer;
    for (const Corner& corner : corners) {
      for (const Region& region : regions) {
        if (region.domain.empty()) continue;
        Corner next = corner;
        next.place.domain.lo.push_back(region.domain.lo);
        next.place.domain.hi.push_back(region.domain.hi);
        next.place.terms.push_back(region.term.value_or(Term{}));
        if (!region.term) next.constant = region.value;
        longer.push_back(std::move(next));
      }
    }
    corners = std::move(longer);
  }
  return corners;
}

graph::CallPiece constant_piece(const Box& domain, const Literal& value, DType dtype) {
  graph::CallPiece piece{domain, {}, 0};
  piece.program.add_output(piece.program.add_constant(value, dtype));
  return piece;
}

}  // namespace

graph::CallResult CallBuilder::call(const Node& node, const Place& place, const ChunkGrid* frame) {
  if (!(place == Place::own(node.shape()))) {
    throw std::logic_error("a user's function would be given parts of its blocks");
  }
  if (const auto known = numbers_.find(&node); known != numbers_.end()) return {known->second};
  const auto& blocks = *node.as<MapBlocks>();
  graph::Call call;
  call.function = blocks.function;
  call.dtype = node.dtype;
  call.trims = blocks.trims;
  call.hidden = blocks.hidden;
  call.start = blocks.start;
  call.length = blocks.length;
  call.result_start = blocks.result_start;
  if (frame != nullptr) call.result = call.grid = *frame;
  if (!blocks.keeps_shape(node.grid)) frame = &blocks.calls;
  if (frame == &blocks.calls) call.grid = blocks.calls;
  for (const expr::AxisHalo& halo : blocks.halo) {
    call.reach.push_back({halo.before, halo.after, is_clipped(halo)});
  }
  std::vector<graph::Leaf> leaves;
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    call.inputs.push_back(input_of(node, blocks, i, frame, leaves));
  }
  const auto number = static_cast<std::uint32_t>(calls_.size());
  calls_.push_back(std::move(call));
  leaves_.push_back(std::move(leaves));
  numbers_.emplace(&node, number);
  return {number};
}

graph::CallInput CallBuilder::input_of(const Node& node, const MapBlocks& blocks, std::size_t i,
                                       const ChunkGrid* frame, std::vector<graph::Leaf>& leaves) {
  const expr::NodePtr& operand = node.operands[i];
  graph::CallInput input{operand->dtype, operand->rank() == 0, {}};
  if (operand->rank() == 0) {
    const Place place{{}, Box::whole(blocks.calls.shape())};
    input.pieces.push_back(piece_of(operand, place, blocks.calls, frame, leaves));
    return input;
  }
  std::vector<std::vector<Region>> axes;
  for (std::size_t k = 0; k < operand->rank(); ++k) {
    axes.push_back(regions_of(blocks, k));
    for (Region& region : axes.back()) {
      restrict_to(region, blocks.operand_start[i][k], operand->grid.axis(k).length());
    }
  }
  for (const Corner& corner : corners_of(axes)) {
    input.pieces.push_back(
        corner.constant ? constant_piece(corner.place.domain, *corner.constant, operand->dtype)
                        : piece_of(operand, corner.place, blocks.calls, frame, leaves));
    if (corner.constant) input.pieces.back().first_leaf = static_cast<std::uint32_t>(leaves.size());
  }
  return input;
}

graph::CallPiece CallBuilder::piece_of(const expr::NodePtr& operand, const Place& place,
                                       const ChunkGrid& grid, const ChunkGrid* frame,
                                       std::vector<graph::Leaf>& leaves) {
  MapBuilder builder(grid, find_, *this, frame);
  graph::CallPiece piece{place.domain, {}, static_cast<std::uint32_t>(leaves.size())};
  piece.program = builder.make_piece(operand, place, leaves);
  return piece;
}

void CallBuilder::finish(graph::Map& map) {
  for (std::size_t c = 0; c < calls_.size(); ++c) {
    const auto first = static_cast<std::uint32_t>(map.leaves.size());
    for (graph::Leaf& leaf : leaves_[c]) {
      leaf.call = static_cast<std::int32_t>(c);
      map.leaves.push_back(std::move(leaf));
    }
    for (graph::CallInput& input : calls_[c].inputs) {
      for (graph::CallPiece& piece : input.pieces) piece.first_leaf += first;
    }
  }
  map.calls = std::move(calls_);
}

}  // namespace rankine::optimize
