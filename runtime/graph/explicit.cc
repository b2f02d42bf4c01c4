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

// What an index must stay below; of held values the layer that has them knows.
std::size_t Explicit::limit_of(Argument::Kind kind, std::size_t task) const {
  switch (kind) {
    case Argument::Kind::kTask: return task;
    case Argument::Kind::kConstant: return constant_begin.size() - 1;
    case Argument::Kind::kArray: return arrays.size();
    case Argument::Kind::kHeld: return std::size_t{Argument::kMost} + 1;
    case Argument::Kind::kScattered: return scattered.size();
  }
  return 0;
}

void Explicit::check(std::size_t layers) const {
  const auto fail = [] { throw input_error("a graph of tasks is damaged", ""); };
  if (argument_begin.size() != task_count() + 1 || !are_offsets(argument_begin, arguments.size()) ||
      !are_offsets(constant_begin, constants.size())) {
    fail();
  }
  if (!homes.empty() && homes.size() != task_count()) fail();
  for (const LayerOutput& array : arrays) {
    if (array.layer >= layers) fail();
  }
  for (std::size_t task = 0; task < task_count(); ++task) {
    if (function_of[task] >= functions.size()) fail();
    for (const std::uint32_t code : arguments_of(task)) {
      const Argument argument(code);
      if (argument.index() >= limit_of(argument.kind(), task)) fail();
    }
  }
}

}  // namespace rankine::graph
