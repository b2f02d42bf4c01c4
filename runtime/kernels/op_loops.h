// The loops behind op_table.h and convert.h: n contiguous elements at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/dtype.h"
#include "runtime/kernels/op_table.h"

namespace rankine::kernels {

// Elements of arguments and out are aligned to their size; out overlaps no argument.
using Loop = void (*)(std::int64_t n, const std::byte* const* arguments, std::byte* out);

// Bit i of splat: argument i is one element that stands for all n; not all bits may be set.
// Null if infer_types never gives this compute type.
Loop find_loop(Op op, DType compute, unsigned splat);

// One argument. Null if the types are equal.
Loop find_cast_loop(DType from, DType to);

}  // namespace rankine::kernels
