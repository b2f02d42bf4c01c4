// Operations that call functions of users, once per chunk.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/chunk_grid.h"
#include "runtime/base/dtype.h"
#include "runtime/kernels/block_call.h"

namespace rankine::expr {

// What lies beyond the ends of an axis.
struct Boundary {
  enum class Kind : std::uint8_t {
    kNone,      // nothing: blocks at the ends have a shorter halo
    kPeriodic,  // c d | a b c d | a b
    kReflect,   // b a | a b c d | d c
    kNearest,   // a a | a b c d | d d
    kConstant,  // v v | a b c d | v v
  };
  static Boundary none() { return {}; }
  static Boundary periodic() { return {Kind::kPeriodic, {}}; }
  static Boundary reflect() { return {Kind::kReflect, {}}; }
  static Boundary nearest() { return {Kind::kNearest, {}}; }
  static Boundary constant(double value) { return {Kind::kConstant, Literal::of(value)}; }
  static Boundary constant(Literal value) { return {Kind::kConstant, value}; }

  Kind kind = Kind::kNone;
  Literal value;  // kConstant; converted to the type of the array
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, value);
  }
};

// Elements that a block has in common with its neighbours along one axis.
struct AxisHalo {
  std::int64_t before = 0;
  std::int64_t after = 0;
  Boundary boundary;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(before, after, boundary);
  }
};

// Call c, in the row-major order of both grids, makes chunk c of the node's grid from the elements
// of every operand in chunk c of `calls`, widened by the halo. Operands have the axes of `calls`,
// or none. A function sees whole chunks only, so a part of the result is made from whole calls:
// then `start` and so on say which part of the array this is.
struct MapBlocks {
  kernels::BlockFunction function;
  ChunkGrid calls;
  Extents axes;                // per axis of the node: the axis of `calls` it has its chunks from,
                               // or -1; other axes of `calls` have one chunk
  std::vector<AxisHalo> halo;  // per axis of `calls`; empty: none
  bool trims = false;          // the function makes its part of the halo too, and it is cut off
  bool elementwise = false;    // any part of a chunk may be made by itself
  Extents hidden;              // 1 for axes of the node, one element long in each chunk, that the
                               // function does not see; empty: none
  Extents start;               // index of the first element of `calls` in the whole array of calls
  Extents length;              // and the shape of that
  Extents result_start;        // index of the node's first element in the whole result
  std::vector<Extents> operand_start;  // per operand likewise, in the array of calls

  bool keeps_shape(const ChunkGrid& grid) const { return grid == calls && hidden.empty(); }
};

// Joins the chunks along the axes whose entry in `reduced` is 1, each one element long there, by a
// tree of calls; the axes disappear.
struct CombineBlocks {
  kernels::BlockFunction function;
  Extents reduced;
  Extents start;  // as MapBlocks::result_start
};

}  // namespace rankine::expr
