#include "runtime/optimize/map_builder.h"

#include <algorithm>
#include <limits>

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;
}  // namespace

void MapBuilder::add(const NodePtr& node, graph::Head head) {
  map_.program.add_output(lower({node, Place::own(map_.grid.shape())}));
  map_.heads.push_back(std::move(head));
}

kernels::Program MapBuilder::make_piece(const NodePtr& node, const Place& place,
                                        std::vector<graph::Leaf>& leaves) {
  whole_ = place.domain;
  map_.program.add_output(lower({node, place}));
  leaves.insert(leaves.end(), map_.leaves.begin(), map_.leaves.end());
  return std::move(map_.program);
}

int MapBuilder::lower(const Placed& request) {
  std::vector<Placed> stack{request};
  while (!stack.empty()) {
    const Placed top = stack.back();
    if (known(top)) {
      stack.pop_back();
      continue;
    }
    std::optional<int> value = leaf_or_constant(top);
    if (!value) {
      const std::vector<Placed> parts = placed_operands(*top.node, top.place);
      std::vector<int> values;
      const std::size_t below = stack.size();
      for (const Placed& part : parts) {
        if (const auto made = known(part)) {
          values.push_back(*made);
        } else {
          stack.push_back(part);
        }
      }
      std::reverse(stack.begin() + static_cast<std::ptrdiff_t>(below), stack.end());
      if (stack.size() > below) continue;  // first what it needs, from the left
      value = combine(top, parts, values);
    }
    known_[top.node.get()].push_back({top.place, *value});
    stack.pop_back();
  }
  return *known(request);
}

std::optional<int> MapBuilder::known(const Placed& request) const {
  const auto found = known_.find(request.node.get());
  if (found == known_.end()) return std::nullopt;
  for (const Known& entry : found->second) {
    if (entry.place == request.place) return entry.value;
  }
  return std::nullopt;
}

std::optional<int> MapBuilder::leaf_or_constant(const Placed& request) {
  const Node& node = *request.node;
  if (const auto source = find_(node)) return leaf(*source, node.dtype, request.place);
  if (const auto* full = node.as<expr::Full>()) {
    return map_.program.add_constant(full->value, node.dtype);
  }
  if (const auto* arange = node.as<expr::Arange>()) {
    return leaf(graph::Ramp{arange->start, arange->step}, node.dtype, request.place);
  }
  if (node.as<expr::MapBlocks>() != nullptr) {
    return leaf(calls_.call(node, request.place, frame_), node.dtype, request.place);
  }
  return std::nullopt;
}

int MapBuilder::combine(const Placed& request, const std::vector<Placed>& parts,
                        const std::vector<int>& values) {
  const Node& node = *request.node;
  if (const auto* elementwise = node.as<expr::Elementwise>()) {
    return combine_elementwise(request, elementwise->op, values);
  }
  if (node.as<expr::Cast>() != nullptr) return map_.program.add_cast(values[0], node.dtype);
  if (node.as<expr::Concatenate>() != nullptr) return combine_concatenate(request, parts, values);
  if (node.as<expr::Shift>() != nullptr) return combine_shift(request, parts, values);
  return values[0];  // a slice, a view or a rechunk changes no value
}

int MapBuilder::combine_elementwise(const Placed& request, kernels::Op op,
                                    std::vector<int> values) {
  // Outside its domain a leaf is zero, and a mask will throw away what is computed there. But an
  // integer to a negative power is an error, so there the exponent must be zero.
  const bool can_fail = op == kernels::Op::kPower && is_integer(request.node->dtype) &&
                        map_.program.value(values[1]).kind != kernels::Program::Kind::kConstant;
  if (can_fail && !(request.place.domain == whole_)) {
    const int zero =
        map_.program.add_constant(Literal::of(std::int64_t{0}), map_.program.dtype(values[1]));
    const int args[] = {mask(request.place.domain), values[1], zero};
    values[1] = map_.program.add(kernels::Op::kWhere, args);
  }
  return map_.program.add(op, values);
}

int MapBuilder::combine_concatenate(const Placed& request, const std::vector<Placed>& parts,
                                    const std::vector<int>& values) {
  if (parts.empty()) {
    return map_.program.add_constant(Literal::of(std::int64_t{0}), request.node->dtype);
  }
  int value = values.back();
  for (std::size_t i = parts.size() - 1; i-- > 0;) {
    const int args[] = {mask(parts[i].place.domain), values[i], value};
    value = map_.program.add(kernels::Op::kWhere, args);
  }
  return value;
}

int MapBuilder::combine_shift(const Placed& request, const std::vector<Placed>& parts,
                              const std::vector<int>& values) {
  const int missing = map_.program.add_constant(
      Literal::of(std::numeric_limits<double>::quiet_NaN()), request.node->dtype);
  if (parts.empty()) return missing;
  const Box& inside = parts.front().place.domain;
  if (inside == request.place.domain) return values[0];
  const int args[] = {mask(inside), values[0], missing};
  return map_.program.add(kernels::Op::kWhere, args);
}

int MapBuilder::leaf(graph::Source source, DType dtype, const Place& place) {
  const graph::Leaf leaf{std::move(source), dtype, place.terms, place.domain};
  const auto found = std::find(map_.leaves.begin(), map_.leaves.end(), leaf);
  if (found != map_.leaves.end()) return leaf_values_[found - map_.leaves.begin()];
  map_.leaves.push_back(leaf);
  leaf_values_.push_back(map_.program.add_leaf(dtype));
  return leaf_values_.back();
}

int MapBuilder::mask(const Box& domain) {
  return leaf(graph::InsideMask{}, DType::kBool, Place{{}, domain});
}

}  // namespace rankine::optimize
