// Slices move into the reads, and what nobody needs is culled: from the results down, every node is
// told which of its elements are needed, and is rebuilt to have only those. So
// `mean(x, time)[0:10]` reads and reduces what ten rows need, and two users that take rows 0-9 and
// 5-19 of one mean get one mean of twenty rows.
#pragma once

#include <vector>

#include "runtime/expr/node.h"

namespace rankine::optimize {

// Expressions with the same values, in the same order. Needs of several users are joined: equal
// ones as they are, others to the interval that holds both.
std::vector<expr::NodePtr> push_slices_down(const std::vector<expr::NodePtr>& roots);

}  // namespace rankine::optimize
