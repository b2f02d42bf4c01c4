#include "runtime/graph/grid_edges.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace rankine::graph {
namespace {

bool inside(const Box& domain, const Extents& at) {
  for (std::size_t k = 0; k < at.size(); ++k) {
    if (at[k] < domain.lo[k] || at[k] >= domain.hi[k]) return false;
  }
  return true;
}

// The row-major positions of a box that is not empty, in order. Mostly it is one row.
void visit_box(const Box& box, const Extents& strides, GridEdges::VisitPosition visit) {
  const std::size_t last = box.rank() - 1;
  const std::int64_t length = box.hi[last] - box.lo[last];
  std::int64_t position = box.lo[last];
  std::int64_t rows = 1;
  for (std::size_t k = 0; k < last; ++k) {
    position += box.lo[k] * strides[k];
    rows *= box.hi[k] - box.lo[k];
  }
  for (std::int64_t i = 0; i < length; ++i) visit(position + i);
  if (rows == 1) return;
  Extents row = box.lo;
  while (--rows > 0) {
    for (std::size_t k = last; k-- > 0;) {
      position += strides[k];
      if (++row[k] < box.hi[k]) break;
      position -= (box.hi[k] - box.lo[k]) * strides[k];
      row[k] = box.lo[k];
    }
    for (std::int64_t i = 0; i < length; ++i) visit(position + i);
  }
}

std::int64_t position_in(const Extents& at, const Extents& strides) {
  std::int64_t position = 0;
  for (std::size_t k = 0; k < at.size(); ++k) position += at[k] * strides[k];
  return position;
}

}  // namespace

Extents GridEdges::coordinate(std::int64_t position) const {
  const Extents& counts = grid_.counts;
  Extents at(counts.size());
  for (std::size_t k = counts.size(); k-- > 1;) {
    const std::int64_t rest = position / counts[k];
    at[k] = position - rest * counts[k];
    position = rest;
  }
  at[0] = position;
  return at;
}

void GridEdges::find_codes() {
  codes_.resize(grid_.inputs.size());
  const bool any = std::any_of(grid_.inputs.begin(), grid_.inputs.end(),
                               [](const GridInput& input) { return input.code.has_value(); });
  if (!any) return;
  const kernels::FoundModules modules(grid_.modules);
  for (std::size_t i = 0; i < codes_.size(); ++i) {
    if (!grid_.inputs[i].code) continue;
    const auto make = reinterpret_cast<kernels::MakeGridPattern>(
        reinterpret_cast<std::uintptr_t>(modules.address_of(grid_.inputs[i].code->make)));
    codes_[i] = make(std::as_bytes(std::span(grid_.inputs[i].code->state)));
  }
}

// A box of tasks of which each one takes something; empty if none is found. Along every axis the
// indices whose reach meets the producer's axis are an interval; lo <= hi is a line too, so its
// ends decide.
Box GridEdges::fed_by(const GridEdge& edge, std::size_t input) const {
  Box box = edge.domain;
  for (std::size_t k = 0; k < edge.axes.size() && !box.empty(); ++k) {
    const GridAxis& axis = edge.axes[k];
    if ((*produced_[input])[k] == 0) box.hi = box.lo;
    Interval fed{box.lo[axis.axis], box.hi[axis.axis]};
    fed = axis.hi.at_least(0, axis.lo.at_most((*produced_[input])[k] - 1, fed));
    box.lo[axis.axis] = fed.lo;
    box.hi[axis.axis] = fed.hi;
    for (const std::int64_t i : {fed.lo, fed.hi - 1}) {
      const __int128 lo = (static_cast<__int128>(axis.lo.a) * i + axis.lo.b) * axis.hi.c;
      const __int128 hi = (static_cast<__int128>(axis.hi.a) * i + axis.hi.b) * axis.lo.c;
      if (lo > hi) box.hi = box.lo;
    }
  }
  return box;
}

// One input that feeds all coordinates from some time on is enough.
std::int64_t GridEdges::find_fed_from() const {
  std::int64_t least = INT64_MAX;
  const std::int32_t time = time_axis();
  const auto consider = [&](const Box& domain) {
    if (domain.empty()) return;
    for (std::size_t k = 0; k < grid_.counts.size(); ++k) {
      const bool all_later = static_cast<std::int32_t>(k) == time || domain.lo[k] == 0;
      if (!all_later || domain.hi[k] != grid_.counts[k]) return;
    }
    least = std::min(least, time < 0 ? 0 : domain.lo[time]);
  };
  for (std::size_t i = 0; i < grid_.inputs.size(); ++i) {
    const GridInput& input = grid_.inputs[i];
    if (input.code && input.code->feeds_all) consider(input.code->domain);
    for (const GridEdge& edge : input.edges) {
      consider(fed_by(edge, i));
    }
  }
  return least;
}

