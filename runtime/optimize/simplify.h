// Removes what does not change a bit: an operation undone by the next one, two views or slices in a
// row, arithmetic with a neutral literal.
#pragma once

#include <vector>

#include "runtime/expr/node.h"

namespace rankine::optimize {

// Expressions with the same values, types, shapes and names of dimensions, in the same order.
// x + 0 stays: it turns -0 into 0.
std::vector<expr::NodePtr> simplify(const std::vector<expr::NodePtr>& roots);

}  // namespace rankine::optimize
