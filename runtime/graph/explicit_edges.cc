#include "runtime/graph/explicit_edges.h"

namespace rankine::graph {

ExplicitEdges::ExplicitEdges(const Explicit& tasks, std::size_t held)
    : tasks_(invert(tasks, Argument::Kind::kTask, tasks.task_count())),
      arrays_(invert(tasks, Argument::Kind::kArray, tasks.arrays.size())),
      held_(invert(tasks, Argument::Kind::kHeld, held)) {}

// A counting sort of the arguments of one kind by what they name.
ExplicitEdges::Rows ExplicitEdges::invert(const Explicit& tasks, Argument::Kind kind,
                                          std::size_t count) {
  Rows rows;
  rows.begin.assign(count + 1, 0);
  for (const std::uint32_t code : tasks.arguments) {
    const Argument argument(code);
    if (argument.kind() != kind) continue;
    if (argument.index() >= count) throw input_error("a graph of tasks is damaged", "");
    ++rows.begin[argument.index() + 1];
  }
  for (std::size_t i = 0; i < count; ++i) rows.begin[i + 1] += rows.begin[i];
  rows.users.resize(rows.begin[count]);
  std::vector<std::uint32_t> next(rows.begin.begin(), rows.begin.end() - 1);
  for (std::size_t task = 0; task < tasks.task_count(); ++task) {
    for (const std::uint32_t code : tasks.arguments_of(task)) {
      const Argument argument(code);
      if (argument.kind() == kind) {
        rows.users[next[argument.index()]++] = static_cast<std::uint32_t>(task);
      }
    }
  }
  return rows;
}

}  // namespace rankine::graph
