#include "runtime/kernels/contract.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "runtime/base/error.h"

namespace rankine::kernels {
namespace {

// A panel of B (kInner x kColumns accumulators of 8 bytes, 64 KiB) stays in the second-level cache
// while the rows of A pass over it.
constexpr std::int64_t kInner = 64;
constexpr std::int64_t kColumns = 128;

template <class T, class A>
A widened(const Matrix& m, std::int64_t row, std::int64_t column) {
  return static_cast<A>(*reinterpret_cast<const T*>(m.data + row * m.row_stride +
                                                    column * m.column_stride));
}

// Four p at a time keep the row of C in registers; each product is added by itself, in order of p.
template <class A>
void multiply_row(const A* a, const A* panel, std::int64_t inner, std::int64_t columns, A* c) {
  std::int64_t p = 0;
  for (; p + 4 <= inner; p += 4) {
    const A* b = panel + p * kColumns;
    const A a0 = a[p], a1 = a[p + 1], a2 = a[p + 2], a3 = a[p + 3];
    for (std::int64_t j = 0; j < columns; ++j) {
      A sum = c[j] + a0 * b[j];
      sum = sum + a1 * b[j + kColumns];
      sum = sum + a2 * b[j + 2 * kColumns];
      c[j] = sum + a3 * b[j + 3 * kColumns];
    }
  }
  for (; p < inner; ++p) {
    const A* b = panel + p * kColumns;
    for (std::int64_t j = 0; j < columns; ++j) c[j] = c[j] + a[p] * b[j];
  }
}

template <class T, class A>
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t inner, const Matrix& a,
              const Matrix& b, A* c) {
  std::vector<A> panel(static_cast<std::size_t>(kInner * kColumns));
  std::vector<A> row(static_cast<std::size_t>(kInner));
  for (std::int64_t p0 = 0; p0 < inner; p0 += kInner) {
    const std::int64_t depth = std::min(kInner, inner - p0);
    for (std::int64_t j0 = 0; j0 < columns; j0 += kColumns) {
      const std::int64_t width = std::min(kColumns, columns - j0);
      for (std::int64_t p = 0; p < depth; ++p) {
        for (std::int64_t j = 0; j < width; ++j) {
          panel[static_cast<std::size_t>(p * kColumns + j)] = widened<T, A>(b, p0 + p, j0 + j);
        }
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t p = 0; p < depth; ++p) {
          row[static_cast<std::size_t>(p)] = widened<T, A>(a, i, p0 + p);
        }
        multiply_row(row.data(), panel.data(), depth, width, c + i * columns + j0);
      }
    }
  }
}

}  // namespace

void matmul(const ReduceSpec& spec, std::int64_t rows, std::int64_t columns, std::int64_t inner,
            const Matrix& a, const Matrix& b, std::byte* state) {
  if (spec.op != ReduceOp::kSum) throw usage_error("a matrix product needs the state of a sum");
  visit_dtype(spec.input, [&](auto tag) {
    using T = typename decltype(tag)::type;
    // The sum is the first plane of its state; a product adds nothing to the compensation.
    using A = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;
    multiply<T, A>(rows, columns, inner, a, b, reinterpret_cast<A*>(state));
  });
}

}  // namespace rankine::kernels
