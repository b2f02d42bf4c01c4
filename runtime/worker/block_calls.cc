#include "runtime/worker/block_calls.h"

#include <cstring>
#include <stdexcept>

#include "runtime/base/clock.h"
#include "runtime/base/current_error.h"
#include "runtime/kernels/convert.h"

namespace rankine::worker {
namespace {

using graph::Call;
using graph::CallInput;
using graph::CallPiece;
using graph::Map;

// A block for a function, and what its elements lie in.
struct Given {
  const std::byte* data = nullptr;
  std::vector<SharedBuffer> keeps;
};

bool is_dense(const kernels::View& view, const Box& box, std::size_t size) {
  const Extents dense = kernels::byte_strides(box.shape(), size);
  for (std::size_t k = 0; k < box.rank(); ++k) {
    if (box.hi[k] - box.lo[k] > 1 && view.strides[k] != dense[k]) return false;
  }
  return true;
}

Given given_piece(const Map& map, const CallPiece& piece, DType dtype, const Box& box,
                  const LoadSources& sources, const CallScratch& scratch) {
  const auto count = static_cast<std::size_t>(piece.program.leaf_count());
  std::vector<LoadedLeaf> leaves;
  std::vector<kernels::View> views;
  for (std::size_t i = 0; i < count; ++i) {
    const graph::Leaf& leaf = map.leaves[piece.first_leaf + i];
    leaves.push_back(load_leaf(leaf, box, sources, scratch.read, scratch.read_stats));
    views.push_back(leaves.back().view);
  }
  const bool as_it_is = count == 1 && piece.program.value_count() == 1;
  if (as_it_is && is_dense(views[0], box, size_of(dtype))) {
    return {views[0].data, std::move(leaves[0].keeps)};
  }
  const auto bytes = static_cast<std::size_t>(box.size()) * size_of(dtype);
  SharedBuffer buffer = sources.pool.allocate_shared(bytes);
  const kernels::Sink sinks[] = {kernels::DenseSink{buffer->data()}};
  kernels::evaluate(piece.program, box.shape(), views, sinks, scratch.tiles);
  return {buffer->data(), {buffer}};
}

// One piece is the block, or its pieces are put together.
Given given_block(const Map& map, const CallInput& input, const Box& wide,
                  const LoadSources& sources, const CallScratch& scratch) {
  SharedBuffer buffer;
  const std::size_t size = size_of(input.dtype);
  for (const CallPiece& piece : input.pieces) {
    const Box inside = intersect(wide, piece.domain);
    if (inside.rank() > 0 && inside.empty()) continue;
    Given part = given_piece(map, piece, input.dtype, inside, sources, scratch);
    if (inside == wide) return part;
    if (!buffer) {
      buffer = sources.pool.allocate_shared(static_cast<std::size_t>(wide.size()) * size);
    }
    kernels::copy_overlap(size, inside, part.data, wide, buffer->data());
  }
  if (!buffer) throw std::logic_error("a block without elements");
  return {buffer->data(), {buffer}};
}

Extents plus(Extents a, const Extents& b) {
  for (std::size_t k = 0; k < a.size(); ++k) a[k] += b[k];
  return a;
}

// As the function sees the box of its operands, widened by the halo.
BlockLayout layout_of(const Call& call, const Box& box, const Box& wide) {
  Extents before = box.lo;
  for (std::size_t k = 0; k < before.size(); ++k) before[k] -= wide.lo[k];
  return {box.shape(), plus(box.lo, call.start), before, wide.shape()};
}

BlockLayout result_layout(const Call& call, const Box& box) {
  const Extents origin = plus(box.lo, call.result_start);
  const Extents shape = box.shape();
  if (call.hidden.empty()) return {shape, origin};
  Extents seen_shape, seen_origin;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    if (call.hidden[k] != 0) continue;
    seen_shape.push_back(shape[k]);
    seen_origin.push_back(origin[k]);
  }
  return {seen_shape, seen_origin};
}

Box own_box(const std::optional<ChunkGrid>& grid, const graph::TaskId& task, const Box& step) {
  return grid ? grid->chunk_box(coordinate_of(task.position, grid->counts())) : step;
}

// What the function threw, with its name and its block.
Error with_place(Error error, const kernels::BlockFunction& function, const Extents& origin) {
  if (error.where.empty()) {
    error.where = function.name + ", block at " + to_string(origin) +
                  (function.location.empty() ? "" : ", " + function.location);
  }
  return error;
}

void call_function(const kernels::BlockFunction& function, const kernels::FoundBlockFunction& found,
                   std::span<const kernels::BlockBytes> inputs, const kernels::BlockBytes& result,
                   DType dtype) {
  const kernels::BlockCall call{
      inputs,        result, dtype, function.values, std::as_bytes(std::span(function.state)),
      found.function};
  try {
    found.thunk(call);
  } catch (...) {
    throw with_place(current_error(), function, result.layout->origin);
  }
}

}  // namespace

