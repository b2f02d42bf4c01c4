// Which nodes are better kept as chunks than made again, because of where they are used.
#include <algorithm>
#include <unordered_set>

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

// How often each chunk of an operand that is cut like the calls is read by blocks with a halo.
double reads_with_halo(const expr::MapBlocks& blocks) {
  double factor = 1;
  for (std::size_t k = 0; k < blocks.halo.size(); ++k) {
    const AxisChunks& axis = blocks.calls.axis(k);
    const std::int64_t chunk = std::max<std::int64_t>(1, axis.longest());
    const auto chunks_over = [&](std::int64_t depth) { return (depth + chunk - 1) / chunk; };
    const std::int64_t read =
        1 + chunks_over(blocks.halo[k].before) + chunks_over(blocks.halo[k].after);
    factor *= static_cast<double>(std::min(read, axis.count()));
  }
  return factor;
}

// Whether tasks that compute the node read files: of those they read whole chunks, however thin a
// halo is. Of what is kept as chunks, or made up, they take only what they need.
bool reads_files(const NodePtr& root, const Points& points) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> stack{root.get()};
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second || points.is_point(*node)) continue;
    if (node->as<expr::FromDataset>() != nullptr) return true;
    for (const NodePtr& operand : node->operands) stack.push_back(operand.get());
  }
  return false;
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
  const auto hold = [&](const NodePtr& node) {
    if (std::find(result.begin(), result.end(), node) == result.end()) result.push_back(node);
  };
  const auto consider = [&](const NodePtr& operand, const ChunkGrid& grid) {
    const Use use = use_of(operand);
    if (use.axes.size() != grid.rank() || is_at_hand(*use.node)) return;
    if (points.is_point(*use.node)) return;
    // Against the elements that are computed from them: what is small beside those may be made
    // again as often as it likes.
    const auto made = static_cast<double>(use.node->size()) * reads(grid, use);
    if (made <= kMostRereads * static_cast<double>(saturated_volume(grid.shape()))) return;
    hold(use.node);
  };
  for (const NodePtr& node : expr::topological_order(roots)) {
    const auto* blocks = node->as<expr::MapBlocks>();
    const bool reads = blocks != nullptr || node->as<expr::Elementwise>() != nullptr ||
                       node->as<expr::Cast>() != nullptr;
    if (!reads) continue;
    const ChunkGrid& grid = blocks != nullptr ? blocks->calls : node->grid;
    for (const NodePtr& operand : node->operands) consider(operand, grid);
    if (blocks == nullptr || reads_with_halo(*blocks) <= kMostHaloReads) continue;
    for (const NodePtr& operand : node->operands) {
      const NodePtr source = use_of(operand).node;
      if (!points.is_point(*source) && reads_files(source, points)) hold(source);
    }
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
