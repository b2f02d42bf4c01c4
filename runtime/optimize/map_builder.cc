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
  map_.program.add_output(lower({node, place}));
  map_.heads.push_back(std::move(head));
}

int MapBuilder::lower(const Request& request) {
  std::vector<Request> stack{request};
  while (!stack.empty()) {
    const Request top = stack.back();
    if (known(top)) {
      stack.pop_back();
      continue;
    }
    std::optional<int> value = leaf_or_constant(top);
    if (!value) {
      const std::vector<Request> parts = needs(top);
      std::vector<int> values;
      const std::size_t below = stack.size();
      for (const Request& part : parts) {
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

std::optional<int> MapBuilder::known(const Request& request) const {
  const auto found = known_.find(request.node.get());
  if (found == known_.end()) return std::nullopt;
  for (const Known& entry : found->second) {
    if (entry.place == request.place) return entry.value;
  }
  return std::nullopt;
}

std::optional<int> MapBuilder::leaf_or_constant(const Request& request) {
  const Node& node = *request.node;
  if (const auto source = find_(node)) return leaf(*source, node.dtype, request.place);
  if (const auto* full = node.as<expr::Full>()) {
    return map_.program.add_constant(full->value, node.dtype);
  }
  if (const auto* arange = node.as<expr::Arange>()) {
    return leaf(graph::Ramp{arange->start, arange->step}, node.dtype, request.place);
  }
  return std::nullopt;
}

std::vector<MapBuilder::Request> MapBuilder::needs(const Request& request) const {
  const Node& node = *request.node;
  const Place& place = request.place;
  std::vector<Request> parts;
  if (const auto* concatenate = node.as<expr::Concatenate>()) {
    std::int64_t start = 0;
    for (const NodePtr& operand : node.operands) {
      Term term = place.terms[concatenate->axis];
      term.offset -= start;
      const std::int64_t length = operand->grid.axis(concatenate->axis).length();
      start += length;
      Request part{operand, place};
      part.place.terms[concatenate->axis] = term;
      if (!restrict_domain(part.place.domain, term, length)) continue;
      if (part.place.domain == place.domain) return {std::move(part)};
      parts.push_back(std::move(part));
    }
    return parts;
  }
  for (const NodePtr& operand : node.operands) {
    parts.push_back({operand, place});
    if (operand->rank() == 0) parts.back().place.terms.clear();
  }
  if (parts.empty()) return parts;
  Place& inner = parts.front().place;
  if (const auto* slice = node.as<expr::Slice>()) {
    for (std::size_t k = 0; k < inner.terms.size(); ++k) {
      inner.terms[k].offset = slice->start[k] + slice->step[k] * inner.terms[k].offset;
      inner.terms[k].step *= slice->step[k];
    }
  }
  if (const auto* view = node.as<expr::View>()) {
    inner.terms = InlineVector<Term, kMaxAxes>(node.operands[0]->rank());
    for (std::size_t k = 0; k < view->axes.size(); ++k) {
      if (view->axes[k] >= 0) inner.terms[view->axes[k]] = place.terms[k];
    }
  }
  if (const auto* shift = node.as<expr::Shift>()) {
    const Extents shape = node.shape();
    bool somewhere = true;
    for (std::size_t k = 0; k < shape.size(); ++k) {
      inner.terms[k].offset -= shift->offset[k];
      somewhere = restrict_domain(inner.domain, inner.terms[k], shape[k]) && somewhere;
    }
    if (!somewhere) parts.clear();
  }
  return parts;
}

int MapBuilder::combine(const Request& request, const std::vector<Request>& parts,
                        const std::vector<int>& values) {
  const Node& node = *request.node;
  if (const auto* elementwise = node.as<expr::Elementwise>()) {
    return map_.program.add(elementwise->op, values);
  }
  if (node.as<expr::Cast>() != nullptr) return map_.program.add_cast(values[0], node.dtype);
  if (node.as<expr::Concatenate>() != nullptr) return combine_concatenate(request, parts, values);
  if (node.as<expr::Shift>() != nullptr) return combine_shift(request, parts, values);
  return values[0];  // a slice, a view or a rechunk changes no value
}

int MapBuilder::combine_concatenate(const Request& request, const std::vector<Request>& parts,
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

int MapBuilder::combine_shift(const Request& request, const std::vector<Request>& parts,
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
