#include "runtime/optimize/pushdown.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/expr/build.h"
#include "runtime/optimize/block_windows.h"
#include "runtime/optimize/rewrite.h"

namespace rankine::optimize {
namespace {

using expr::Node;
using expr::NodePtr;

Pick normal(std::int64_t first, std::int64_t step, std::int64_t count) {
  if (count == 0) return {0, 1, 0};
  if (step < 0) return normal(first + step * (count - 1), -step, count);
  return {first, count == 1 ? 1 : step, count};
}

Picks whole(const Node& node) {
  Picks picks;
  for (const AxisChunks& axis : node.grid.axes()) picks.push_back({0, 1, axis.length()});
  return picks;
}

Pick join(const Pick& a, const Pick& b) {
  if (a == b || b.count == 0) return a;
  if (a.count == 0) return b;
  const std::int64_t first = std::min(a.first, b.first);
  return {first, 1, std::max(a.last(), b.last()) + 1 - first};
}

// The elements of `pick` inside [lo, hi), counted from lo.
Pick inside(const Pick& pick, std::int64_t lo, std::int64_t hi) {
  const auto before = [&](std::int64_t bound) {  // elements of the pick below `bound`
    if (bound <= pick.first) return std::int64_t{0};
    return std::min(pick.count, (bound - pick.first + pick.step - 1) / pick.step);
  };
  const std::int64_t skipped = before(lo);
  return normal(pick.first + pick.step * skipped - lo, pick.step, before(hi) - skipped);
}

bool calls_blocks(const Node& node) {
  return node.as<expr::MapBlocks>() != nullptr || node.as<expr::CombineBlocks>() != nullptr;
}

// What a node needs of operand i to give `picks` of itself.
Picks needed(const Node& node, const Picks& picks, std::size_t i) {
  const Node& operand = *node.operands[i];
  if (const auto* slice = node.as<expr::Slice>()) {
    Picks result;
    for (std::size_t k = 0; k < picks.size(); ++k) {
      result.push_back(normal(slice->start[k] + slice->step[k] * picks[k].first,
                              slice->step[k] * picks[k].step, picks[k].count));
    }
    return result;
  }
  if (const auto* view = node.as<expr::View>()) {
    Picks result(operand.rank(), Pick{0, 1, 1});
    for (std::size_t k = 0; k < picks.size(); ++k) {
      if (view->axes[k] >= 0) result[view->axes[k]] = picks[k];
    }
    return result;
  }
  if (const auto* reduce = node.as<expr::Reduce>()) {
    Picks result = whole(operand);
    std::size_t kept = 0;
    for (std::size_t k = 0; k < result.size(); ++k) {
      if (reduce->reduced[k] == 0) result[k] = picks[kept++];
    }
    return result;
  }
  if (calls_blocks(node)) return needed_by_blocks(node, picks, i);
  Picks result = picks;
  if (const auto* join = node.as<expr::Concatenate>()) {
    std::int64_t start = 0;
    for (std::size_t part = 0; part < i; ++part) {
      start += node.operands[part]->grid.axis(join->axis).length();
    }
    const std::int64_t end = start + operand.grid.axis(join->axis).length();
    result[join->axis] = inside(picks[join->axis], start, end);
  }
  if (const auto* shift = node.as<expr::Shift>()) {
    // Elements outside the operand are missing, so its length must stay.
    for (std::size_t k = 0; k < result.size(); ++k) {
      if (shift->offset[k] != 0) result[k] = {0, 1, operand.grid.axis(k).length()};
    }
  }
  if (operand.rank() == 0) result.clear();  // a literal
  return result;
}

NodePtr cut(const NodePtr& node, const Picks& picks) {
  Extents start, step, count;
  for (const Pick& pick : picks) {
    start.push_back(pick.first);
    step.push_back(pick.step);
    count.push_back(pick.count);
  }
  return expr::slice(node, start, step, count, node->location);
}

class Pushdown {
 public:
  explicit Pushdown(const std::vector<NodePtr>& roots) {
    for (const NodePtr& root : roots) picks_[root.get()] = whole(*root);
    const std::vector<NodePtr> order = expr::topological_order(roots);
    for (auto node = order.rbegin(); node != order.rend(); ++node) {
      for (std::size_t i = 0; i < (*node)->operands.size(); ++i) {
        const Picks need = needed(**node, picks_.at(node->get()), i);
        const auto [known, fresh] = picks_.emplace((*node)->operands[i].get(), need);
        if (fresh) continue;
        for (std::size_t k = 0; k < need.size(); ++k) {
          known->second[k] = join(known->second[k], need[k]);
        }
      }
    }
  }

