// Some elements of an array, axis by axis: what a pass asks of a node.
#pragma once

#include <cstdint>
#include <vector>

namespace rankine::optimize {

// Some elements of an axis: first, first + step, ... with step >= 1, and step 1 if they are fewer
// than two, so equal picks are equal values.
struct Pick {
  std::int64_t first = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
  bool operator==(const Pick&) const = default;
  std::int64_t last() const { return first + step * (count - 1); }
};
using Picks = std::vector<Pick>;  // per axis

}  // namespace rankine::optimize
