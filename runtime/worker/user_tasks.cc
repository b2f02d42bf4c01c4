#include "runtime/worker/user_tasks.h"

#include <algorithm>

#include "runtime/base/current_error.h"
#include "runtime/base/nd_array.h"
#include "runtime/kernels/convert.h"

namespace rankine::worker {

using graph::Argument;
using graph::Explicit;
using graph::TaskId;

UserTasks::UserTasks(const graph::Topology& topology) : topology_(topology) {
  for (const graph::Layer& layer : topology.graph().layers) {
    resolved_.emplace_back();
    const auto* tasks = std::get_if<Explicit>(&layer.kind);
    if (tasks == nullptr) continue;
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
  const auto& tasks = std::get<Explicit>(topology_.graph().layers[task.layer].kind);
  const std::uint32_t index = tasks.function_of[static_cast<std::size_t>(task.position)];
  try {
    collect_arguments(task, find_chunk, scratch);
    attempt(tasks.functions[index], resolved_[task.layer][index], scratch);
    SharedBuffer buffer = pool.allocate_shared(scratch.result.size());
    std::copy(scratch.result.begin(), scratch.result.end(), buffer->data());
    scratch.clear();
    return buffer;
  } catch (...) {
    scratch.clear();
    throw;
  }
}

// A small result's memory stays for the next one.
void UserScratch::clear() {
  constexpr std::size_t kKept = std::size_t{64} << 10;
  arguments.clear();
  keeps.clear();
  arrays.clear();
  result.clear();
  if (result.capacity() > kKept) result = {};
}

void UserTasks::attempt(const graph::UserFunction& function, const Resolved& resolved,
                        UserScratch& scratch) const {
  for (std::int32_t attempts = 1;; ++attempts) {
    scratch.result.clear();
    kernels::UserCall call{scratch.arguments, std::as_bytes(std::span(function.state)),
                           resolved.function, scratch.result};
    try {
      return resolved.thunk(call);
    } catch (...) {
      if (attempts <= function.retries) continue;
      Error error = current_error();
      if (attempts > 1) error.message += " (after " + std::to_string(attempts) + " attempts)";
      throw error;
    }
  }
}

void UserTasks::collect_arguments(const TaskId& task, const FindChunk& find_chunk,
                                  UserScratch& scratch) const {
  const auto& tasks = std::get<Explicit>(topology_.graph().layers[task.layer].kind);
  const auto codes = tasks.arguments_of(static_cast<std::size_t>(task.position));
  scratch.clear();
  scratch.arrays.reserve(codes.size());  // spans into them must hold
  for (const std::uint32_t code : codes) {
    const Argument argument(code);
    if (argument.kind() == Argument::Kind::kConstant) {
      scratch.arguments.push_back(tasks.constant(argument.index()));
    } else if (argument.kind() == Argument::Kind::kTask) {
      scratch.keeps.push_back(find_chunk({task.layer, 0, argument.index()}).buffer);
      scratch.arguments.push_back(std::as_const(*scratch.keeps.back()).bytes());
    } else {
      const auto known = std::find_if(scratch.arrays.begin(), scratch.arrays.end(),
                                      [&](const auto& a) { return a.first == argument.index(); });
      if (known != scratch.arrays.end()) {
        scratch.arguments.push_back(known->second);
        continue;
      }
      auto& [number, bytes] = scratch.arrays.emplace_back();
      number = argument.index();
      gather(tasks.arrays[number], find_chunk, bytes);
      scratch.arguments.push_back(bytes);
    }
  }
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
    const HeldChunk held = find_chunk({array.layer, array.output, topology_.task_of(array, chunk)});
    kernels::copy_overlap(size_of(dtype), grid.chunk_box(chunk), held.buffer->data(), whole,
                          dense.data());
  }
  bytes.clear();
  write_value(bytes, NdArray(dtype, grid.shape(), std::move(dense)));
}

}  // namespace rankine::worker
