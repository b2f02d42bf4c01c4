// Everything that may influence a bit of a result, decided once: which operations, in which chunks,
// how reductions are folded and joined. Made from expressions (which hold the metadata of the
// inputs and the chunks that options name) and from constants; ranks, threads, memory and costs are
// not to be seen from here. What depends on them (session/physical_plan.h) is built on top and may
// only choose where and when things run, and what is kept or made again.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/h5/output_spec.h"
#include "runtime/expr/node.h"
#include "runtime/graph/layer.h"

namespace rankine::optimize {

// A result that is asked for: written to a file if `output` is set, left on the ranks as chunks for
// tasks of users if `kept` and for later graphs if `held`, else fetched to rank 0.
struct Target {
  expr::NodePtr node;
  std::optional<io::OutputVariable> output;
  bool kept = false;
  bool held = false;
  // If the output is a part of a variable. Else its number is its place among the outputs.
  std::optional<graph::LoggedAs> part = std::nullopt;
};

// One task folds each chunk of `grid`, step by step in order where `steps` cuts it finer; a tree of
// `fan_in` over the chunks joins what they left.
struct FoldPlan {
  ChunkGrid grid;  // of the operand
  std::optional<ChunkGrid> steps;
  std::int64_t fan_in = 0;
};

using NodeSet = std::unordered_set<const expr::Node*>;

struct NumericPlan {
  std::vector<Target> targets;
  std::vector<ChunkGrid> target_grids;                    // the chunks in which each is computed
  std::unordered_map<const expr::Node*, FoldPlan> folds;  // of every reduction
  // Nodes that a task would have to compute at more than kMostPlaces places of its program (a
  // stencil of a stencil of a stencil): they are kept as chunks, so programs grow with the
  // expression and not with the number of paths through it.
  NodeSet kept;
  std::uint64_t hash = 0;  // equal plans give equal bytes (on one kind of machine)
};

inline constexpr std::size_t kMostPlaces = 8;

// The plan of the targets as they stand.
NumericPlan plan_numbers(std::vector<Target> targets);

// The same results from better expressions: simplified, slices pushed down.
std::vector<Target> rewrite(std::vector<Target> targets);

}  // namespace rankine::optimize
