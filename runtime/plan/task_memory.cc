#include "runtime/plan/task_memory.h"

#include <algorithm>

#include "io/codec/table.h"
#include "io/reader.h"
#include "runtime/base/pool.h"
#include "runtime/kernels/evaluate.h"
#include "runtime/plan/edge_chunks.h"
#include "runtime/plan/footprint.h"
#include "runtime/plan/saturate.h"

namespace rankine::plan {
namespace {

using graph::Topology;

// The indices over which a leaf is read: in boxes, along each axis at most so long, inside of all.
struct ReadBoxes {
  Extents longest;
  Box all;
};

ReadBoxes boxes_of(const ChunkGrid& grid) {
  ReadBoxes boxes{{}, Box::whole(grid.shape())};
  for (const AxisChunks& axis : grid.axes()) {
    boxes.longest.push_back(std::max<std::int64_t>(1, axis.longest()));
  }
  return boxes;
}

// The longest box of source elements that a task can reach through a leaf.
std::int64_t leaf_elements(const graph::Leaf& leaf, const ReadBoxes& boxes) {
  std::int64_t product = 1;
  for (const graph::Term& term : leaf.terms) {
    if (term.axis < 0) continue;
    const std::int64_t longest = boxes.longest[static_cast<std::size_t>(term.axis)];
    product = times(product, plus(times(longest - 1, std::abs(term.step)), 1));
  }
  return product;
}

// The buffer in which a leaf with a domain is widened to the box of a task, or a mask is made: the
// axes that the leaf follows or the domain cuts.
std::int64_t widened_elements(const graph::Leaf& leaf, const ReadBoxes& boxes) {
  std::int64_t product = 1;
  bool cut = false;
  for (std::size_t axis = 0; axis < boxes.longest.size(); ++axis) {
    const bool whole =
        leaf.domain.lo[axis] <= boxes.all.lo[axis] && leaf.domain.hi[axis] >= boxes.all.hi[axis];
    cut = cut || !whole;
    const bool followed = std::any_of(
        leaf.terms.begin(), leaf.terms.end(),
        [&](const graph::Term& term) { return term.axis == static_cast<std::int32_t>(axis); });
    if (followed || !whole) product = times(product, boxes.longest[axis]);
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

// EncodeScratch (io/encode.h) and what is written: one shuffled, and the encoded one, which no
// codec makes much longer and which takes the place of a copy that is filled up or holds no NaN;
// without shuffling that copy is another one. And what the codec needs for itself.
std::int64_t encoder_bytes(const io::OutputVariable& variable) {
  const std::int64_t chunk = times(elements(variable.chunk), bytes_of(size_of(variable.dtype)));
  bool copied = variable.fill.has_value();
  for (std::size_t k = 0; k < variable.chunk.size(); ++k) {
    copied = copied || variable.chunk[k] == 0 || variable.shape[k] % variable.chunk[k] != 0;
  }
  const io::FilterSteps filters = io::filters_of(variable);
  const bool shuffled = filters.count > 0 && filters.begin()->id == io::kShuffle;
  const std::int64_t copies = copied || shuffled ? 1 : 0;
  const auto codec = bytes_of(io::encoder_bytes(variable.codec, static_cast<std::size_t>(chunk)));
  return plus(plus(times(chunk, 1 + copies), plus(chunk / 64, 4096)), codec);
}

// The array in which the elements of a leaf are put together; null if they are seen where they are.
std::int64_t gathered_bytes(const Topology& topology, const Placement& placement,
                            const graph::Leaf& leaf, const Topology::LeafEdge* edge,
                            const ReadBoxes& boxes) {
  if (std::holds_alternative<graph::CallResult>(leaf.source)) return 0;
  const std::int64_t size = bytes_of(size_of(leaf.dtype));
  if (const auto* ramp = std::get_if<graph::Ramp>(&leaf.source)) {
    if (graph::is_constant(*ramp)) return pool_block(size);
  }
  const std::int64_t whole = pool_block(times(leaf_elements(leaf, boxes), size));
  if (edge == nullptr) return whole;
  if (placement.is_spilled(topology, edge->producer)) return plus(whole, kSpillWindow);
  return chunks_read(topology, *edge) == 1 ? 0 : whole;
}

// The tasks of one Map layer.
class MapTask {
 public:
  MapTask(const Topology& topology, const Placement& placement, std::uint32_t layer)
      : topology_(topology),
        placement_(placement),
        map_(std::get<graph::Map>(topology.graph().layers[layer].kind)),
        tasks_(map_.steps ? *map_.steps : map_.grid),
        layer_(layer),
        edges_(map_.leaves.size(), nullptr) {
    for (const auto& edge : topology.leaf_edges(layer)) edges_[edge.leaf] = &edge;
  }

  TaskMemory memory() {
    const ReadBoxes boxes = boxes_of(tasks_);
    add_tiles(map_.program);
    for (const graph::Call& call : map_.calls) add_call(call);
    for (std::size_t i = 0; i < map_.leaves.size(); ++i) {
      if (map_.leaves[i].call < 0) memory_.pool = plus(memory_.pool, leaf_pool(i, boxes));
    }
    for (std::uint32_t i = 0; i < map_.heads.size(); ++i) add_head(i);
    return memory_;
  }

 private:
  // Programs are evaluated one after the other, with the same tiles.
  void add_tiles(const kernels::Program& program) {
    memory_.tiles = std::max(memory_.tiles, bytes_of(kernels::scratch_bytes(program)));
  }

  // What a leaf takes from the pool: its elements, and once more widened to the box. Its data set
  // is read with the same scratch as those of the others, one after the other.
  std::int64_t leaf_pool(std::size_t number, const ReadBoxes& boxes) {
    const graph::Leaf& leaf = map_.leaves[number];
    if (const auto* file = std::get_if<graph::FileData>(&leaf.source)) {
      const io::Dataset& dataset = topology_.graph().datasets[file->dataset];
      const bool whole = leaf.call < 0 && reads_whole_chunks(leaf, dataset, tasks_);
      memory_.reader = std::max(memory_.reader, io::reader_bytes(dataset, whole));
    }
    const std::int64_t wide = times(widened_elements(leaf, boxes), bytes_of(size_of(leaf.dtype)));
    return plus(gathered_bytes(topology_, placement_, leaf, edges_[number], boxes),
                pool_block(wide));
  }

  // What one piece of a block takes beside the block while it is made.
  std::int64_t piece_pool(const graph::CallInput& input, const graph::CallPiece& piece,
                          ReadBoxes boxes) {
    boxes.all = piece.domain;
    std::int64_t elements = 1;
    for (std::size_t k = 0; k < boxes.longest.size(); ++k) {
      const std::int64_t length = piece.domain.hi[k] - piece.domain.lo[k];
      boxes.longest[k] = input.scalar ? 1 : std::clamp<std::int64_t>(length, 1, boxes.longest[k]);
      elements = times(elements, boxes.longest[k]);
    }
    add_tiles(piece.program);
    std::int64_t pool = pool_block(times(elements, bytes_of(size_of(input.dtype))));
    for (int i = 0; i < piece.program.leaf_count(); ++i) {
      pool = plus(pool, leaf_pool(piece.first_leaf + static_cast<std::size_t>(i), boxes));
    }
    return pool;
  }

  // The blocks of a call and what it makes of them; its pieces are made one after the other.
  void add_call(const graph::Call& call) {
    const ChunkGrid& made = call.result ? *call.result : tasks_;
    ReadBoxes boxes = boxes_of(call.grid ? *call.grid : tasks_);
    std::int64_t wide = 1;
    for (std::size_t k = 0; k < boxes.longest.size(); ++k) {
      if (!call.reach.empty()) {
        boxes.longest[k] = plus(boxes.longest[k], plus(call.reach[k].before, call.reach[k].after));
      }
      wide = times(wide, boxes.longest[k]);
    }
    const std::int64_t size = bytes_of(size_of(call.dtype));
    std::int64_t pool = pool_block(times(made.largest_chunk(), size));
    if (call.trims) pool = plus(pool, pool_block(times(wide, size)));
    std::int64_t most = 0;
    for (const graph::CallInput& input : call.inputs) {
      const std::int64_t elements = input.scalar ? 1 : wide;
      pool = plus(pool, pool_block(times(elements, bytes_of(size_of(input.dtype)))));
      for (const graph::CallPiece& piece : input.pieces) {
        most = std::max(most, piece_pool(input, piece, boxes));
      }
    }
    memory_.pool = plus(memory_.pool, plus(pool, most));
  }

  void add_head(std::uint32_t number) {
    // A state beside the value that is made of it.
    const auto* partial = std::get_if<graph::Partial>(&map_.heads[number]);
    const std::int64_t copies = partial != nullptr && partial->complete ? 2 : 1;
    memory_.pool = plus(memory_.pool, times(output_block(topology_, {layer_, number}), copies));
    if (const auto* store = std::get_if<graph::Store>(&map_.heads[number])) {
      memory_.encoder =
          std::max(memory_.encoder, encoder_bytes(topology_.graph().outputs[store->variable]));
    }
  }

  const Topology& topology_;
  const Placement& placement_;
  const graph::Map& map_;
  const ChunkGrid& tasks_;
  std::uint32_t layer_;
  std::vector<const Topology::LeafEdge*> edges_;  // by leaf; null: no other layer's chunks
  TaskMemory memory_;
};

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

TaskMemory task_memory(const Topology& topology, const Placement& placement, std::uint32_t layer) {
  const graph::Kind& kind = topology.graph().layers[layer].kind;
  if (std::holds_alternative<graph::Map>(kind)) return MapTask(topology, placement, layer).memory();
  TaskMemory memory;
  if (const auto* tasks = std::get_if<graph::Explicit>(&kind)) {
    memory.user = user_task_bytes(topology, *tasks);
  } else {
    memory.pool = times(2, output_block(topology, {layer, 0}));
  }
  return memory;
}

}  // namespace rankine::plan
