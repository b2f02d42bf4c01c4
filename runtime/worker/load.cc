#include "runtime/worker/load.h"

#include <algorithm>
#include <cstring>

#include "runtime/kernels/convert.h"
#include "runtime/worker/spill.h"

namespace rankine::worker {
namespace {

using graph::Leaf;
using graph::Term;

// Elements of a source in one buffer: dense row-major over `box`, a box of source indices.
struct SourceBlock {
  const std::byte* data;
  Box box;
  SharedBuffer keeps;
};

// The block seen from the iteration box `box`, whose first element is at its front.
kernels::View view_of(const Leaf& leaf, const Box& box, const SourceBlock& block) {
  const Extents strides = kernels::byte_strides(block.box.shape(), size_of(leaf.dtype));
  kernels::View view{block.data, Extents(box.rank(), 0)};
  for (std::size_t k = 0; k < leaf.terms.size(); ++k) {
    const Term& term = leaf.terms[k];
    const std::int64_t first =
        term.axis < 0 ? term.offset : term.step * box.lo[term.axis] + term.offset;
    view.data += (first - block.box.lo[k]) * strides[k];
    if (term.axis >= 0) view.strides[term.axis] += term.step * strides[k];
  }
  return view;
}

SourceBlock read_file(const graph::FileData& file, const Leaf& leaf, const Box& wanted,
                      const LoadSources& sources, io::ReadScratch& scratch, io::ReadStats& stats) {
  SharedBuffer buffer =
      sources.pool.allocate_shared(static_cast<std::size_t>(wanted.size()) * size_of(leaf.dtype));
  sources.readers[file.dataset]->read(wanted, buffer->data(), scratch, stats);
  return {buffer->data(), wanted, buffer};
}

// The elements of `wanted` that lie in the chunk, in memory of their own.
SourceBlock unspill(const SpilledChunk& spilled, const Box& whole, const Box& wanted,
                    std::size_t size, Pool& pool) {
  const Box part = intersect(wanted, whole);
  SharedBuffer buffer = pool.allocate_shared(static_cast<std::size_t>(part.size()) * size);
  spilled.read(size, whole, part, part, buffer->data());
  return {buffer->data(), part, buffer};
}

SourceBlock gather_chunks(const graph::LayerOutput& output, const Leaf& leaf, const Box& wanted,
                          const LoadSources& sources) {
  const ChunkGrid& grid = sources.topology.output_grid(output);
  const Box chunks = grid.chunks_over(wanted);
  const std::size_t size = size_of(leaf.dtype);
  const auto find = [&](const Extents& chunk) -> const HeldChunk& {
    return sources.find_chunk(
        {output.layer, output.output, sources.topology.task_of(output, chunk)});
  };
  const auto box_of = [&](const HeldChunk& held, const Extents& chunk) {
    return held.part ? *held.part : grid.chunk_box(chunk);
  };
  if (chunks.size() == 1) {
    const HeldChunk& held = find(chunks.lo);
    const Box box = box_of(held, chunks.lo);
    if (held.spilled) return unspill(*held.spilled, box, wanted, size, sources.pool);
    return {held.buffer->data(), box, held.buffer};
  }
  SharedBuffer buffer =
      sources.pool.allocate_shared(static_cast<std::size_t>(wanted.size()) * size);
  Extents step(chunks.rank(), 0);
  const Extents counts = chunks.shape();
  do {
    Extents chunk = chunks.lo;
    for (std::size_t k = 0; k < chunk.size(); ++k) chunk[k] += step[k];
    const HeldChunk& held = find(chunk);
    const Box box = box_of(held, chunk);
    if (held.spilled) {
      held.spilled->read(size, box, intersect(wanted, box), wanted, buffer->data());
    } else {
      kernels::copy_overlap(size, box, held.buffer->data(), wanted, buffer->data());
    }
  } while (next_coordinate(step, counts));
  return {buffer->data(), wanted, buffer};
}

// start + i * step for the source indices of the box, computed in the type of the ramp. A constant
// may have any number of axes and is one element.
SourceBlock make_ramp(const graph::Ramp& ramp, const Leaf& leaf, const Box& wanted,
                      const LoadSources& sources) {
  const std::int64_t count = graph::is_constant(ramp) ? 1 : wanted.shape()[0];
  const std::int64_t first = graph::is_constant(ramp) ? 0 : wanted.lo[0];
  SharedBuffer buffer =
      sources.pool.allocate_shared(static_cast<std::size_t>(count) * size_of(leaf.dtype));
  visit_dtype(leaf.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = buffer->as<T>();
    const bool whole = ramp.start.kind != Literal::Kind::kFloat &&
                       ramp.step.kind != Literal::Kind::kFloat && !std::is_floating_point_v<T>;
    for (std::int64_t i = 0; i < count; ++i) {
      out[i] =
          whole ? static_cast<T>(ramp.start.integer + (first + i) * ramp.step.integer)
                : static_cast<T>(ramp.start.real + static_cast<double>(first + i) * ramp.step.real);
    }
  });
  return {buffer->data(), wanted, buffer};
}

LoadedLeaf zero_leaf(std::size_t rank, Pool& pool) {
  SharedBuffer zero = pool.allocate_shared(sizeof(double));
  std::memset(zero->data(), 0, zero->size());
  return {{zero->data(), Extents(rank, 0)}, {zero}};
}

// One where the domain holds, zero elsewhere; axes without a cut stay one element long.
LoadedLeaf make_mask(const Box& box, const Box& inside, Pool& pool) {
  Extents shape(box.rank(), 1);
  for (std::size_t k = 0; k < box.rank(); ++k) {
    if (inside.lo[k] != box.lo[k] || inside.hi[k] != box.hi[k]) shape[k] = box.hi[k] - box.lo[k];
  }
  SharedBuffer buffer = pool.allocate_shared(static_cast<std::size_t>(volume(shape)));
  std::memset(buffer->data(), 0, buffer->size());
  const Extents strides = row_major_strides(shape);
  std::byte* first = buffer->data();
  Extents ones(box.rank(), 1);
  LoadedLeaf loaded{{buffer->data(), Extents(box.rank(), 0)}, {buffer}};
  for (std::size_t k = 0; k < box.rank(); ++k) {
    if (shape[k] == 1 && inside.lo[k] == box.lo[k] && inside.hi[k] == box.hi[k]) continue;
    first += (inside.lo[k] - box.lo[k]) * strides[k];
    ones[k] = inside.hi[k] - inside.lo[k];
    loaded.view.strides[k] = strides[k];
  }
  kernels::fill_strided(DType::kBool, Literal::of(true), ones, first, strides);
  return loaded;
}

// Widens a view over `inside` to one over `box`, zero outside.
LoadedLeaf widen(const LoadedLeaf& loaded, const Leaf& leaf, const Box& box, const Box& inside,
                 Pool& pool) {
  const std::size_t size = size_of(leaf.dtype);
  Extents shape = box.shape();
  Extents part = inside.shape();
  for (std::size_t k = 0; k < box.rank(); ++k) {
    const bool uncut = inside.lo[k] == box.lo[k] && inside.hi[k] == box.hi[k];
    if (loaded.view.strides[k] == 0 && uncut) shape[k] = part[k] = 1;
  }
  SharedBuffer buffer = pool.allocate_shared(static_cast<std::size_t>(volume(shape)) * size);
  std::memset(buffer->data(), 0, buffer->size());
  const Extents strides = kernels::byte_strides(shape, size);
  std::byte* first = buffer->data();
  LoadedLeaf wide{{buffer->data(), Extents(box.rank(), 0)}, {buffer}};
  for (std::size_t k = 0; k < box.rank(); ++k) {
    if (shape[k] == 1 && box.hi[k] - box.lo[k] != 1) continue;
    first += (inside.lo[k] - box.lo[k]) * strides[k];
    wide.view.strides[k] = strides[k];
  }
  kernels::copy_strided(size, part, loaded.view.data, loaded.view.strides, first, strides);
  return wide;
}

}  // namespace

