#include "runtime/optimize/map_builder.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;
using graph::Term;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}
std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return -floor_div(-a, b); }

// Shrinks `domain` to the iteration indices whose element along the term lies in [0, length). False
// if there are none: a box without axes cannot say that itself.
bool restrict_domain(Box& domain, const Term& term, std::int64_t length) {
  if (term.axis < 0) return term.offset >= 0 && term.offset < length;
  const std::int64_t x = -term.offset;
  const std::int64_t y = length - 1 - term.offset;
  const std::int64_t first = term.step > 0 ? ceil_div(x, term.step) : ceil_div(y, term.step);
  const std::int64_t last = term.step > 0 ? floor_div(y, term.step) : floor_div(x, term.step);
  domain.lo[term.axis] = std::max(domain.lo[term.axis], first);
  domain.hi[term.axis] = std::min(domain.hi[term.axis], last + 1);
  return domain.lo[term.axis] < domain.hi[term.axis];
}

}  // namespace

void MapBuilder::add(const NodePtr& node, graph::Head head) {
  Place place{{}, Box::whole(map_.grid.shape())};
  for (std::size_t k = 0; k < node->rank(); ++k) {
    place.terms.push_back({static_cast<std::int32_t>(k), 1, 0});
  }
  map_.program.add_output(lower(node, place));
  map_.heads.push_back(std::move(head));
}

int MapBuilder::lower(const NodePtr& node, const Place& place) {
  for (const Known& known : known_) {
    if (known.node == node.get() && known.place.terms == place.terms &&
        known.place.domain == place.domain) {
      return known.value;
    }
  }
  const auto source = find_(*node);
  const int value =
      source ? leaf(*source, node->dtype, place) : lower_operation(node, place);
  known_.push_back({node.get(), place, value});
  return value;
}

int MapBuilder::lower_operation(const NodePtr& node, const Place& place) {
  if (const auto* full = node->as<expr::Full>()) {
    return map_.program.add_constant(full->value, node->dtype);
  }
  if (const auto* arange = node->as<expr::Arange>()) {
    return leaf(graph::Ramp{arange->start, arange->step}, node->dtype, place);
  }
  if (const auto* elementwise = node->as<expr::Elementwise>()) {
    std::vector<int> args;
    for (const NodePtr& operand : node->operands) {
      Place inner = place;
      if (operand->rank() == 0) inner.terms.clear();
      args.push_back(lower(operand, inner));
    }
    return map_.program.add(elementwise->op, args);
  }
  if (node->as<expr::Cast>() != nullptr) {
    return map_.program.add_cast(lower(node->operands[0], place), node->dtype);
  }
  if (node->as<expr::Concatenate>() != nullptr) return lower_concatenate(*node, place);
  if (node->as<expr::Shift>() != nullptr) return lower_shift(*node, place);
  Place inner = place;
  if (const auto* slice = node->as<expr::Slice>()) {
    for (std::size_t k = 0; k < inner.terms.size(); ++k) {
      inner.terms[k].offset = slice->start[k] + slice->step[k] * inner.terms[k].offset;
      inner.terms[k].step *= slice->step[k];
    }
  }
  if (const auto* view = node->as<expr::View>()) {
    inner.terms = InlineVector<Term, kMaxAxes>(node->operands[0]->rank());
    for (std::size_t k = 0; k < view->axes.size(); ++k) {
      if (view->axes[k] >= 0) inner.terms[view->axes[k]] = place.terms[k];
    }
  }
  return lower(node->operands[0], inner);  // a rechunk changes no value
}

int MapBuilder::lower_concatenate(const Node& node, const Place& place) {
  const std::int64_t axis = node.as<expr::Concatenate>()->axis;
  struct Part {
    int value;
    Box domain;
  };
  std::vector<Part> parts;
  std::int64_t start = 0;
  for (const NodePtr& operand : node.operands) {
    const std::int64_t length = operand->grid.axis(axis).length();
    Place inner = place;
    inner.terms[axis].offset -= start;
    start += length;
    if (!restrict_domain(inner.domain, inner.terms[axis], length)) continue;
    if (inner.domain == place.domain) return lower(operand, inner);
    parts.push_back({lower(operand, inner), inner.domain});
  }
  if (parts.empty()) return map_.program.add_constant(Literal::of(std::int64_t{0}), node.dtype);
  int value = parts.back().value;
  for (std::size_t i = parts.size() - 1; i-- > 0;) {
    const int args[] = {mask(parts[i].domain), parts[i].value, value};
    value = map_.program.add(kernels::Op::kWhere, args);
  }
  return value;
}

int MapBuilder::lower_shift(const Node& node, const Place& place) {
  const Extents& offset = node.as<expr::Shift>()->offset;
  const Extents shape = node.shape();
  Place inner = place;
  bool somewhere = true;
  for (std::size_t k = 0; k < offset.size(); ++k) {
    inner.terms[k].offset -= offset[k];
    somewhere = restrict_domain(inner.domain, inner.terms[k], shape[k]) && somewhere;
  }
  const int missing =
      map_.program.add_constant(Literal::of(std::numeric_limits<double>::quiet_NaN()), node.dtype);
  if (!somewhere) return missing;
  const int value = lower(node.operands[0], inner);
  if (inner.domain == place.domain) return value;
  const int args[] = {mask(inner.domain), value, missing};
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
