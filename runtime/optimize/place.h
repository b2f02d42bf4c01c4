// Where a task finds the elements of a node: slices, views, shifts and joins below a task's program
// become the terms by which its leaves are read.
#pragma once

#include <vector>

#include "runtime/expr/node.h"
#include "runtime/graph/layer.h"

namespace rankine::optimize {

// How a node's element is found from the index of a task's iteration space, and for which indices
// there is one.
struct Place {
  InlineVector<graph::Term, kMaxAxes> terms;  // per axis of the node
  Box domain;
  bool operator==(const Place&) const = default;

  // The iteration space is the node's own, of this shape.
  static Place own(const Extents& shape);
};

struct Placed {
  expr::NodePtr node;
  Place place;
};

// The operands of a node that stands at `place`, each where the node needs it. Parts of a
// concatenation that lie outside the domain are left out, as is the operand of a shift that moves
// everything away.
std::vector<Placed> placed_operands(const expr::Node& node, const Place& place);

}  // namespace rankine::optimize
