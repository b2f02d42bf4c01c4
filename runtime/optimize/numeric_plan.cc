#include "runtime/optimize/numeric_plan.h"

#include <algorithm>

#include "runtime/base/archive.h"
#include "runtime/base/config.h"
#include "runtime/base/hash.h"
#include "runtime/optimize/place.h"
#include "runtime/optimize/pushdown.h"
#include "runtime/optimize/simplify.h"

namespace rankine::optimize {
namespace {

using expr::NodePtr;

// The axis along which a task may take several chunks in order: the reduced axis with most chunks,
// if its cut is regular (all chunks but the last are equal).
std::optional<std::size_t> fold_axis(const ChunkGrid& grid, const Extents& reduced) {
  std::optional<std::size_t> best;
  for (std::size_t k = 0; k < grid.rank(); ++k) {
    const auto& runs = grid.axis(k).runs();
    const bool regular = runs.size() == 1 || (runs.size() == 2 && runs[1].count == 1 &&
                                              runs[1].length < runs[0].length);
    if (reduced[k] == 0 || !regular) continue;
    if (!best || grid.axis(k).count() > grid.axis(*best).count()) best = k;
  }
  return best;
}

FoldPlan plan_fold(const ChunkGrid& grid, const Extents& reduced) {
  FoldPlan plan{grid, std::nullopt, kReductionFanIn};
  // Depends on the reduced axes alone: parts of a result have the bits of the whole.
  std::int64_t chunks = 1;
  for (std::size_t k = 0; k < grid.rank(); ++k) {
    if (reduced[k] != 0) chunks *= grid.axis(k).count();
  }
  const std::int64_t length = std::min(kFoldBlock, chunks / kFoldMinTasks);
  const auto axis = fold_axis(grid, reduced);
  if (length <= 1 || !axis) return plan;
  plan.steps = grid;
  std::vector<AxisChunks> axes = grid.axes();
  axes[*axis] = AxisChunks::regular(axes[*axis].length(), axes[*axis].longest() * length);
  plan.grid = ChunkGrid(std::move(axes));
  return plan;
}

std::vector<NodePtr> roots_of(const std::vector<Target>& targets) {
  std::vector<NodePtr> roots;
  for (const Target& target : targets) roots.push_back(target.node);
  return roots;
}

// What is given its operands as they are, by tasks or programs of its own.
bool stands_apart(const expr::Node& node) {
  return node.as<expr::Reduce>() != nullptr || node.as<expr::MapBlocks>() != nullptr ||
         node.as<expr::CombineBlocks>() != nullptr;
}

// From the results down: at which places the tasks above need each node. A reduction, or what is
// kept, is computed by tasks of its own.
NodeSet choose_kept(const std::vector<NodePtr>& order, const std::vector<NodePtr>& roots) {
  NodeSet kept;
  std::unordered_map<const expr::Node*, std::vector<Place>> places;
  for (const NodePtr& root : roots) places[root.get()] = {Place::own(root->shape())};
  for (auto next = order.rbegin(); next != order.rend(); ++next) {
    const expr::Node& node = **next;
    std::vector<Place>& here = places[&node];
    if (here.size() > kMostPlaces && node.size() > 1) {
      kept.insert(&node);
      here = {Place::own(node.shape())};
    }
    if (stands_apart(node)) {
      for (const NodePtr& operand : node.operands) {
        places[operand.get()].push_back(Place::own(operand->shape()));
      }
      continue;
    }
    for (const Place& place : here) {
      for (Placed& operand : placed_operands(node, place)) {
        std::vector<Place>& there = places[operand.node.get()];
        if (there.size() > kMostPlaces) continue;  // that many are enough to know
        if (std::find(there.begin(), there.end(), operand.place) != there.end()) continue;
        there.push_back(std::move(operand.place));
      }
    }
    places.erase(&node);
  }
  return kept;
}

// A node's hash stands for the whole expression below it, its chunks and the paths of its data
// sets.
std::uint64_t hash_of(const NumericPlan& plan) {
  Bytes bytes = to_bytes(kReductionFanIn, kFoldBlock, kFoldMinTasks, kVirtualChunkBytes, kGroup,
                         kGroupAxisLength);
  for (std::size_t i = 0; i < plan.targets.size(); ++i) {
    const std::optional<io::OutputVariable>& output = plan.targets[i].output;
    const Bytes target = to_bytes(plan.targets[i].node->hash, plan.target_grids[i], output);
    bytes.insert(bytes.end(), target.begin(), target.end());
  }
  return hash_bytes(bytes);
}

}  // namespace

NumericPlan plan_numbers(std::vector<Target> targets) {
  NumericPlan plan;
  plan.targets = std::move(targets);
  const std::vector<NodePtr> roots = roots_of(plan.targets);
  const std::vector<NodePtr> order = expr::topological_order(roots);
  plan.kept = choose_kept(order, roots);
  for (const NodePtr& node : order) {
    const auto* reduce = node->as<expr::Reduce>();
    if (reduce == nullptr) continue;
    plan.folds.emplace(node.get(), plan_fold(node->operands[0]->grid, reduce->reduced));
  }
  for (const Target& target : plan.targets) {
    const bool own_chunks = target.output && !target.output->chunk.empty();
    plan.target_grids.push_back(own_chunks
                                    ? ChunkGrid::regular(target.node->shape(), target.output->chunk)
                                    : target.node->grid);
  }
  plan.hash = hash_of(plan);
  return plan;
}

std::vector<Target> rewrite(std::vector<Target> targets) {
  const std::vector<NodePtr> roots = push_slices_down(simplify(roots_of(targets)));
  for (std::size_t i = 0; i < roots.size(); ++i) targets[i].node = roots[i];
  return targets;
}

}  // namespace rankine::optimize
