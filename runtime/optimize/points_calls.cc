// Which results of users' functions must exist as chunks.
#include <algorithm>

#include "runtime/optimize/points.h"

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;

// In which boxes tasks need the values of a node.
enum class Boxes {
  kChunks,  // one chunk of the node in each task
  kSteps,   // chunks too, several one after the other
  kAny,
};

Boxes worse(Boxes a, Boxes b) { return std::max(a, b); }

bool keeps_axes(const expr::View& view, std::size_t rank) {
  bool same = view.axes.size() == rank;
  for (std::size_t k = 0; k < view.axes.size(); ++k) {
    same = same && view.axes[k] == static_cast<std::int64_t>(k);
  }
  return same;
}

// The boxes of operand i where `boxes` are those of the node.
Boxes boxes_below(const Node& node, std::size_t i, Boxes boxes) {
  const Node& operand = *node.operands[i];
  if (const auto* blocks = node.as<expr::MapBlocks>()) {
    const bool same = blocks->halo.empty() && operand.grid == blocks->calls &&
                      blocks->operand_start[i] == blocks->start;
    if (!same) return Boxes::kAny;
    return blocks->keeps_shape(node.grid) ? boxes : Boxes::kChunks;
  }
  const auto* view = node.as<expr::View>();
  const bool in_place = node.as<expr::Elementwise>() != nullptr ||
                        node.as<expr::Cast>() != nullptr ||
                        (view != nullptr && keeps_axes(*view, operand.rank()));
  return in_place && operand.grid == node.grid ? boxes : Boxes::kAny;
}

// Whether a call can be part of a task that needs its result in such boxes.
bool can_join(const Node& node, const expr::MapBlocks& blocks, Boxes boxes) {
  return boxes == Boxes::kChunks || (boxes == Boxes::kSteps && blocks.keeps_shape(node.grid));
}

}  // namespace

// A user's function is given whole chunks. Where a task needs other boxes, its result is a point;
// so are states that are combined, and what they become.
void Points::choose_calls(const std::vector<NodePtr>& order, const NumericPlan& plan) {
  std::unordered_map<const Node*, Boxes> needed;
  const auto need = [&](const NodePtr& node, Boxes boxes) {
    const auto [known, fresh] = needed.emplace(node.get(), boxes);
    if (!fresh) known->second = worse(known->second, boxes);
  };
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    const NodePtr& node = plan.targets[i].node;
    need(node, plan.target_grids[i] == node->grid ? Boxes::kChunks : Boxes::kAny);
  }
  for (auto next = order.rbegin(); next != order.rend(); ++next) {
    const Node& node = **next;
    const auto* blocks = node.as<expr::MapBlocks>();
    const bool combines = node.as<expr::CombineBlocks>() != nullptr;
    if (combines || (blocks != nullptr && !can_join(node, *blocks, needed.at(&node)))) {
      inner_.emplace(&node, 0);
    }
    if (combines) inner_.emplace(node.operands[0].get(), 0);
    const Boxes own = is_point(node) ? Boxes::kChunks : needed.at(&node);
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      if (const auto fold = plan.folds.find(&node); fold != plan.folds.end()) {
        need(node.operands[i], fold->second.steps ? Boxes::kSteps : Boxes::kChunks);
      } else {
        need(node.operands[i], combines ? Boxes::kAny : boxes_below(node, i, own));
      }
    }
  }
}

}  // namespace rankine::optimize
