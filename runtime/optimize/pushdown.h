// Slices move towards the data: through views, casts and arithmetic into the operand of a reduction,
// so that `mean(x, time)[0:10]` reads and reduces only what the ten rows need. (Below the last
// reduction nothing has to be moved: lowering folds slices into the reads.)
#pragma once

#include <vector>

#include "runtime/expr/node.h"

namespace rankine::optimize {

// Equivalent expressions, in the same order. A node with several users is left alone: its whole
// value is needed once anyway.
std::vector<expr::NodePtr> push_slices_down(const std::vector<expr::NodePtr>& roots);

}  // namespace rankine::optimize
