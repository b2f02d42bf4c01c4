#pragma once

#include <functional>
#include <optional>

#include "runtime/expr/node.h"
#include "runtime/graph/layer.h"

namespace rankine::optimize {

// Where the values of a node are found: set for inner points already lowered and for data sets.
using FindSource = std::function<std::optional<graph::Source>(const expr::Node&)>;

}  // namespace rankine::optimize
