#include "runtime/optimize/pushdown.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/expr/build.h"

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;

// A slice without its operand.
struct Cut {
  Extents start, step, count;
};

class Pushdown {
 public:
  explicit Pushdown(const std::vector<NodePtr>& order, const std::vector<NodePtr>& roots) {
    for (const NodePtr& node : order) {
      for (const NodePtr& operand : node->operands) ++users_[operand.get()];
      reduces_[node.get()] =
          node->as<expr::Reduce>() != nullptr ||
          std::any_of(node->operands.begin(), node->operands.end(),
                      [&](const NodePtr& operand) { return reduces_[operand.get()]; });
    }
    for (const NodePtr& root : roots) ++users_[root.get()];
  }

  // `node` with the given operands, slices pushed down.
  NodePtr rebuild(const NodePtr& node, std::vector<NodePtr> operands) {
    if (const auto* slice = node->as<expr::Slice>()) {
      const Cut cut{slice->start, slice->step, node->shape()};
      if (NodePtr pushed = push(cut, node->operands[0], operands[0])) return pushed;
    }
    if (operands == node->operands) return node;
    return with_operands(*node, std::move(operands), node->grid);
  }

 private:
  static NodePtr with_operands(const Node& node, std::vector<NodePtr> operands,
                               const ChunkGrid& grid) {
    Node copy = node;
    copy.operands = std::move(operands);
    copy.grid = grid;
    return expr::intern(std::move(copy));
  }

  // The cut of `now` (what became of `before`), or null if it should stay where it is.
  NodePtr push(const Cut& cut, const NodePtr& before, const NodePtr& now) {
    if (users_[before.get()] != 1 || !reduces_[before.get()]) return nullptr;
    if (const auto* reduce = now->as<expr::Reduce>()) return into_reduction(cut, *now, *reduce);
    if (const auto* view = now->as<expr::View>()) {
      return through_view(cut, *before, *now, *view);
    }
    const bool elementwise = now->as<expr::Elementwise>() || now->as<expr::Cast>();
    if (!elementwise || now->operands.size() != before->operands.size()) return nullptr;
    std::vector<NodePtr> operands;
    for (std::size_t i = 0; i < now->operands.size(); ++i) {
      operands.push_back(cut_or_push(cut, before->operands[i], now->operands[i]));
    }
    const NodePtr shape = apply(cut, now);  // for its grid
    return with_operands(*now, std::move(operands), shape->grid);
  }

  NodePtr cut_or_push(const Cut& cut, const NodePtr& before, const NodePtr& now) {
    if (now->rank() == 0) return now;
    if (NodePtr pushed = push(cut, before, now)) return pushed;
    return apply(cut, now);
  }

  static NodePtr apply(const Cut& cut, const NodePtr& node) {
    return expr::slice(node, cut.start, cut.step, cut.count, node->location);
  }

  static NodePtr into_reduction(const Cut& cut, const Node& node, const expr::Reduce& reduce) {
    const NodePtr& operand = node.operands[0];
    Cut inner{Extents(operand->rank(), 0), Extents(operand->rank(), 1), operand->shape()};
    std::size_t kept = 0;
    for (std::size_t k = 0; k < operand->rank(); ++k) {
      if (reduce.reduced[k] != 0) continue;
      inner.start[k] = cut.start[kept];
      inner.step[k] = cut.step[kept];
      inner.count[k] = cut.count[kept];
      ++kept;
    }
    const NodePtr part = apply(inner, operand);
    std::vector<AxisChunks> axes;
    for (std::size_t k = 0; k < part->rank(); ++k) {
      if (reduce.reduced[k] == 0) axes.push_back(part->grid.axis(k));
    }
    return with_operands(node, {part}, ChunkGrid(std::move(axes)));
  }

  NodePtr through_view(const Cut& cut, const Node& before, const Node& node,
                       const expr::View& view) {
    const NodePtr& operand = node.operands[0];
    if (before.operands.empty()) return nullptr;
    Cut inner{Extents(operand->rank(), 0), Extents(operand->rank(), 1), operand->shape()};
    for (std::size_t k = 0; k < view.axes.size(); ++k) {
      if (view.axes[k] < 0) continue;
      inner.start[view.axes[k]] = cut.start[k];
      inner.step[view.axes[k]] = cut.step[k];
      inner.count[view.axes[k]] = cut.count[k];
    }
    const NodePtr part = cut_or_push(inner, before.operands[0], operand);
    return expr::view(part, view.axes, cut.count, node.dims, node.location);
  }

  std::unordered_map<const Node*, int> users_;
  std::unordered_map<const Node*, bool> reduces_;  // has a reduction at or below it
};

}  // namespace

std::vector<NodePtr> push_slices_down(const std::vector<NodePtr>& roots) {
  const std::vector<NodePtr> order = expr::topological_order(roots);
  Pushdown pushdown(order, roots);
  std::unordered_map<const Node*, NodePtr> done;
  for (const NodePtr& node : order) {
    std::vector<NodePtr> operands;
    for (const NodePtr& operand : node->operands) operands.push_back(done.at(operand.get()));
    done.emplace(node.get(), pushdown.rebuild(node, std::move(operands)));
  }
  std::vector<NodePtr> result;
  for (const NodePtr& root : roots) result.push_back(done.at(root.get()));
  return result;
}

}  // namespace rankine::optimize
