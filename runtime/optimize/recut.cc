// Which nodes are better kept as chunks than made again, because of where they are used.
#include <algorithm>

#include "runtime/optimize/lower.h"
#include "runtime/optimize/points.h"

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;

// An operand below the views through which a node uses it.
struct Use {
  NodePtr node;
  Extents axes;  // per axis of the user: the operand's axis, or -1
};

Use use_of(const NodePtr& operand) {
  Use use{operand, Extents(operand->rank(), 0)};
  for (std::size_t k = 0; k < use.axes.size(); ++k) use.axes[k] = static_cast<std::int64_t>(k);
  while (const auto* view = use.node->as<expr::View>()) {
    for (std::int64_t& axis : use.axes) {
      if (axis >= 0) axis = view->axes[static_cast<std::size_t>(axis)];
    }
    use.node = use.node->operands[0];
  }
  return use;
}

// How often each chunk of the operand is read by tasks that are the chunks of `grid`.
double reads(const ChunkGrid& grid, const Use& use) {
  double factor = 1;
  for (std::size_t k = 0; k < use.axes.size(); ++k) {
    const AxisChunks& wanted = grid.axis(k);
    if (use.axes[k] < 0) {
      factor *= static_cast<double>(wanted.count());
      continue;
    }
    const AxisChunks& produced = use.node->grid.axis(static_cast<std::size_t>(use.axes[k]));
    // Lengths differ along the axis of a concatenation, whose chunks are those of its parts.
    if (produced.length() != wanted.length() || produced.count() == 0) continue;
    factor *= static_cast<double>(overlapping_pairs(wanted, produced)) /
              static_cast<double>(produced.count());
  }
  return factor;
}

// Made up, or in chunks already.
bool is_at_hand(const Node& node) {
  return node.as<expr::Full>() != nullptr || node.as<expr::Arange>() != nullptr ||
         node.as<expr::FromHeld>() != nullptr;
}

}  // namespace

std::vector<NodePtr> recut_nodes(const NumericPlan& plan) {
  std::vector<NodePtr> roots;
  for (const Target& target : plan.targets) roots.push_back(target.node);
  const Points points(plan, {});
  std::vector<NodePtr> result;
  const auto consider = [&](const NodePtr& operand, const ChunkGrid& grid) {
    const Use use = use_of(operand);
    if (use.axes.size() != grid.rank() || is_at_hand(*use.node)) return;
    if (points.is_point(*use.node)) return;
    // Against the elements that are computed from them: what is small beside those may be made
    // again as often as it likes.
    const auto made = static_cast<double>(use.node->size()) * reads(grid, use);
    if (made <= kMostRereads * static_cast<double>(saturated_volume(grid.shape()))) return;
    if (std::find(result.begin(), result.end(), use.node) == result.end()) {
      result.push_back(use.node);
    }
  };
  for (const NodePtr& node : expr::topological_order(roots)) {
    if (node->as<expr::Elementwise>() == nullptr && node->as<expr::Cast>() == nullptr) continue;
    for (const NodePtr& operand : node->operands) consider(operand, node->grid);
  }
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    consider(plan.targets[i].node, plan.target_grids[i]);
  }
  return result;
}

std::vector<NodePtr> fetched_nodes(const NumericPlan& plan) {
  const Points points(plan, {});
  std::vector<NodePtr> result;
  for (const Target& target : plan.targets) {
    if (target.output || target.kept || target.held || is_at_hand(*target.node) ||
        points.is_point(*target.node))
      continue;
    result.push_back(target.node);
  }
  return result;
}

}  // namespace rankine::optimize
