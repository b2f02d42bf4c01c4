// A call of a user's function inside a task of a Map: from blocks of its operands to a block that
// the task's program reads as a leaf.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/base/chunk_grid.h"
#include "runtime/kernels/block_call.h"
#include "runtime/kernels/program.h"

namespace rankine::graph {

// How far blocks reach beyond the box of their task along an axis.
struct Reach {
  std::int64_t before = 0;
  std::int64_t after = 0;
  bool clipped = false;  // they end where the array ends
  template <class Archive>
  void serialize(Archive& archive) {
    archive(before, after, clipped);
  }
};

// The part of a block inside `domain`, a box of the iteration space, which may lie outside of the
// task grid where the array is continued beyond its ends.
struct CallPiece {
  Box domain;
  kernels::Program program;      // one output
  std::uint32_t first_leaf = 0;  // of its leaves, in Map::leaves
  template <class Archive>
  void serialize(Archive& archive) {
    archive(domain, program, first_leaf);
  }
};

struct CallInput {
  DType dtype = DType::kFloat64;
  bool scalar = false;            // of an operand without axes: one element
  std::vector<CallPiece> pieces;  // disjoint; together they hold the blocks of all tasks
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dtype, scalar, pieces);
  }
};

// Task t calls the function with chunk t of `grid`, widened by `reach`, of every input, for chunk t
// of `result`. Without grids of their own both are the box that the task computes.
struct Call {
  kernels::BlockFunction function;
  std::optional<ChunkGrid> grid;
  std::optional<ChunkGrid> result;
  std::vector<Reach> reach;  // per axis of the grid; empty: none
  std::vector<CallInput> inputs;
  DType dtype = DType::kFloat64;  // of the result
  bool trims = false;             // the function makes the widened block; its core is the result
  Extents hidden;                 // 1 for axes of the result that the function does not see
  Extents start;                  // of the grid's elements in the whole array
  Extents length;                 // of the whole array
  Extents result_start;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(function, grid, result, reach, inputs, dtype, trims, hidden, start, length,
            result_start);
  }

  // The elements of the blocks that a box of the grid is made from.
  Box widened(const Box& box) const;
};

}  // namespace rankine::graph
