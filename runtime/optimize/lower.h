// Expressions to layers. A *point* is where values must exist as chunks: the operand side of a
// reduction, a node several tasks share, or a result. Everything between two points (arithmetic,
// slices, views, shifts, casts, reads) is fused into the tasks of the upper point: its slices and
// views become the terms by which a leaf finds its elements, so a slice reads only what it needs.
// Points of one depth with the same chunks and a common source become one layer with several heads.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/graph/layer.h"
#include "runtime/optimize/numeric_plan.h"

namespace rankine::optimize {

struct LowerOptions {
  bool fuse = true;  // false: every node becomes a layer of its own, the oracle of the optimizer
  NodeSet held;      // nodes to compute once and keep instead of again in every task
};

// Throws Error (usage) for what cannot be lowered. Whatever the options, the graph gives the bytes
// of the plan.
std::shared_ptr<graph::Graph> lower(const NumericPlan& plan, const LowerOptions& options);

// How large the graph is that lower() makes without fusion, from the points alone.
struct GraphSize {
  std::int64_t layers = 0;
  std::int64_t tasks = 0;
  bool operator==(const GraphSize&) const = default;
};
GraphSize unfused_size(const NumericPlan& plan);

// Nodes that two or more points would compute again: what `held` may name. Operands before users.
std::vector<expr::NodePtr> shared_nodes(const NumericPlan& plan);

// Nodes that are used in other chunks than their own, so that their chunks would be read or
// computed again and again, more than kMostRereads elements for each that is made of them: others
// that `held` may name.
inline constexpr double kMostRereads = 4;
// And operands of blocks with halos, if those would read every chunk of a file more often than
// this.
inline constexpr double kMostHaloReads = 1.5;
std::vector<expr::NodePtr> recut_nodes(const NumericPlan& plan);

// Nodes whose values are fetched to rank 0 and which no layer leaves behind as they are.
std::vector<expr::NodePtr> fetched_nodes(const NumericPlan& plan);

}  // namespace rankine::optimize
