// Users' tasks on top of a graph of arrays.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/layer.h"

namespace rankine::graph {

// Adds the tasks as a layer, whose arrays are Graph::kept in the order of its targets, and one that
// brings the results of `collected` to rank 0, after the results that are there.
void append_tasks(Graph& graph, Explicit tasks, std::vector<std::uint32_t> collected);

}  // namespace rankine::graph
