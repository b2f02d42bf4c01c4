// Regular grids of users' tasks: one function at every coordinate of an N-dimensional grid, whose
// inputs are results of the same grid or of earlier ones, found in closed form. The description
// does not grow with the number of tasks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/chunk_grid.h"
#include "runtime/base/divide.h"
#include "runtime/graph/explicit.h"
#include "runtime/kernels/registry.h"

namespace rankine::graph {

// i -> floor((a * i + b) / c), c >= 1.
struct GridLine {
  std::int64_t a = 0;
  std::int64_t b = 0;
  std::int64_t c = 1;
  bool operator==(const GridLine&) const = default;

  std::int64_t at(std::int64_t i) const { return c == 1 ? a * i + b : floor_div(a * i + b, c); }
  // The indices i with at(i) <= p, or with at(i) >= p, cut to `within`: an interval, as the line is
  // monotone.
  Interval at_most(std::int64_t p, Interval within) const;
  Interval at_least(std::int64_t p, Interval within) const;

  template <class Archive>
  void serialize(Archive& archive) {
    Varint factor{a}, shift{b}, divisor{c};
    archive(factor, shift, divisor);
    a = factor.value;
    b = shift.value;
    c = divisor.value;
  }
};

// Which indices of one axis of the producer a task needs: lo(i) ... hi(i), both included and cut to
// the axis, where i is the task's own index along `axis`.
struct GridAxis {
  std::int32_t axis = 0;
  GridLine lo;
  GridLine hi;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(axis, lo, hi);
  }
};

// A box of results for every task inside the domain, nothing for the others.
struct GridEdge {
  Box domain;                  // of coordinates of the consumer
  std::vector<GridAxis> axes;  // per axis of the producer
  template <class Archive>
  void serialize(Archive& archive) {
    archive(domain, axes);
  }
};

// A dependency by code, for the tasks inside the domain.
struct GridCode {
  kernels::FunctionName make;  // a kernels::MakeGridPattern
  std::string state;
  Box domain;
  bool feeds_all = false;  // every task inside the domain takes at least one result
  template <class Archive>
  void serialize(Archive& archive) {
    archive(make, state, domain, feeds_all);
  }
};

// One argument of the function: results of one producer, edge after edge, each row-major.
struct GridInput {
  std::uint32_t layer = 0;  // the producer; the layer's own number: itself
  std::vector<GridEdge> edges;
  std::optional<GridCode> code;  // instead of edges
  template <class Archive>
  void serialize(Archive& archive) {
    archive(layer, edges, code);
  }
};

struct Grid {
  kernels::ModuleTable modules;
  Extents counts;
  UserFunction function;  // its thunk is a kernels::MakeGridKernel
  std::vector<GridInput> inputs;
  std::int64_t item_bytes = 0;  // of a result; 0: of any length

  // Throws Error (usage) if the inputs do not fit the grids, a number may overflow, or a task would
  // wait for itself. layer: the number of this one. counts_of(layer): of a Grid before this one,
  // null if that is none.
  template <class CountsOf>
  void check(std::uint32_t layer, const CountsOf& counts_of) const {
    check_counts();
    for (const GridInput& input : inputs) {
      const Extents* produced = input.layer == layer ? &counts : counts_of(input.layer);
      check_input(input, produced);
    }
    order_of(layer);
  }
  // Axes by which all edges to itself go back: along the first one no edge goes forward, along the
  // next none of those that stay on the first one, and so on, until every edge goes back. So tasks
  // in lexicographic order of these axes wait for earlier ones only. The first one is the axis of
  // time. Empty without such edges; throws Error (usage) if there is no such order.
  Extents order_of(std::uint32_t layer) const;

  template <class Archive>
  void serialize(Archive& archive) {
    Varint bytes{item_bytes};
    archive(modules, counts, function, inputs, bytes);
    item_bytes = bytes.value;
  }

 private:
  void check_counts() const;
  void check_input(const GridInput& input, const Extents* produced) const;
};

// The results of a box of a Grid's tasks, brought to rank 0: one after the other into
// Graph::results[first_result] if each has item_bytes, else each into a result of its own, from
// first_result on.
struct GridCollect {
  std::uint32_t layer = 0;
  Box box;
  std::uint32_t first_result = 0;
  std::int64_t item_bytes = 0;  // that of the Grid
  template <class Archive>
  void serialize(Archive& archive) {
    Varint bytes{item_bytes};
    archive(layer, box, first_result, bytes);
    item_bytes = bytes.value;
  }
};

}  // namespace rankine::graph
