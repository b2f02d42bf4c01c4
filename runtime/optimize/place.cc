#include "runtime/optimize/place.h"

#include <algorithm>

#include "runtime/base/divide.h"

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;
using graph::Term;

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

std::vector<Placed> placed_parts(const Node& node, std::int64_t axis, const Place& place) {
  std::vector<Placed> parts;
  std::int64_t start = 0;
  for (const NodePtr& operand : node.operands) {
    const std::int64_t length = operand->grid.axis(axis).length();
    Placed part{operand, place};
    part.place.terms[axis].offset -= start;
    start += length;
    if (!restrict_domain(part.place.domain, part.place.terms[axis], length)) continue;
    if (part.place.domain == place.domain) return {std::move(part)};
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace

Place Place::own(const Extents& shape) {
  Place place{{}, Box::whole(shape)};
  for (std::size_t k = 0; k < shape.size(); ++k) {
    place.terms.push_back({static_cast<std::int32_t>(k), 1, 0});
  }
  return place;
}

std::vector<Placed> placed_operands(const Node& node, const Place& place) {
  if (const auto* concatenate = node.as<expr::Concatenate>()) {
    return placed_parts(node, concatenate->axis, place);
  }
  std::vector<Placed> parts;
  for (const NodePtr& operand : node.operands) {
    parts.push_back({operand, place});
    if (operand->rank() == 0) parts.back().place.terms.clear();  // a literal
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

}  // namespace rankine::optimize
