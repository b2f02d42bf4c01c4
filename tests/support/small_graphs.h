// Graphs of a few tasks for tests that look at every order of events. Stored targets stay on all
// ranks; fetched ones are handed over on rank 0.
#pragma once

#include <memory>
#include <vector>

#include "runtime/expr/build.h"
#include "runtime/graph/append_tasks.h"
#include "runtime/optimize/lower.h"

namespace rankine::testing {

inline expr::NodePtr ramp(std::int64_t chunks, std::int64_t chunk = 2) {
  return expr::arange(Literal::of(0.0), Literal::of(1.0),
                      AxisChunks::regular(chunks * chunk, chunk), DType::kFloat64,
                      expr::Location::current());
}
inline expr::NodePtr reversed(const expr::NodePtr& x) {
  return expr::slice(x, {x->size() - 1}, {-1}, {x->size()}, expr::Location::current());
}
inline expr::NodePtr mean_of(const expr::NodePtr& x) {
  return expr::reduce(x, kernels::ReduceOp::kMean, {1}, false, false, 0, expr::Location::current());
}
inline expr::NodePtr minus(const expr::NodePtr& a, const expr::NodePtr& b) {
  return expr::elementwise(kernels::Op::kSubtract, {{a, {}}, {b, {}}}, expr::Location::current());
}
inline expr::NodePtr recut(const expr::NodePtr& x, std::int64_t chunk) {
  return expr::rechunk(x, ChunkGrid({AxisChunks::regular(x->size(), chunk)}),
                       expr::Location::current());
}

inline optimize::Target stored(const expr::NodePtr& node) {
  io::OutputVariable variable;
  variable.name = "v";
  variable.dtype = node->dtype;
  variable.shape = node->shape();
  return {node, variable};  // without chunks of its own: those of the node
}

inline std::shared_ptr<graph::Graph> graph_of(const std::vector<optimize::Target>& targets,
                                              const std::vector<expr::NodePtr>& held = {}) {
  optimize::LowerOptions options;
  for (const auto& node : held) options.held.insert(node.get());
  return optimize::lower(optimize::plan_numbers(targets), options);
}

// chunks x layers tasks; each layer reads the one before back to front, so chunks change ranks.
inline std::shared_ptr<graph::Graph> chain_graph(std::int64_t chunks, int layers) {
  std::vector<expr::NodePtr> held{ramp(chunks)};
  for (int i = 2; i < layers; ++i) held.push_back(reversed(held.back()));
  return graph_of({stored(reversed(held.back()))}, held);
}
// `leaves` partial sums, one tree, one task that hands the mean over on rank 0.
inline std::shared_ptr<graph::Graph> tree_graph(std::int64_t leaves) {
  return graph_of({{mean_of(ramp(leaves)), std::nullopt}});
}
// x - mean(x): the mean meets the chunks again. With `held` x itself is kept from the first pass.
inline std::shared_ptr<graph::Graph> diamond_graph(std::int64_t chunks, bool held) {
  const auto x = ramp(chunks);
  return graph_of({stored(minus(x, mean_of(x)))},
                  held ? std::vector<expr::NodePtr>{x} : std::vector<expr::NodePtr>{});
}
// One chunk that every rank needs.
inline std::shared_ptr<graph::Graph> broadcast_graph(std::int64_t consumers) {
  const auto x = ramp(1, 2 * consumers);
  return graph_of({stored(recut(x, 2))}, {x});
}
// One task that needs chunks of every rank.
inline std::shared_ptr<graph::Graph> gather_graph(std::int64_t producers) {
  const auto x = ramp(producers);
  return graph_of({stored(recut(x, x->size()))}, {x});
}
// Two chunks that are read twice by each of two tasks: from the front and from the back.
inline std::shared_ptr<graph::Graph> crossing_graph(std::int64_t chunks) {
  const auto x = ramp(chunks);
  return graph_of({stored(minus(x, reversed(x)))}, {x});
}

// Users' tasks that take results of earlier ones, and the last of which is brought to rank 0. Their
// functions are never called.
inline graph::Explicit named_tasks(const std::vector<std::vector<std::uint32_t>>& takes) {
  graph::Explicit tasks;
  tasks.functions.emplace_back();
  for (const auto& arguments : takes) {
    for (const std::uint32_t task : arguments) {
      tasks.arguments.push_back(graph::Argument(graph::Argument::Kind::kTask, task).code());
    }
    tasks.argument_begin.push_back(static_cast<std::uint32_t>(tasks.arguments.size()));
    tasks.function_of.push_back(0);
  }
  return tasks;
}
inline std::shared_ptr<graph::Graph> tasks_graph(
    const std::vector<std::vector<std::uint32_t>>& takes) {
  auto graph = std::make_shared<graph::Graph>();
  const auto last = static_cast<std::uint32_t>(takes.size() - 1);
  graph::append_collect(*graph, graph::append_tasks(*graph, named_tasks(takes)), {last});
  return graph;
}

// A grid of which every task takes all results of the step before, and the last task of which is
// brought to rank 0. Its function is never called.
inline std::shared_ptr<graph::Graph> grid_graph(std::int64_t steps, std::int64_t width) {
  graph::Grid grid;
  grid.counts = {steps, width};
  grid.item_bytes = 8;
  const graph::GridAxis before{0, {1, -1, 1}, {1, -1, 1}};
  const graph::GridAxis all{1, {0, 0, 1}, {0, width - 1, 1}};
  grid.inputs.push_back({0, {{Box::whole(grid.counts), {before, all}}}, std::nullopt});
  auto graph = std::make_shared<graph::Graph>();
  graph->layers.push_back({"grid", "", std::move(grid)});
  const Box last{{steps - 1, width - 1}, {steps, width}};
  graph->layers.push_back({"collect", "", graph::GridCollect{0, last, 0, 8}});
  graph->results.push_back({DType::kUInt8, {8}});
  return graph;
}

}  // namespace rankine::testing
