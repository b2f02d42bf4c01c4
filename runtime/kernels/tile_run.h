// Runs a program over the tiles of a walk; the body of evaluate().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/kernels/evaluate.h"
#include "runtime/kernels/op_loops.h"
#include "runtime/kernels/reduce_fold.h"
#include "runtime/kernels/tiling.h"

namespace rankine::kernels {

// The values of one SSA value in the current tile.
struct Operand {
  enum class Layout : std::uint8_t {
    kNone,      // not available in this tile yet
    kDense,     // the tile in row-major order
    kRows,      // rows of `width` elements, `row_stride` bytes apart
    kRowSplat,  // one element for each row, `row_stride` bytes apart
    kSplat,     // one element for all
  } layout = Layout::kNone;
  const std::byte* data = nullptr;
  std::int64_t row_stride = 0;
};

class TileRun {
 public:
  TileRun(const Program& program, const Walk& walk, std::span<const View> leaves,
          std::span<const Sink> sinks, std::span<const std::size_t> chosen, Scratch& scratch);
  void walk_all();

  // Scratch buffers: one per slot, one per leaf, one to convert for a reduction, one to spread a
  // splat.
  static std::size_t buffer_count(const Program& program) {
    return static_cast<std::size_t>(program.slot_count() + program.leaf_count()) + 2;
  }

 private:
  struct Step {  // one cast or operation, with the loop for the last seen layout of its arguments
    int value;
    int arity;
    unsigned splat = ~0u;
    Loop loop = nullptr;
    std::byte* dense_sink = nullptr;  // of a dense output; null if there is none
  };
  struct Fold {
    const ReduceSink* sink;
    int value;
    FoldLoop loop;
  };
  struct Dense {
    int value;
    std::byte* data;
  };

  void begin_tile(const Extents& origin);
  void run_step(Step& step);
  void run_loop(const Step& step, std::span<const Operand> arguments, std::byte* out);
  Loop loop_for(Step& step, unsigned splat) const;
  std::byte* destination(const Step& step, bool all_splat);
  const Operand& operand(int value);      // gathers a leaf if it must
  const Operand& spread_rows(int value);  // the same, but never kRowSplat
  Operand leaf_operand(std::size_t leaf, std::size_t size);
  Operand gather(std::size_t leaf, std::size_t size);
  void write_dense(const Dense& dense);
  void fold(const Fold& fold, const Extents& origin);
  bool dense_in_sink() const;
  Operand converted(const Operand& values, DType from, DType to);
  Extents strides_of(DType dtype, const Operand& values) const;  // bytes, per axis of the tile

  const Program& program_;
  const Walk& walk_;
  Scratch& scratch_;
  std::span<const View> leaves_;
  std::vector<Step> steps_;
  std::vector<Fold> folds_;
  std::vector<Dense> outputs_;
  std::vector<Operand> operands_;            // per value
  std::vector<const std::byte*> leaf_data_;  // at the origin of the tile

  // Of the current tile.
  Extents extents_;
  Extents dense_strides_;  // elements, of the tile itself in row-major order
  std::int64_t elements_ = 0;
  std::int64_t width_ = 0;         // of a row: the innermost axis of more than one element
  std::int64_t dense_offset_ = 0;  // elements, of the origin in dense sinks
};

}  // namespace rankine::kernels