  // `node` with its needed elements only; `operands` have theirs. Its chunks are those that the
  // slices above would have made of the whole node: reductions are folded by them.
  NodePtr rebuild(const NodePtr& node, const std::vector<NodePtr>& operands) const {
    const Picks& picks = picks_.at(node.get());
    if (node->operands.empty()) return cut(node, picks);
    std::vector<NodePtr> parts;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      parts.push_back(part(*node->operands[i], operands[i], needed(*node, picks, i)));
    }
    if (parts == node->operands && picks == whole(*node)) return node;
    if (calls_blocks(*node)) {
      const BlockWindow window = window_of_blocks(*node, picks, std::move(parts));
      return cut(window.node, window.rest);
    }
    const ChunkGrid grid = cut(node, picks)->grid;
    const NodePtr made = rebuild(*node, picks, std::move(parts), grid);
    // A reduction has the chunks of its operand, and above it only kept axes may be cut.
    if (made->grid == grid || node->as<expr::Reduce>() != nullptr) return made;
    return expr::rechunk(made, grid, node->location);
  }

 private:
  // The elements `picks` of what was `before`, from `now`, which has those that anyone needs.
  NodePtr part(const Node& before, const NodePtr& now, Picks picks) const {
    const Picks& there = picks_.at(&before);
    for (std::size_t k = 0; k < picks.size(); ++k) {
      if (picks[k].count == 0) continue;
      picks[k] = normal((picks[k].first - there[k].first) / there[k].step,
                        std::max<std::int64_t>(1, picks[k].step / there[k].step), picks[k].count);
    }
    return cut(now, picks);
  }

  // The node over parts of its operands that hold exactly what it needs. `grid`: its chunks then.
  static NodePtr rebuild(const Node& node, const Picks& picks, std::vector<NodePtr> parts,
                         const ChunkGrid& grid) {
    const NodePtr& first = parts.front();
    if (const auto* slice = node.as<expr::Slice>()) {
      Extents start, step;  // nothing is left to do but to turn round
      for (std::size_t k = 0; k < picks.size(); ++k) {
        const bool turned = slice->step[k] < 0 && picks[k].count > 1;
        start.push_back(turned ? picks[k].count - 1 : 0);
        step.push_back(turned ? -1 : 1);
      }
      return expr::slice(first, start, step, grid.shape(), node.location);
    }
    if (const auto* view = node.as<expr::View>()) {
      return expr::view(first, view->axes, grid.shape(), node.dims, node.location);
    }
    if (node.as<expr::Concatenate>() != nullptr) return concatenated(node, std::move(parts));
    if (node.as<expr::Rechunk>() != nullptr) return expr::rechunk(first, grid, node.location);
    if (const auto* shift = node.as<expr::Shift>()) return shifted(node, *shift, picks, first);
    if (const auto* reduce = node.as<expr::Reduce>()) {
      std::vector<AxisChunks> kept;
      for (std::size_t k = 0; k < first->rank(); ++k) {
        if (reduce->reduced[k] == 0) kept.push_back(first->grid.axis(k));
      }
      return with_operands(node, std::move(parts), ChunkGrid(std::move(kept)));
    }
    return with_operands(node, std::move(parts), grid);
  }

  static NodePtr concatenated(const Node& node, std::vector<NodePtr> parts) {
    const std::int64_t axis = node.as<expr::Concatenate>()->axis;
    const NodePtr empty = parts.front();
    std::erase_if(parts, [&](const NodePtr& part) { return part->grid.axis(axis).length() == 0; });
    return parts.empty() ? empty : expr::concatenate(parts, axis, node.location);
  }

  static NodePtr shifted(const Node& node, const expr::Shift& shift, const Picks& picks,
                         const NodePtr& operand) {
    Picks rest = picks;  // along the other axes the operand is cut already
    for (std::size_t k = 0; k < rest.size(); ++k) {
      if (shift.offset[k] == 0) rest[k] = {0, 1, rest[k].count};
    }
    return cut(with_operands(node, {operand}, operand->grid), rest);
  }

  std::unordered_map<const Node*, Picks> picks_;  // what anyone needs of a node
};

}  // namespace

std::vector<NodePtr> push_slices_down(const std::vector<NodePtr>& roots) {
  const Pushdown pushdown(roots);
  return rebuild_all(roots, [&](const NodePtr& node, const std::vector<NodePtr>& operands) {
    return pushdown.rebuild(node, operands);
  });
}

}  // namespace rankine::optimize
