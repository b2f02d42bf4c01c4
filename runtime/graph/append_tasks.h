// Users' tasks on top of a graph of arrays.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/layer.h"

namespace rankine::graph {

// Adds the tasks as a layer, whose arrays are Graph::kept in the order of its targets. Returns its
// number.
std::uint32_t append_tasks(Graph& graph, Explicit tasks);

// Adds a layer that brings results of tasks of a layer to rank 0, after the results there are.
void append_collect(Graph& graph, std::uint32_t layer, std::vector<std::uint32_t> collected);

}  // namespace rankine::graph
