#include "runtime/graph/grid.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace rankine::graph {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 61;

Interval meet(const Interval& a, const Interval& b) {
  return {std::max(a.lo, b.lo), std::min(a.hi, b.hi)};
}

Error damaged() { return usage_error("an input of a grid of tasks does not fit its grids"); }

// Whether neither the line nor its inverse leaves 64 bits.
bool is_safe(const GridLine& line, std::int64_t tasks, std::int64_t produced) {
  if (line.c < 1 || line.c > kLargest) return false;
  const auto size = [](std::int64_t x) { return x < 0 ? -static_cast<__int128>(x) : x; };
  const __int128 forward = size(line.a) * tasks + size(line.b);
  const __int128 inverse = static_cast<__int128>(line.c) * (produced + 2) + size(line.b);
  return forward < kLargest && inverse < kLargest;
}

// How an edge to itself moves along an axis of both sides.
enum class Move { kBack, kBackOrStay, kUnknown };

// hi(i) < i, or hi(i) <= i, for all i of the domain: hi(i) - i is a line too, so its ends decide.
Move move_along(const GridEdge& edge, std::size_t k) {
  const GridAxis& reach = edge.axes[k];
  const Interval from{edge.domain.lo[reach.axis], edge.domain.hi[reach.axis]};
  const Interval own{edge.domain.lo[k], edge.domain.hi[k]};
  bool back = true;
  bool stay = true;
  for (const std::int64_t i : {from.lo, from.hi - 1}) {
    const std::int64_t least = reach.axis == static_cast<std::int32_t>(k) ? i : own.lo;
    // floor(x / c) < n iff x < c * n.
    const __int128 x = static_cast<__int128>(reach.hi.a) * i + reach.hi.b;
    back = back && x < static_cast<__int128>(reach.hi.c) * least;
    stay = stay && x < static_cast<__int128>(reach.hi.c) * (static_cast<__int128>(least) + 1);
  }
  return back ? Move::kBack : stay ? Move::kBackOrStay : Move::kUnknown;
}

// Dependencies by code go back along the first axis; topology holds them to it, task by task.
Move move_along(const GridCode&, std::size_t k) { return k == 0 ? Move::kBack : Move::kUnknown; }

}  // namespace

// a * i + b < c * (p + 1)
Interval GridLine::at_most(std::int64_t p, Interval within) const {
  const std::int64_t room = c * (p + 1) - 1 - b;  // a * i <= room
  if (a == 0) return room >= 0 ? within : Interval{0, 0};
  if (a == 1) return meet(within, {within.lo, room + 1});
  if (a > 0) return meet(within, {within.lo, floor_div(room, a) + 1});
  return meet(within, {ceil_div(room, a), within.hi});
}

// a * i + b >= c * p
Interval GridLine::at_least(std::int64_t p, Interval within) const {
  const std::int64_t need = c * p - b;  // a * i >= need
  if (a == 0) return need <= 0 ? within : Interval{0, 0};
  if (a == 1) return meet(within, {need, within.hi});
  if (a > 0) return meet(within, {ceil_div(need, a), within.hi});
  return meet(within, {within.lo, floor_div(need, a) + 1});
}

void Grid::check_counts() const {
  if (counts.empty()) throw usage_error("a grid of tasks needs one axis at least");
  Extents some;  // strides are of all axes, also beside one without tasks
  for (const std::int64_t count : counts) {
    some.push_back(std::max<std::int64_t>(count, 1));
    if (count < 0 || count > kMostElements) {
      throw usage_error("a grid cannot have " + std::to_string(count) + " tasks along an axis");
    }
  }
  if (saturated_volume(some) > kMostElements) {
    throw usage_error("a grid may have 2^56 tasks at most", "use several grids");
  }
  if (item_bytes < 0) throw damaged();
}

void Grid::check_input(const GridInput& input, const Extents* produced) const {
  if (produced == nullptr) throw damaged();
  const auto check_domain = [&](const Box& domain) {
    if (domain.lo.size() != counts.size() || domain.hi.size() != counts.size()) throw damaged();
    for (std::size_t k = 0; k < counts.size(); ++k) {
      if (domain.lo[k] < 0 || domain.hi[k] > counts[k]) throw damaged();
    }
  };
  if (input.code) {
    check_domain(input.code->domain);
    if (!input.edges.empty()) throw damaged();
  }
  for (const GridEdge& edge : input.edges) {
    check_domain(edge.domain);
    if (edge.axes.size() != produced->size()) {
      throw usage_error("an input of a grid of tasks names " + std::to_string(edge.axes.size()) +
                            " axes of a grid that has " + std::to_string(produced->size()),
                        "give one reach for each axis of the grid that is read");
    }
    for (std::size_t k = 0; k < edge.axes.size(); ++k) {
      const GridAxis& axis = edge.axes[k];
      if (axis.axis < 0 || static_cast<std::size_t>(axis.axis) >= counts.size()) {
        throw usage_error("an input of a grid of tasks follows axis " + std::to_string(axis.axis) +
                              " of a grid that has " + std::to_string(counts.size()),
                          "name the axis by .along(AXIS)");
      }
      if (!is_safe(axis.lo, counts[axis.axis], (*produced)[k]) ||
          !is_safe(axis.hi, counts[axis.axis], (*produced)[k])) {
        throw usage_error("an input of a grid of tasks reaches too far",
                          "divisors are 1 at least; products with the counts stay below 2^61");
      }
    }
  }
}

Extents Grid::order_of(std::uint32_t layer) const {
  std::vector<const GridEdge*> edges;
  std::vector<const GridCode*> codes;
  for (const GridInput& input : inputs) {
    if (input.layer != layer) continue;
    for (const GridEdge& edge : input.edges) {
      if (!edge.domain.empty()) edges.push_back(&edge);
    }
    if (input.code && !input.code->domain.empty()) codes.push_back(&*input.code);
  }
  // Taking an axis along which no edge goes forward never hinders another one, so taking the one
  // that settles most edges finds an order if there is one.
  Extents order;
  while (!edges.empty() || !codes.empty()) {
    std::size_t best = counts.size();
    std::size_t most = 0;
    for (std::size_t k = 0; k < counts.size(); ++k) {
      std::size_t settled = 0;
      bool forward = false;
      const auto look = [&](Move move) {
        forward = forward || move == Move::kUnknown;
        settled += move == Move::kBack ? 1 : 0;
      };
      for (const GridEdge* edge : edges) look(move_along(*edge, k));
      for (const GridCode* code : codes) look(move_along(*code, k));
      if (forward || settled <= most) continue;
      best = k;
      most = settled;
    }
    if (best == counts.size()) {
      throw usage_error("tasks of a grid would wait for themselves",
                        "an input of the same grid needs an axis along which it always goes back");
    }
    order.push_back(static_cast<std::int64_t>(best));
    std::erase_if(edges, [&](const GridEdge* e) { return move_along(*e, best) == Move::kBack; });
    codes.clear();
    // What goes back along the first axis by code cannot stay: all codes are settled at once.
  }
  return order;
}

}  // namespace rankine::graph