// The coordinates of the producer; false if there are none.
bool GridEdges::reach(const GridEdge& edge, std::size_t input, const Extents& at, Box& box) const {
  if (!inside(edge.domain, at)) return false;
  const std::size_t rank = edge.axes.size();
  box.lo.resize(rank);
  box.hi.resize(rank);
  for (std::size_t k = 0; k < rank; ++k) {
    const GridAxis& axis = edge.axes[k];
    const std::int64_t i = at[axis.axis];
    box.lo[k] = std::max<std::int64_t>(axis.lo.at(i), 0);
    box.hi[k] = std::min(axis.hi.at(i) + 1, (*produced_[input])[k]);
    if (box.lo[k] >= box.hi[k]) return false;
  }
  return true;
}

void GridEdges::visit_inputs(std::size_t input, const Extents& at, VisitPosition visit) const {
  if (codes_[input]) return visit_code(input, at, visit);
  Box box;
  for (const GridEdge& edge : grid_.inputs[input].edges) {
    if (reach(edge, input, at, box)) visit_box(box, strides_[input], visit);
  }
}

std::int64_t GridEdges::count_inputs(const Extents& at) const {
  std::int64_t count = 0;
  Box box;
  for (std::size_t i = 0; i < grid_.inputs.size(); ++i) {
    if (codes_[i]) {
      visit_code(i, at, [&](std::int64_t) { ++count; });
      continue;
    }
    for (const GridEdge& edge : grid_.inputs[i].edges) {
      if (!reach(edge, i, at, box)) continue;
      std::int64_t size = 1;
      for (std::size_t k = 0; k < box.rank(); ++k) size *= box.hi[k] - box.lo[k];
      count += size;
    }
  }
  return count;
}

void GridEdges::visit_consumers(std::size_t input, const Extents& at, VisitPosition visit) const {
  if (codes_[input]) {
    const GridPoint point(at, *produced_[input]);
    const Box& domain = grid_.inputs[input].code->domain;
    codes_[input]->consumers(point, [&](const Extents& named) {
      if (names(named, grid_.counts) && inside(domain, named)) {
        visit(position_in(named, own_strides_));
      }
    });
    return;
  }
  for (const GridEdge& edge : grid_.inputs[input].edges) {
    Box box = edge.domain;
    bool any = !box.empty();
    for (std::size_t k = 0; any && k < edge.axes.size(); ++k) {
      const GridAxis& axis = edge.axes[k];
      Interval users{box.lo[axis.axis], box.hi[axis.axis]};
      users = axis.hi.at_least(at[k], axis.lo.at_most(at[k], users));
      any = !users.empty();
      box.lo[axis.axis] = users.lo;
      box.hi[axis.axis] = users.hi;
    }
    if (any) visit_box(box, own_strides_, visit);
  }
}

void GridEdges::visit_code(std::size_t input, const Extents& at, VisitPosition visit) const {
  const GridCode& code = *grid_.inputs[input].code;
  if (!inside(code.domain, at)) return;
  bool any = false;
  codes_[input]->inputs(GridPoint(at, grid_.counts), [&](const Extents& named) {
    if (!names(named, *produced_[input])) return;
    if (grid_.inputs[input].layer == layer_ && named[0] >= at[0]) {
      throw usage_error(grid_.function.name + ": task " + to_string(at) + " takes the result of " +
                            to_string(named) + " of the same grid, which does not come before it",
                        "inputs by code go back along the first axis");
    }
    any = true;
    visit(position_in(named, strides_[input]));
  });
  if (code.feeds_all && !any) {
    throw usage_error(grid_.function.name + ": task " + to_string(at) + " has no inputs by code",
                      "a dependency with `feeds_all` names one result at least for every task");
  }
}

// Whether a coordinate that code gave exists.
bool GridEdges::names(const Extents& named, const Extents& counts) const {
  if (named.size() != counts.size()) {
    throw usage_error(grid_.function.name + ": a dependency by code names " + to_string(named) +
                          " in a grid of " + to_string(counts),
                      "give one index for each axis");
  }
  for (std::size_t k = 0; k < named.size(); ++k) {
    if (named[k] < 0 || named[k] >= counts[k]) return false;
  }
  return true;
}

}  // namespace rankine::graph
