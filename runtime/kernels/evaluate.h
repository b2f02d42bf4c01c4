// Evaluates a Program over a box in one pass: tile by tile, so that intermediates stay in cache,
// and folds the results straight into reduction states where asked. Read this with program.h and
// reduce.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "runtime/base/config.h"
#include "runtime/base/shape.h"
#include "runtime/kernels/program.h"
#include "runtime/kernels/reduce.h"

namespace rankine::kernels {

// Elements evaluated at a time. It does not influence results.
inline constexpr std::int64_t kTileElements = 4096;

// A leaf seen through the axes of the box: the element at coordinate i lies at
// data + sum(i[k] * strides[k]), in BYTES. Stride 0 broadcasts, negative strides are allowed; every
// element must be aligned to its own size. Not owned.
struct View {
  const std::byte* data = nullptr;
  Extents strides;
};

// The whole box in row-major order, in the type of the output. Must not overlap any leaf.
struct DenseSink {
  std::byte* data = nullptr;
};

// Folds the box into a state (reduce.h) of all kept elements, row-major over the kept axes; the
// state was initialized, and may hold earlier values: the box comes after them.
struct ReduceSink {
  const ReduceSpec* spec = nullptr;  // spec->input is the type of the output
  std::uint32_t reduced = 0;         // bit k set: axis k of the box is reduced
  std::byte* state = nullptr;
};

using Sink = std::variant<DenseSink, ReduceSink>;

// Tile buffers of one thread, reused between calls and grown on demand. Not thread-safe.
class Scratch {
 public:
  // 64-byte aligned room for one tile of any type; valid until the Scratch dies.
  std::byte* buffer(std::size_t index);
  std::size_t bytes() const;

 private:
  struct alignas(64) Tile {
    std::byte bytes[static_cast<std::size_t>(kTileElements) * 8];
  };
  std::vector<std::unique_ptr<Tile>> tiles_;
};

// An upper bound of the bytes that evaluating the program takes in a Scratch.
std::size_t scratch_bytes(const Program& program);

// One leaf per leaf and one sink per output of the program. The box may have no axes (one element)
// or no elements (nothing happens, except that nothing was seen).
//
// Order of a reduction, the only thing that decides its bits: one reduced axis is the *group axis*,
// the innermost reduced axis of at least kGroupAxisLength elements, else the longest (ties: the
// innermost). Every kGroup neighbours along it, aligned to the start of the box, are combined by a
// fixed tree, and the groups are folded into the state in row-major order of the reduced
// coordinates. So the kept axes may be cut anywhere, and strides, alignment, tiles and the vector
// width have no influence. Sinks that reduce different sets of axes are evaluated one pass per set.
//
// Throws Error: kTaskFailed for an integer to a negative power; usage if leaves, sinks or types do
// not fit the program.
void evaluate(const Program& program, const Extents& shape, std::span<const View> leaves,
              std::span<const Sink> sinks, Scratch& scratch);

}  // namespace rankine::kernels
