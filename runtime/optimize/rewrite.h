// What the passes that rewrite expressions share.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "runtime/expr/node.h"

namespace rankine::optimize {

// `node` with other operands and chunks, everything else as it was.
inline expr::NodePtr with_operands(const expr::Node& node, std::vector<expr::NodePtr> operands,
                                   const ChunkGrid& grid) {
  expr::Node copy = node;
  copy.operands = std::move(operands);
  copy.grid = grid;
  return expr::intern(std::move(copy));
}

// Calls rebuild(node, what its operands became) for every node, operands first; returns what the
// roots became.
inline std::vector<expr::NodePtr> rebuild_all(
    const std::vector<expr::NodePtr>& roots,
    const std::function<expr::NodePtr(const expr::NodePtr&, std::vector<expr::NodePtr>)>& rebuild) {
  std::unordered_map<const expr::Node*, expr::NodePtr> done;
  for (const expr::NodePtr& node : expr::topological_order(roots)) {
    std::vector<expr::NodePtr> operands;
    for (const expr::NodePtr& operand : node->operands) operands.push_back(done.at(operand.get()));
    done.emplace(node.get(), rebuild(node, std::move(operands)));
  }
  std::vector<expr::NodePtr> result;
  for (const expr::NodePtr& root : roots) result.push_back(done.at(root.get()));
  return result;
}

}  // namespace rankine::optimize
