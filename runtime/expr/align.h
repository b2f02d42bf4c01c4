// How the operands of one operation come together: by name if every axis of every array has a
// name (xarray), else by position (NumPy).
#pragma once

#include <string>
#include <vector>

#include "runtime/expr/build.h"

namespace rankine::expr {

struct Alignment {
  std::vector<NodePtr> arrays;  // one per operand; null for literals; 0-d arrays stay as they are
  ChunkGrid grid;               // chunks of the operand with most elements, axis by axis
  std::vector<std::string> dims;
  Extents broadcast;
};

Alignment align(const std::vector<Operand>& operands, Location location);

// The type each operand takes part with. Literals get the type that promotion by value gives.
std::vector<DType> operand_types(kernels::Op op, const std::vector<Operand>& operands);

}  // namespace rankine::expr
