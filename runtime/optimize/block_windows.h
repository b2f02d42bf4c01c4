// Parts of what functions of users make: such a function sees whole chunks, so of a part the calls
// are made whose chunks it meets, and of operands the elements that those see are needed.
#pragma once

#include "runtime/expr/node.h"
#include "runtime/optimize/picks.h"

namespace rankine::optimize {

// What a node with MapBlocks or CombineBlocks needs of operand i to give `picks` of itself.
Picks needed_by_blocks(const expr::Node& node, const Picks& picks, std::size_t i);

// The chunks of the node that `picks` meet, from operands that have exactly what is needed.
struct BlockWindow {
  expr::NodePtr node;
  Picks rest;  // of it
};
BlockWindow window_of_blocks(const expr::Node& node, const Picks& picks,
                             std::vector<expr::NodePtr> operands);

}  // namespace rankine::optimize