BlockCalls::BlockCalls(const graph::Topology& topology) : topology_(topology) {
  for (const graph::Layer& layer : topology.graph().layers) {
    found_.emplace_back();
    if (const auto* map = std::get_if<Map>(&layer.kind)) {
      for (const Call& call : map->calls) {
        found_.back().push_back(kernels::find_function(call.function));
      }
    }
    const auto* reduce = std::get_if<graph::Reduce>(&layer.kind);
    if (reduce != nullptr && reduce->combination) {
      found_.back().push_back(kernels::find_function(reduce->combination->function));
    }
  }
}

void BlockCalls::run(const graph::TaskId& task, const Box& step, LoadSources& sources,
                     const CallScratch& scratch) const {
  const auto& map = std::get<Map>(topology_.graph().layers[task.layer].kind);
  sources.made.clear();
  for (std::size_t i = 0; i < map.calls.size(); ++i) {
    sources.made.push_back(
        call(map, map.calls[i], found_[task.layer][i], task, step, sources, scratch));
  }
}

MadeBlock BlockCalls::call(const Map& map, const Call& call,
                           const kernels::FoundBlockFunction& found, const graph::TaskId& task,
                           const Box& step, const LoadSources& sources,
                           const CallScratch& scratch) const {
  const Stopwatch load;
  const Box box = own_box(call.grid, task, step);
  const Box wide = call.widened(box);
  const BlockLayout layout = layout_of(call, box, wide);
  const BlockLayout scalar({}, {});
  std::vector<Given> given;
  std::vector<kernels::BlockBytes> inputs;
  for (const CallInput& input : call.inputs) {
    Box read = wide;
    for (std::size_t k = 0; input.scalar && k < read.rank(); ++k) {
      read.lo[k] = box.lo[k];
      read.hi[k] = box.lo[k] + 1;
    }
    given.push_back(given_block(map, input, read, sources, scratch));
    // Functions get it as const.
    inputs.push_back({const_cast<std::byte*>(given.back().data), input.scalar ? &scalar : &layout});
  }
  scratch.load_s += load.seconds();
  const Stopwatch compute;
  const Box out = own_box(call.result, task, step);
  const std::size_t size = size_of(call.dtype);
  SharedBuffer made = sources.pool.allocate_shared(static_cast<std::size_t>(out.size()) * size);
  // What a function leaves out must not depend on what lay there before.
  std::memset(made->data(), 0, made->size());
  if (call.trims && !(wide == box)) {
    const SharedBuffer all =
        sources.pool.allocate_shared(static_cast<std::size_t>(wide.size()) * size);
    std::memset(all->data(), 0, all->size());
    call_function(call.function, found, inputs, {all->data(), &layout}, call.dtype);
    kernels::copy_overlap(size, wide, all->data(), out, made->data());
  } else {
    const BlockLayout result = result_layout(call, out);
    call_function(call.function, found, inputs, {made->data(), &result}, call.dtype);
  }
  scratch.compute_s += compute.seconds();
  return {std::move(made), out};
}

void BlockCalls::combine(std::uint32_t layer, const Box& box, std::byte* into,
                         std::byte* next) const {
  const auto& reduce = std::get<graph::Reduce>(topology_.graph().layers[layer].kind);
  const BlockLayout layout(box.shape(), plus(box.lo, reduce.combination->start));
  const kernels::BlockBytes inputs[] = {{next, &layout}};
  call_function(reduce.combination->function, found_[layer][0], inputs, {into, &layout},
                reduce.combination->dtype);
}

}  // namespace rankine::worker
