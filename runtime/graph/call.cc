#include "runtime/graph/call.h"

#include <algorithm>

namespace rankine::graph {

Box Call::widened(const Box& box) const {
  Box wide = box;
  for (std::size_t k = 0; k < reach.size(); ++k) {
    wide.lo[k] -= reach[k].before;
    wide.hi[k] += reach[k].after;
    if (!reach[k].clipped) continue;
    wide.lo[k] = std::max(wide.lo[k], -start[k]);
    wide.hi[k] = std::min(wide.hi[k], length[k] - start[k]);
  }
  return wide;
}

}  // namespace rankine::graph
