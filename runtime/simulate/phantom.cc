#include "runtime/simulate/phantom.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/simulate/random.h"

namespace rankine::simulate {
namespace {

// Behind every buffer of this work.
struct Phantom : Buffer {
  graph::ChunkId chunk;
  std::int64_t path_ns = 0;
};

}  // namespace

std::vector<worker::Output> PhantomWork::run(int, const graph::TaskId& task,
                                             const worker::FindChunk& find_chunk) {
  std::int64_t path_ns = 0;
  topology_.for_each_input(task, [&](const graph::ChunkId& chunk) {
    const auto& input = static_cast<const Phantom&>(*find_chunk(chunk).buffer);
    if (input.chunk != chunk) throw std::logic_error("an input holds another chunk");
    path_ns = std::max(path_ns, input.path_ns);
  });
  const std::int64_t task_ns = draws_.task_ns(task);
  path_ns += task_ns;
  work_ns_ += task_ns;
  critical_path_ns_ = std::max(critical_path_ns_, path_ns);
  std::vector<worker::Output> outputs;
  for (std::uint32_t i = 0; i < topology_.output_count(task.layer); ++i) {
    if (!topology_.leaves_chunk(task.layer, i)) continue;
    const auto phantom = std::make_shared<Phantom>();
    phantom->chunk = {task.layer, i, task.position};
    phantom->path_ns = path_ns;
    outputs.push_back({phantom->chunk, SharedBuffer(phantom)});
  }
  return outputs;
}

std::int64_t PhantomWork::bytes_of(const graph::ChunkId& chunk, const plan::Piece& piece,
                                   const Buffer&) const {
  if (!std::holds_alternative<graph::Explicit>(topology_.graph().layers[chunk.layer].kind)) {
    return plan::piece_bytes(topology_, chunk, piece);
  }
  const std::uint64_t word = mixed(mixed(chunk.layer) ^ static_cast<std::uint64_t>(chunk.position));
  return std::max<std::int64_t>(1, (task_bytes_ >> 2) << (word % 5));
}

}  // namespace rankine::simulate
