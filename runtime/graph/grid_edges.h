// Who uses what on a Grid: its inputs and their inverse as functions of the position. Made when the
// graph is installed; O(edges), whatever the number of tasks. Thread-safe after construction.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/base/function_ref.h"
#include "runtime/graph/grid.h"
#include "runtime/kernels/grid_call.h"

namespace rankine::graph {

class GridEdges {
 public:
  using VisitPosition = FunctionRef<void(std::int64_t position)>;  // of the producer or consumer

  // layer: the number of the grid. counts_of: as for Grid::check, which must have passed; the
  // counts live as long as this. Throws Error (usage) if code is not here.
  template <class CountsOf>
  GridEdges(const Grid& grid, std::uint32_t layer, const CountsOf& counts_of)
      : grid_(grid),
        layer_(layer),
        order_(grid.order_of(layer)) {
    for (const GridInput& input : grid.inputs) {
      produced_.push_back(input.layer == layer ? &grid.counts : counts_of(input.layer));
      strides_.push_back(row_major_strides(*produced_.back()));
    }
    own_strides_ = row_major_strides(grid.counts);
    find_codes();
    fed_from_ = find_fed_from();
  }

  const Grid& grid() const { return grid_; }
  // Of a task of this grid; as coordinate_of, with a division less.
  Extents coordinate(std::int64_t position) const;
  // Grid::order_of.
  const Extents& order() const { return order_; }
  // The axis of time, which all inputs from the grid itself go back along or stay on; -1: none.
  std::int32_t time_axis() const {
    return order_.empty() ? -1 : static_cast<std::int32_t>(order_[0]);
  }
  // Tasks whose index along the axis of time is at least this one certainly have inputs; the others
  // must be looked at. Without an axis of time: 0 or INT64_MAX, for all tasks.
  std::int64_t fed_from() const { return fed_from_; }

  // The results that the task at a coordinate takes through one input, in order. What code names
  // outside of the grids does not exist, on either side; throws Error (usage) if it names, of the
  // same grid, what does not come before.
  void visit_inputs(std::size_t input, const Extents& at, VisitPosition visit) const;
  std::int64_t count_inputs(const Extents& at) const;
  // The tasks that take the result at a coordinate of the producer through one input, once for each
  // time.
  void visit_consumers(std::size_t input, const Extents& at, VisitPosition visit) const;

 private:
  void find_codes();
  std::int64_t find_fed_from() const;
  Box fed_by(const GridEdge& edge, std::size_t input) const;
  bool reach(const GridEdge& edge, std::size_t input, const Extents& at, Box& box) const;
  void visit_code(std::size_t input, const Extents& at, VisitPosition visit) const;
  bool names(const Extents& named, const Extents& counts) const;

  const Grid& grid_;
  std::uint32_t layer_;
  Extents order_;
  std::vector<const Extents*> produced_;  // by input: the counts of its producer
  std::vector<Extents> strides_;          // by input: of its producer
  Extents own_strides_;
  std::vector<std::shared_ptr<const kernels::GridPattern>> codes_;  // by input; null: edges
  std::int64_t fed_from_ = 0;
};

}  // namespace rankine::graph