LoadedLeaf load_leaf(const Leaf& leaf, const Box& box, const LoadSources& sources,
                     io::ReadScratch& scratch, io::ReadStats& stats) {
  const Box inside = intersect(box, leaf.domain);
  if (inside.rank() > 0 && inside.empty()) return zero_leaf(box.rank(), sources.pool);
  if (std::holds_alternative<graph::InsideMask>(leaf.source)) {
    return make_mask(box, inside, sources.pool);
  }
  const Box wanted = graph::source_box(leaf, inside);
  SourceBlock block;
  if (const auto* file = std::get_if<graph::FileData>(&leaf.source)) {
    block = read_file(*file, leaf, wanted, sources, scratch, stats);
  } else if (const auto* output = std::get_if<graph::LayerOutput>(&leaf.source)) {
    block = gather_chunks(*output, leaf, wanted, sources);
  } else if (const auto* result = std::get_if<graph::CallResult>(&leaf.source)) {
    const MadeBlock& made = sources.made[result->call];
    block = {made.buffer->data(), made.box, made.buffer};
  } else {
    block = make_ramp(std::get<graph::Ramp>(leaf.source), leaf, wanted, sources);
  }
  const auto* ramp = std::get_if<graph::Ramp>(&leaf.source);
  const bool constant = ramp != nullptr && graph::is_constant(*ramp);
  LoadedLeaf loaded{
      constant ? kernels::View{block.data, Extents(box.rank(), 0)} : view_of(leaf, inside, block),
      {block.keeps}};
  if (inside == box) return loaded;
  return widen(loaded, leaf, box, inside, sources.pool);
}

}  // namespace rankine::worker
