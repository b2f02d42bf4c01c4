#include "runtime/kernels/contract.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/kernels/contract_rows.h"

namespace rankine::kernels {
namespace {

template <class T, class A>
A widened(const Matrix& m, std::int64_t row, std::int64_t column) {
  return static_cast<A>(
      *reinterpret_cast<const T*>(m.data + row * m.row_stride + column * m.column_stride));
}

template <class A>
MultiplyRow<A> multiply_row() {
  if constexpr (std::is_same_v<A, double>) return multiply_row_float();
  else return multiply_row_integer();
}

template <class T, class A>
void multiply(std::int64_t rows, std::int64_t columns, std::int64_t inner, const Matrix& a,
              const Matrix& b, A* c) {
  std::vector<A> panel(static_cast<std::size_t>(kPanelInner * kPanelColumns));
  const MultiplyRow<A> kernel = multiply_row<A>();
  std::vector<A> row(static_cast<std::size_t>(kPanelInner));
  for (std::int64_t p0 = 0; p0 < inner; p0 += kPanelInner) {
    const std::int64_t depth = std::min(kPanelInner, inner - p0);
    for (std::int64_t j0 = 0; j0 < columns; j0 += kPanelColumns) {
      const std::int64_t width = std::min(kPanelColumns, columns - j0);
      for (std::int64_t p = 0; p < depth; ++p) {
        for (std::int64_t j = 0; j < width; ++j) {
          panel[static_cast<std::size_t>(p * kPanelColumns + j)] = widened<T, A>(b, p0 + p, j0 + j);
        }
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t p = 0; p < depth; ++p) {
          row[static_cast<std::size_t>(p)] = widened<T, A>(a, i, p0 + p);
        }
        kernel(row.data(), panel.data(), depth, width, c + i * columns + j0);
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
