#include "runtime/optimize/simplify.h"

#include <cmath>

#include "runtime/expr/build.h"
#include "runtime/optimize/rewrite.h"

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;
using kernels::Op;

// The node with another operation over one operand; type, chunks and names stay.
NodePtr with_operation(const Node& node, expr::Operation operation, const NodePtr& operand) {
  Node copy = node;
  copy.operation = std::move(operation);
  copy.operands = {operand};
  return expr::intern(std::move(copy));
}

// Whether `operand` can stand for `node` if their values are equal.
bool looks_like(const Node& operand, const Node& node) {
  return operand.dtype == node.dtype && operand.grid == node.grid && operand.dims == node.dims;
}

// The literal that an operand is, if it is one. -0 is not 0: it is the other neutral element.
bool is_literal(const Node& node, double value) {
  const auto* full = node.rank() == 0 ? node.as<expr::Full>() : nullptr;
  return full != nullptr && full->value.real == value && !std::signbit(full->value.real);
}

// x * 1, 1 * x, x / 1, x - 0.
NodePtr without_neutral(Op op, const std::vector<NodePtr>& operands) {
  if (operands.size() != 2) return nullptr;
  const bool right = ((op == Op::kMultiply || op == Op::kDivide) && is_literal(*operands[1], 1)) ||
                     (op == Op::kSubtract && is_literal(*operands[1], 0));
  if (right) return operands[0];
  return op == Op::kMultiply && is_literal(*operands[0], 1) ? operands[1] : nullptr;
}

// -(-x), ~(~x); not(not x) of a bool.
NodePtr undone(Op op, const std::vector<NodePtr>& operands) {
  const bool involution = op == Op::kNegative || op == Op::kInvert || op == Op::kLogicalNot;
  if (!involution) return nullptr;
  const auto* below = operands[0]->as<expr::Elementwise>();
  return below != nullptr && below->op == op ? operands[0]->operands[0] : nullptr;
}

// Whether every value of `narrow` is a value of `wide`.
bool holds(DType wide, DType narrow) {
  const bool rounded = is_float(wide) && is_integer(narrow) && size_of(narrow) == 8;
  return promote(wide, narrow) == wide && !rounded;
}

NodePtr joined_slices(const Node& node, const expr::Slice& outer, const NodePtr& operand) {
  const auto* inner = operand->as<expr::Slice>();
  if (inner == nullptr) return nullptr;
  expr::Slice both;
  for (std::size_t k = 0; k < outer.start.size(); ++k) {
    both.start.push_back(inner->start[k] + inner->step[k] * outer.start[k]);
    both.step.push_back(inner->step[k] * outer.step[k]);
  }
  return with_operation(node, both, operand->operands[0]);
}

NodePtr joined_views(const Node& node, const expr::View& outer, const NodePtr& operand) {
  const auto* inner = operand->as<expr::View>();
  if (inner == nullptr) return nullptr;
  expr::View both;
  const NodePtr& source = operand->operands[0];
  bool identity = outer.axes.size() == source->rank();
  for (std::size_t k = 0; k < outer.axes.size(); ++k) {
    both.axes.push_back(outer.axes[k] < 0 ? -1 : inner->axes[outer.axes[k]]);
    identity = identity && both.axes[k] == static_cast<std::int64_t>(k);
  }
  if (identity && looks_like(*source, node)) return source;
  return with_operation(node, both, source);
}

NodePtr simpler(const NodePtr& node, const std::vector<NodePtr>& operands) {
  if (const auto* elementwise = node->as<expr::Elementwise>()) {
    for (const NodePtr& same :
         {without_neutral(elementwise->op, operands), undone(elementwise->op, operands)}) {
      if (same && looks_like(*same, *node)) return same;
    }
  }
  if (node->as<expr::Cast>() != nullptr && operands[0]->as<expr::Cast>() != nullptr) {
    const NodePtr& source = operands[0]->operands[0];
    if (looks_like(*source, *node) && holds(operands[0]->dtype, source->dtype)) return source;
  }
  if (const auto* slice = node->as<expr::Slice>()) return joined_slices(*node, *slice, operands[0]);
  if (const auto* view = node->as<expr::View>()) return joined_views(*node, *view, operands[0]);
  if (node->as<expr::Rechunk>() != nullptr && operands[0]->as<expr::Rechunk>() != nullptr) {
    const NodePtr& source = operands[0]->operands[0];
    return looks_like(*source, *node) ? source : with_operands(*node, {source}, node->grid);
  }
  return nullptr;
}

}  // namespace

std::vector<NodePtr> simplify(const std::vector<NodePtr>& roots) {
  return rebuild_all(roots, [](const NodePtr& node, std::vector<NodePtr> operands) {
    if (NodePtr other = simpler(node, operands)) return other;
    if (operands == node->operands) return node;
    return with_operands(*node, std::move(operands), node->grid);
  });
}

}  // namespace rankine::optimize
