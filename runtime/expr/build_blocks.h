// Builds the expressions that call functions of users (blocks.h). Functions throw Error (usage) for
// what does not fit.
#pragma once

#include <string>
#include <vector>

#include "runtime/expr/align.h"

namespace rankine::expr {

struct NewAxis {
  std::int64_t position = 0;  // in the result
  std::int64_t length = 1;    // of its only chunk
  std::string dim;
};
struct AxisLengths {
  std::int64_t axis = 0;              // of the result; negative: from the end
  std::string dim;                    // its name instead, if this is not empty
  std::vector<std::int64_t> lengths;  // one per chunk, or one for all
};

// Axes are those of the aligned operands, unless said otherwise.
struct BlocksSpec {
  kernels::BlockFunction function;
  DType dtype = DType::kFloat64;  // of the result
  std::vector<AxisHalo> halo;     // one per axis, or none
  bool trims = false;
  bool elementwise = false;
  Extents dropped;                // 1 for each axis that a call sees whole and the result has not
  std::vector<NewAxis> new_axes;  // by position
  std::vector<AxisLengths> chunks;
};
NodePtr map_blocks(const Alignment& operands, BlocksSpec spec, Location location);

// A reduction: `chunk` makes a state from each chunk: an element per kept element, or an array of
// shape `state` for each, as further axes behind; `combine` joins them along the reduced axes.
// The result has the kept axes and those of a state.
struct CombineSpec {
  kernels::BlockFunction chunk;
  kernels::BlockFunction combine;
  DType dtype = DType::kFloat64;  // of a state
  Extents reduced;
  Extents state;
};
NodePtr combine_blocks(const NodePtr& array, CombineSpec spec, Location location);

}  // namespace rankine::expr
