#include "runtime/graph/explicit.h"

#include <algorithm>

namespace rankine::graph {
namespace {

// Offsets of a list of lists: from 0 to `end`, never falling.
bool are_offsets(const std::vector<std::uint32_t>& begin, std::size_t end) {
  return !begin.empty() && begin.front() == 0 && begin.back() == end &&
         std::is_sorted(begin.begin(), begin.end());
}

}  // namespace

void Explicit::check(std::size_t layers) const {
  const auto fail = [] { throw input_error("a graph of tasks is damaged", ""); };
  if (argument_begin.size() != task_count() + 1 || !are_offsets(argument_begin, arguments.size()) ||
      !are_offsets(constant_begin, constants.size())) {
    fail();
  }
  for (const LayerOutput& array : arrays) {
    if (array.layer >= layers) fail();
  }
  for (std::size_t task = 0; task < task_count(); ++task) {
    if (function_of[task] >= functions.size()) fail();
    for (const std::uint32_t code : arguments_of(task)) {
      const Argument argument(code);
      const std::size_t limit = argument.kind() == Argument::Kind::kTask ? task
                                : argument.kind() == Argument::Kind::kConstant
                                    ? constant_begin.size() - 1
                                    : arrays.size();
      if (argument.index() >= limit || code >> 30 > 2) fail();
    }
  }
}

}  // namespace rankine::graph
