#include "runtime/graph/append_tasks.h"

#include <algorithm>
#include <utility>

namespace rankine::graph {

void append_tasks(Graph& graph, Explicit tasks, std::vector<std::uint32_t> collected) {
  std::sort(graph.kept.begin(), graph.kept.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [target, output] : graph.kept) tasks.arrays.push_back(output);
  const auto number = static_cast<std::uint32_t>(graph.layers.size());
  const auto first_result = static_cast<std::uint32_t>(graph.results.size());
  for (std::size_t i = 0; i < collected.size(); ++i) {
    graph.results.push_back({DType::kUInt8, {0}});
  }
  graph.layers.push_back({"tasks", "", std::move(tasks)});
  graph.layers.push_back({"collect", "", Collect{number, std::move(collected), first_result}});
}

}  // namespace rankine::graph
