// Arithmetic of literals with literals, as Python does it with bool, int and float; but an integer
// never leaves 64 bits and a float never silently overflows or divides by zero: those are errors.
#pragma once

#include <optional>
#include <vector>

#include "apps/language/ast.h"
#include "runtime/base/dtype.h"
#include "runtime/kernels/op_table.h"

namespace rankine::language {

// Throw Error (usage) without a position.
Literal fold(UnaryOp op, const Literal& x);
Literal fold(BinaryOp op, const Literal& a, const Literal& b);
// A function of the table. float64 or int64 arithmetic of the kernels; the result is weak again.
Literal fold(kernels::Op op, const std::vector<Literal>& operands);

// The operation on arrays that an operator stands for.
kernels::Op operation_of(BinaryOp op);

}  // namespace rankine::language
