#include "runtime/worker/user_tasks.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "runtime/base/current_error.h"
#include "runtime/base/nd_array.h"
#include "runtime/graph/story.h"
#include "runtime/kernels/convert.h"
#include "runtime/kernels/outcome.h"

namespace rankine::worker {

using graph::Argument;
using graph::Explicit;
using graph::TaskId;

UserTasks::UserTasks(const graph::Topology& topology, const HeldStore& held, int rank,
                     std::int64_t most_bytes)
    : topology_(topology),
      rank_(rank),
      most_bytes_(most_bytes),
      blocks_(topology),
      grids_(topology, most_bytes) {
  for (const graph::Layer& layer : topology.graph().layers) {
    resolved_.emplace_back();
    scattered_.emplace_back();
    const auto* tasks = std::get_if<Explicit>(&layer.kind);
    if (tasks == nullptr) continue;
    for (const std::uint64_t name : tasks->scattered) {
      scattered_.back().push_back(held.scattered(name));
      if (!scattered_.back().back()) throw std::logic_error("a scattered value is gone");
    }
    const kernels::FoundModules modules(tasks->modules);
    for (const graph::UserFunction& function : tasks->functions) {
      const auto thunk = reinterpret_cast<std::uintptr_t>(modules.address_of(function.thunk));
      resolved_.back().push_back(
          {reinterpret_cast<kernels::UserThunk>(thunk),
           function.pointed ? modules.address_of(function.function) : nullptr});
    }
  }
}

SharedBuffer UserTasks::run(const TaskId& task, const FindChunk& find_chunk, UserScratch& scratch,
                            Pool& pool) const {
  if (topology_.grid_edges(task.layer) != nullptr) {
    return grids_.run(task, find_chunk, scratch, pool);
  }
  const auto& tasks = std::get<Explicit>(topology_.graph().layers[task.layer].kind);
  try {
    if (tasks.holds_results) {
      try {
        make_result(task, find_chunk, scratch);
        kernels::end_value(scratch.result);
      } catch (...) {
        Error error = current_error();
        if (error.task_story.empty()) {
          error.task_story = graph::story_of(topology_, task) + ", rank " + std::to_string(rank_);
        }
        scratch.result = kernels::failed_outcome(error);
      }
    } else {
      make_result(task, find_chunk, scratch);
    }
    SharedBuffer buffer = pool.allocate_shared(scratch.result.size());
    std::copy(scratch.result.begin(), scratch.result.end(), buffer->data());
    scratch.clear();
    return buffer;
  } catch (...) {
    scratch.clear();
    throw;
  }
}

void UserTasks::make_result(const TaskId& task, const FindChunk& find_chunk,
                            UserScratch& scratch) const {
  const auto& tasks = std::get<Explicit>(topology_.graph().layers[task.layer].kind);
  const std::uint32_t index = tasks.function_of[static_cast<std::size_t>(task.position)];
  collect_arguments(task, find_chunk, scratch);
  attempt(tasks.functions[index], resolved_[task.layer][index], scratch);
  require_size(scratch.result.size(), most_bytes_);
}

void UserTasks::attempt(const graph::UserFunction& function, const Resolved& resolved,
                        UserScratch& scratch) const {
  with_retries(function.retries, [&] {
    scratch.result.clear();
    kernels::UserCall call{scratch.arguments, std::as_bytes(std::span(function.state)),
                           resolved.function, scratch.result};
    resolved.thunk(call);
  });
}

// Throws the error that an argument is.
void UserTasks::collect_arguments(const TaskId& task, const FindChunk& find_chunk,
                                  UserScratch& scratch) const {
  const auto& tasks = std::get<Explicit>(topology_.graph().layers[task.layer].kind);
  const auto codes = tasks.arguments_of(static_cast<std::size_t>(task.position));
  scratch.clear();
  scratch.arrays.reserve(codes.size());  // spans into them must hold
  for (const std::uint32_t code : codes) {
    const Argument argument(code);
    const std::uint32_t index = argument.index();
    switch (argument.kind()) {
      case Argument::Kind::kConstant: scratch.arguments.push_back(tasks.constant(index)); break;
      case Argument::Kind::kTask:
        add_chunk({task.layer, 0, index}, tasks.holds_results, find_chunk, scratch);
        break;
      case Argument::Kind::kHeld:
        add_chunk({tasks.held_layer, 0, index}, true, find_chunk, scratch);
        break;
      case Argument::Kind::kArray:
        add_array(tasks.arrays[index], index, find_chunk, scratch);
        break;
      case Argument::Kind::kScattered:
        scratch.arguments.push_back(std::as_const(*scattered_[task.layer][index]).bytes());
        break;
    }
  }
}

void UserTasks::add_chunk(const graph::ChunkId& chunk, bool outcome, const FindChunk& find_chunk,
                          UserScratch& scratch) const {
  const auto bytes = std::as_const(*find_chunk(chunk).buffer).bytes();
  scratch.arguments.push_back(outcome ? kernels::value_of(bytes) : bytes);
}

void UserTasks::add_array(const graph::LayerOutput& array, std::uint32_t number,
                          const FindChunk& find_chunk, UserScratch& scratch) const {
  const auto known = std::find_if(scratch.arrays.begin(), scratch.arrays.end(),
                                  [&](const auto& a) { return a.first == number; });
  if (known != scratch.arrays.end()) {
    scratch.arguments.push_back(known->second);
    return;
  }
  auto& [index, bytes] = scratch.arrays.emplace_back();
  index = number;
  gather(array, find_chunk, bytes);
  scratch.arguments.push_back(bytes);
}

void UserTasks::gather(const graph::LayerOutput& array, const FindChunk& find_chunk,
                       std::vector<std::byte>& bytes) const {
  const ChunkGrid& grid = topology_.output_grid(array);
  const DType dtype = topology_.output_dtype(array);
  const Box whole = Box::whole(grid.shape());
  std::vector<std::byte> dense(static_cast<std::size_t>(whole.size()) * size_of(dtype));
  const Extents counts = grid.counts();
  Extents chunk(counts.size(), 0);
  for (std::int64_t left = volume(counts); left > 0; --left, next_coordinate(chunk, counts)) {
    const HeldChunk& held =
        find_chunk({array.layer, array.output, topology_.task_of(array, chunk)});
    kernels::copy_overlap(size_of(dtype), grid.chunk_box(chunk), held.buffer->data(), whole,
                          dense.data());
  }
  bytes.clear();
  write_value(bytes, NdArray(dtype, grid.shape(), std::move(dense)));
}

}  // namespace rankine::worker
