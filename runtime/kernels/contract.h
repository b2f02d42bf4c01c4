// The inner kernel of matrix products.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/kernels/reduce.h"

namespace rankine::kernels {

// An operand: element (i, j) lies at data + i * row_stride + j * column_stride, in bytes; strides
// may be 0 or negative. Not owned. Elements are aligned to their size.
struct Matrix {
  const std::byte* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 0;
};

// C[i,j] += sum over p of A[i,p] * B[p,j], for A of rows x inner and B of inner x columns, both of
// type spec.input. `state` is an initialized sum state of rows x columns elements, row-major:
// products of floats are formed and added in float64, of integers modulo 2^64 (bool: their count of
// common ones, as int64). p runs strictly upwards for every element, so cutting rows or columns and
// the blocking in here have no influence on bits. NaN propagates. spec.op must be kSum.
void matmul(const ReduceSpec& spec, std::int64_t rows, std::int64_t columns, std::int64_t inner,
            const Matrix& a, const Matrix& b, std::byte* state);

}  // namespace rankine::kernels
