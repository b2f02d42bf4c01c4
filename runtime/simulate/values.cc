#include "runtime/simulate/values.h"

#include <unordered_map>
#include <utility>

#include "runtime/worker/pack_piece.h"
#include "runtime/worker/reactor.h"

namespace rankine::simulate {
namespace {

Results make_results(const graph::Graph& graph) {
  Results results;
  for (const graph::Result& result : graph.results) {
    results.emplace_back(static_cast<std::size_t>(volume(result.shape)) * size_of(result.dtype));
  }
  return results;
}

}  // namespace

ValueWork::ValueWork(const graph::Topology& topology)
    : topology_(topology),
      user_tasks_(topology, held_, 0),
      results_(make_results(topology.graph())),
      executor_(topology, 1, readers_, &user_tasks_, nullptr, results_, held_, pool_) {}

std::vector<worker::Output> ValueWork::run(int, const graph::TaskId& task,
                                           const worker::FindChunk& find_chunk) {
  executor_.run(task, find_chunk, context_);
  return std::exchange(context_.outputs, {});
}

std::int64_t ValueWork::bytes_of(const graph::ChunkId& chunk, const plan::Piece& piece,
                                 const Buffer& whole) const {
  return piece.part ? plan::piece_bytes(topology_, chunk, piece)
                    : static_cast<std::int64_t>(whole.size());
}

SharedBuffer ValueWork::pack(const graph::ChunkId& chunk, const plan::Piece& piece,
                             const SharedBuffer& whole) {
  return worker::pack_piece(topology_, chunk, piece, whole, pool_);
}

Results run_serially(const graph::Topology& topology) {
  ValueWork work(topology);
  std::unordered_map<protocol::ChunkName, worker::HeldChunk, worker::ChunkNameHash> chunks;
  const auto find_chunk = [&](const graph::ChunkId& chunk) -> const worker::HeldChunk& {
    return chunks.at({chunk.layer, chunk.output, chunk.position});
  };
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t position = 0; position < topology.task_count(layer); ++position) {
      for (worker::Output& output : work.run(0, {layer, position}, find_chunk)) {
        const graph::ChunkId& chunk = output.chunk;
        chunks[{chunk.layer, chunk.output, chunk.position}] = std::move(output.bytes);
      }
    }
  }
  return work.results();
}

}  // namespace rankine::simulate
