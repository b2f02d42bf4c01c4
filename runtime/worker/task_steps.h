// The boxes a Map task computes one after the other.
#pragma once

#include <vector>

#include "runtime/graph/layer.h"

namespace rankine::worker {

// box: of the task in the grid of its layer.
std::vector<Box> steps_of(const graph::Map& map, const Box& box);

}  // namespace rankine::worker
