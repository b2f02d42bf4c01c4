#include "runtime/optimize/points.h"

#include <algorithm>
#include <unordered_set>

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;

// Nothing is gained by keeping its chunks.
bool needs_no_chunks(const Node& node) {
  return node.as<expr::Full>() != nullptr || node.as<expr::FromHeld>() != nullptr;
}

}  // namespace

double reread_factor(const ChunkGrid& wanted, const ChunkGrid& produced) {
  double factor = 1;
  for (std::size_t k = 0; k < wanted.rank(); ++k) {
    const std::int64_t chunks = produced.axis(k).count();
    if (chunks == 0) return 1;
    factor *= static_cast<double>(overlapping_pairs(wanted.axis(k), produced.axis(k))) /
              static_cast<double>(chunks);
  }
  return factor;
}

Points::Points(const NumericPlan& plan, const LowerOptions& options) {
  std::vector<NodePtr> roots;
  for (const Target& target : plan.targets) roots.push_back(target.node);
  const std::vector<NodePtr> order = expr::topological_order(roots);
  choose(order, plan, options);
  choose_calls(order, plan);
  for (const NodePtr& node : order) {
    if (!is_point(*node)) continue;
    const auto fold = plan.folds.find(node.get());
    const bool reduces = fold != plan.folds.end();
    Point point = make_point(node, false, reduces ? fold->second.grid : node->grid);
    if (reduces) point.steps = fold->second.steps;
    inner_[node.get()] = point.depth;
    points_.push_back(std::move(point));
  }
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    Point point = make_point(plan.targets[i].node, true, plan.target_grids[i]);
    point.target = static_cast<std::int32_t>(i);
    points_.push_back(std::move(point));
  }
  std::stable_sort(points_.begin(), points_.end(),
                   [](const Point& a, const Point& b) { return a.depth < b.depth; });
}

// Reductions are points; so is the operand of a rechunk whose chunks would be read again and again,
// what the plan keeps and what the caller holds. Without fusion everything but constants is one.
void Points::choose(const std::vector<NodePtr>& order, const NumericPlan& plan,
                    const LowerOptions& options) {
  for (const NodePtr& node : order) {
    const bool reduces = node->as<expr::Reduce>() != nullptr;
    const bool held = options.held.contains(node.get()) || plan.kept.contains(node.get());
    const bool apart = !options.fuse && !needs_no_chunks(*node);
    if (reduces || (held && !needs_no_chunks(*node)) || apart) inner_.emplace(node.get(), 0);
    if (node->as<expr::Rechunk>() == nullptr) continue;
    const NodePtr& operand = node->operands[0];
    if (reread_factor(node->grid, operand->grid) > 1.0 && !needs_no_chunks(*operand)) {
      inner_.emplace(operand.get(), 0);
    }
  }
}

Point Points::make_point(const NodePtr& node, bool is_target, const ChunkGrid& grid) {
  Point point;
  point.node = node;
  point.value = !is_target && node->as<expr::Reduce>() ? node->operands[0] : node;
  point.grid = grid;
  collect(point.value, is_target ? nullptr : node.get(), point);
  return point;
}

// Walks from the value down to the next points and data sets. An inner point is not its own source.
void Points::collect(const NodePtr& value, const Node* self, Point& point) const {
  for (const Node* node : reach(value.get(), self)) {
    const auto inner = inner_.find(node);
    const bool other_point = inner != inner_.end() && node != self;
    if (other_point) point.depth = std::max(point.depth, inner->second + 1);
    const bool read =
        node->as<expr::FromDataset>() != nullptr || node->as<expr::FromHeld>() != nullptr;
    if (other_point || read) point.sources.push_back(node);
  }
  std::sort(point.sources.begin(), point.sources.end());
}

// The nodes below `value`, itself included, down to and including other points.
std::vector<const Node*> Points::reach(const Node* value, const Node* self) const {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> stack{value};
  std::vector<const Node*> reached;
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    reached.push_back(node);
    if (inner_.contains(node) && node != self) continue;
    for (const NodePtr& operand : node->operands) stack.push_back(operand.get());
  }
  return reached;
}

std::vector<const Node*> Points::computed_by(const Point& point) const {
  const Node* self = point.target < 0 ? point.node.get() : nullptr;
  std::vector<const Node*> nodes = reach(point.value.get(), self);
  std::erase_if(nodes, [&](const Node* node) { return inner_.contains(node) && node != self; });
  return nodes;
}

}  // namespace rankine::optimize
