#include "runtime/graph/append_tasks.h"

#include <algorithm>
#include <utility>

namespace rankine::graph {

std::uint32_t append_tasks(Graph& graph, Explicit tasks) {
  std::sort(graph.kept.begin(), graph.kept.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [target, output] : graph.kept) tasks.arrays.push_back(output);
  const auto number = static_cast<std::uint32_t>(graph.layers.size());
  graph.layers.push_back({"tasks", "", std::move(tasks)});
  return number;
}

void append_collect(Graph& graph, std::uint32_t layer, std::vector<std::uint32_t> collected) {
  const auto first = static_cast<std::uint32_t>(graph.results.size());
  graph.results.resize(first + collected.size(), {DType::kUInt8, {0}});
  graph.layers.push_back({"collect", "", Collect{layer, std::move(collected), first}});
}

}  // namespace rankine::graph
