#include "runtime/plan/task_memory.h"

#include <algorithm>

#include "io/reader.h"
#include "runtime/base/pool.h"
#include "runtime/kernels/evaluate.h"
#include "runtime/plan/footprint.h"
#include "runtime/plan/saturate.h"

namespace rankine::plan {
namespace {

using graph::Topology;

std::int64_t elements(const Extents& shape) { return std::min(saturated_volume(shape), kTooMuch); }

std::int64_t bytes_of(std::size_t bytes) {
  return static_cast<std::int64_t>(std::min<std::size_t>(bytes, kTooMuch));
}

// The longest box of source elements that a task of `grid` can reach through a leaf.
std::int64_t leaf_elements(const graph::Leaf& leaf, const ChunkGrid& grid) {
  std::int64_t product = 1;
  for (const graph::Term& term : leaf.terms) {
    if (term.axis < 0) continue;
    const std::int64_t longest = std::max<std::int64_t>(1, grid.axis(term.axis).longest());
    product = times(product, plus(times(longest - 1, std::abs(term.step)), 1));
  }
  return product;
}

// The buffer in which a leaf with a domain is widened to the box of a task, or a mask is made: the
// axes that the leaf follows or the domain cuts.
std::int64_t widened_elements(const graph::Leaf& leaf, const ChunkGrid& grid) {
  std::int64_t product = 1;
  bool cut = false;
  for (std::size_t axis = 0; axis < grid.rank(); ++axis) {
    const bool whole =
        leaf.domain.lo[axis] <= 0 && leaf.domain.hi[axis] >= grid.axis(axis).length();
    cut = cut || !whole;
    const bool followed = std::any_of(
        leaf.terms.begin(), leaf.terms.end(),
        [&](const graph::Term& term) { return term.axis == static_cast<std::int32_t>(axis); });
    if (followed || !whole)
      product = times(product, std::max<std::int64_t>(1, grid.axis(axis).longest()));
  }
  return cut ? product : 0;
}

// Whether every box that is read is a stored chunk: then it is decoded where it is wanted.
bool reads_whole_chunks(const graph::Leaf& leaf, const io::Dataset& dataset,
                        const ChunkGrid& grid) {
  if (dataset.chunk.size() != leaf.terms.size()) return false;
  for (std::size_t k = 0; k < leaf.terms.size(); ++k) {
    const graph::Term& term = leaf.terms[k];
    if (term.axis < 0 || term.step != 1 || term.offset != 0) return false;
    const auto axis = static_cast<std::size_t>(term.axis);
    const bool cut = leaf.domain.lo[axis] > 0 || leaf.domain.hi[axis] < grid.axis(axis).length();
    const bool ragged = dataset.chunk[k] == 0 || dataset.shape[k] % dataset.chunk[k] != 0;
    if (cut || ragged || !(grid.axis(axis) == dataset.grid.axis(k))) return false;
  }
  return true;
}

// ReadScratch (io/reader.h). The window holds one stored chunk or what is read ahead; the last of
// the filters writes to where whole chunks go, the ones before it alternate between two buffers.
// What the HDF5 library takes for itself is not known exactly.
std::int64_t reader_bytes(const io::Dataset& dataset, bool whole_chunks) {
  const std::int64_t count =
      dataset.chunk.empty() ? dataset.grid.largest_chunk() : elements(dataset.chunk);
  const auto ahead = bytes_of(io::kReadAheadBytes);
  if (!dataset.direct) return plus(times(count, 3 * 8), ahead);
  if (dataset.layout != io::Layout::kChunked) return 2 * ahead;
  const std::int64_t chunk = times(count, bytes_of(size_of(dataset.stored)));
  const auto filters = static_cast<std::int64_t>(dataset.filters.size());
  const std::int64_t stored = plus(chunk, plus(chunk / 8, 4096));
  const std::int64_t decoded = whole_chunks && dataset.decode.in_place() ? 0 : 1;
  return plus(times(chunk, decoded + std::clamp<std::int64_t>(filters - 1, 0, 2)),
              std::max(ahead, stored));
}

// EncodeScratch (io/encode.h) and what is written: a copy of the chunk that is filled up or holds
// no NaN, one shuffled, and the encoded one, which deflate makes hardly longer.
std::int64_t encoder_bytes(const io::OutputVariable& variable) {
  const std::int64_t chunk = times(elements(variable.chunk), bytes_of(size_of(variable.dtype)));
  bool copied = variable.fill.has_value();
  for (std::size_t k = 0; k < variable.chunk.size(); ++k) {
    copied = copied || variable.chunk[k] == 0 || variable.shape[k] % variable.chunk[k] != 0;
  }
  const std::int64_t copies = (copied ? 1 : 0) + (io::uses_shuffle(variable) ? 1 : 0);
  return plus(times(chunk, 1 + copies), plus(chunk / 64, 4096));
}

// The array in which the elements of a leaf are put together; null if they are seen where they are.
std::int64_t gathered_bytes(const Topology& topology, const Placement& placement,
                            const graph::Leaf& leaf, const Topology::LeafEdge* edge,
                            const ChunkGrid& grid) {
  const std::int64_t size = bytes_of(size_of(leaf.dtype));
  if (const auto* ramp = std::get_if<graph::Ramp>(&leaf.source)) {
    if (graph::is_constant(*ramp)) return pool_block(size);
  }
  const std::int64_t whole = pool_block(times(leaf_elements(leaf, grid), size));
  if (edge == nullptr) return whole;
  if (placement.is_spilled(topology, edge->producer)) return plus(whole, kSpillWindow);
  return chunks_read(topology, *edge) == 1 ? 0 : whole;
}

TaskMemory map_memory(const Topology& topology, const Placement& placement, std::uint32_t layer,
                      const graph::Map& map) {
  const ChunkGrid& grid = map.steps ? *map.steps : map.grid;
  TaskMemory memory;
  memory.tiles = bytes_of(kernels::scratch_bytes(map.program));
  std::vector<const Topology::LeafEdge*> edges(map.leaves.size(), nullptr);
  for (const auto& edge : topology.leaf_edges(layer)) edges[edge.leaf] = &edge;
  for (std::size_t i = 0; i < map.leaves.size(); ++i) {
    const graph::Leaf& leaf = map.leaves[i];
    memory.pool = plus(memory.pool, gathered_bytes(topology, placement, leaf, edges[i], grid));
    // Once more, widened to the box.
    memory.pool =
        plus(memory.pool,
             pool_block(times(widened_elements(leaf, grid), bytes_of(size_of(leaf.dtype)))));
    if (const auto* file = std::get_if<graph::FileData>(&leaf.source)) {
      // Data sets are read one after the other, with the same scratch.
      const io::Dataset& dataset = topology.graph().datasets[file->dataset];
      memory.reader =
          std::max(memory.reader, reader_bytes(dataset, reads_whole_chunks(leaf, dataset, grid)));
    }
  }
  for (std::uint32_t i = 0; i < map.heads.size(); ++i) {
    // A state beside the value that is made of it.
    const auto* partial = std::get_if<graph::Partial>(&map.heads[i]);
    const std::int64_t copies = partial != nullptr && partial->complete ? 2 : 1;
    memory.pool = plus(memory.pool, times(output_block(topology, {layer, i}), copies));
    if (const auto* store = std::get_if<graph::Store>(&map.heads[i])) {
      memory.encoder =
          std::max(memory.encoder, encoder_bytes(topology.graph().outputs[store->variable]));
    }
  }
  return memory;
}

// What a user's task is given, at most: arrays, gathered, as bytes and as the function's own;
// values as the function's own. What the function makes is not known.
std::int64_t user_task_bytes(const Topology& topology, const graph::Explicit& tasks) {
  std::vector<std::int64_t> sizes;
  for (const graph::LayerOutput& array : tasks.arrays) {
    sizes.push_back(times(elements(topology.output_grid(array).shape()),
                          bytes_of(size_of(topology.output_dtype(array)))));
  }
  std::int64_t most = 0;
  for (std::size_t task = 0; task < tasks.task_count(); ++task) {
    std::int64_t bytes = 0;
    for (const std::uint32_t code : tasks.arguments_of(task)) {
      const graph::Argument argument(code);
      if (argument.kind() == graph::Argument::Kind::kArray) {
        bytes = plus(bytes, times(3, sizes[argument.index()]));
      } else if (argument.kind() == graph::Argument::Kind::kConstant) {
        bytes = plus(bytes, bytes_of(tasks.constant(argument.index()).size()));
      }
    }
    most = std::max(most, bytes);
  }
  return most;
}

}  // namespace

std::int64_t TaskMemory::kept() const { return plus(plus(reader, encoder), plus(tiles, user)); }

std::int64_t TaskMemory::total() const { return plus(pool, kept()); }

void TaskMemory::raise_to(const TaskMemory& other) {
  pool = std::max(pool, other.pool);
  reader = std::max(reader, other.reader);
  encoder = std::max(encoder, other.encoder);
  tiles = std::max(tiles, other.tiles);
  user = std::max(user, other.user);
}

std::int64_t pool_block(std::int64_t bytes) {
  return bytes >= kTooMuch ? kTooMuch
                           : bytes_of(Pool::block_bytes(static_cast<std::size_t>(bytes)));
}

std::int64_t output_block(const Topology& topology, graph::LayerOutput output) {
  return pool_block(topology.largest_output_bytes(output));
}

std::int64_t chunks_read(const Topology& topology, const Topology::LeafEdge& edge) {
  const auto& map = std::get<graph::Map>(topology.graph().layers[edge.consumer].kind);
  const ChunkGrid& produced = topology.output_grid(edge.producer);
  std::int64_t chunks = 1;
  for (std::size_t k = 0; k < edge.axes.size(); ++k) {
    const graph::Term& term = map.leaves[edge.leaf].terms[k];
    if (term.axis < 0) continue;
    const AxisChunks& consumed = map.grid.axis(term.axis);
    const AxisChunks& made = produced.axis(k);
    if (term.step == 1 && term.offset == 0 && consumed == made) continue;
    std::int64_t shortest = made.longest();
    for (const AxisChunks::Run& run : made.runs()) shortest = std::min(shortest, run.length);
    const std::int64_t longest = std::max<std::int64_t>(1, consumed.longest());
    const std::int64_t reach = times(longest - 1, std::abs(term.step));
    const std::int64_t over = plus(reach / std::max<std::int64_t>(1, shortest), 2);
    chunks = times(chunks, std::min(over, made.count()));
  }
  return chunks;
}

TaskMemory task_memory(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  if (const auto* map = std::get_if<graph::Map>(&kind)) {
    return map_memory(topology, placement, layer, *map);
  }
  TaskMemory memory;
  if (const auto* tasks = std::get_if<graph::Explicit>(&kind)) {
    memory.user = user_task_bytes(topology, *tasks);
  } else {
    memory.pool = times(2, output_block(topology, {layer, 0}));
  }
  return memory;
}

}  // namespace rankine::plan
