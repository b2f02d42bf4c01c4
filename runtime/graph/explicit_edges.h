// Who uses what in an Explicit layer: the inverse of its arguments. O(tasks + arguments), made when
// the graph is installed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/graph/explicit.h"

namespace rankine::graph {

class ExplicitEdges {
 public:
  // held: how many values of earlier graphs there are. Throws Error (input) if a task takes
  // another.
  ExplicitEdges(const Explicit& tasks, std::size_t held);

  // The tasks that take the result of `task`, or array `index`, once per argument, ascending.
  std::span<const std::uint32_t> users_of(std::size_t task) const { return row(tasks_, task); }
  std::span<const std::uint32_t> users_of_array(std::size_t index) const {
    return row(arrays_, index);
  }
  std::span<const std::uint32_t> users_of_held(std::size_t index) const {
    return row(held_, index);
  }

 private:
  struct Rows {
    std::vector<std::uint32_t> begin;
    std::vector<std::uint32_t> users;
  };
  static std::span<const std::uint32_t> row(const Rows& rows, std::size_t index) {
    return std::span(rows.users)
        .subspan(rows.begin[index], rows.begin[index + 1] - rows.begin[index]);
  }
  static Rows invert(const Explicit& tasks, Argument::Kind kind, std::size_t count);

  Rows tasks_;
  Rows arrays_;
  Rows held_;
};

}  // namespace rankine::graph
