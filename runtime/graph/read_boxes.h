// Which elements of its data sets a graph reads.
#pragma once

#include <optional>
#include <vector>

#include "runtime/base/shape.h"
#include "runtime/graph/layer.h"

namespace rankine::graph {

// By data set: the smallest box that holds all that layers read of it; nothing where none reads.
// O(leaves). What is read in strides or from two ends has elements in it that nobody reads.
std::vector<std::optional<Box>> read_boxes(const Graph& graph);

}  // namespace rankine::graph
