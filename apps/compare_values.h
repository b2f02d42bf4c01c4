// How the values of two arrays differ, in one pass over both, on all ranks.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/session/session.h"

namespace rankine::apps {

// Two values are the same if they are equal, both missing (NaN), or not farther apart than
// `absolute` or `relative` times the larger of their magnitudes, whichever is more (Python's
// math.isclose). Infinity is the same as itself only.
struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

// Positions are row-major; of equally large differences the first is meant. -1: there is none.
struct Difference {
  std::int64_t elements = 0;  // that are not the same
  std::int64_t missing = 0;   // of these, missing in one array only; they have no difference
  std::int64_t first = -1;
  double absolute = 0;  // the largest among these elements
  std::int64_t absolute_at = -1;
  double relative = 0;  // likewise, of |a - b| / max(|a|, |b|)
  std::int64_t relative_at = -1;
};

// Of pairs of one shape with one element or more. Types may differ: then both are compared in the
// type to which NumPy would promote them.
std::vector<Difference> compare_values(Session& session,
                                       const std::vector<std::pair<Array, Array>>& pairs,
                                       const Tolerance& tolerance);

}  // namespace rankine::apps
