// Included once per SIMD level by reduce_fold_*.cc, with RANKINE_SIMD_LEVEL the name of the level.
#include "runtime/kernels/reduce_fold.h"
#include "runtime/kernels/reduce_functions.h"

// Sanitizers see calls better than one huge function.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RANKINE_KERNEL_FLATTEN
#else
#define RANKINE_KERNEL_FLATTEN [[gnu::flatten]]
#endif

namespace rankine::kernels::RANKINE_SIMD_LEVEL {
namespace {

constexpr std::int64_t kRows = 8;
constexpr std::int64_t kBatch = 64;      // groups whose parts are made together
constexpr std::int64_t kLeastBatch = 4;  // fewer are made one by one

// Calls visit(data offset in bytes, state offset) for every position of the axes [begin, end), in
// row-major order.
template <class Visitor>
void for_each_position(const FoldTile& tile, std::size_t begin, std::size_t end,
                       const Visitor& visit) {
  std::int64_t at[kMaxAxes + 1] = {};
  std::int64_t data = 0, state = 0;
  for (;;) {
    visit(data, state);
    std::size_t i = end;
    for (;;) {
      if (i == begin) return;
      --i;
      data += tile.data_strides[i];
      state += tile.state_strides[i];
      if (++at[i] < tile.extents[i]) break;
      data -= at[i] * tile.data_strides[i];
      state -= at[i] * tile.state_strides[i];
      at[i] = 0;
    }
  }
}

// Eight rows of columns; a column is a group.
template <class T>
struct Rows {
  const T* row[kRows];
  Group<T> operator[](std::int64_t i) const {
    return {row[0][i], row[1][i], row[2][i], row[3][i], row[4][i], row[5][i], row[6][i], row[7][i]};
  }
  Rows from(std::int64_t i) const {
    return {row[0] + i, row[1] + i, row[2] + i, row[3] + i,
            row[4] + i, row[5] + i, row[6] + i, row[7] + i};
  }
};

// One kept element per column. This and the next function are flattened: a call left in their
// loops keeps them from being vectorized.
template <class R, class T>
RANKINE_KERNEL_FLATTEN void fold_columns(const Rows<T> x, int rows, std::int64_t width,
                                         std::byte* state, std::int64_t elements,
                                         std::int64_t first) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < width; ++i) {
    const auto before = R::load(state, elements, first + i);
    R::store(R::combine(before, R::part(x[i], rows)), state, elements, first + i);
  }
}

// All columns into one kept element, in order: the parts of a batch first, which vectorizes, then
// the chain of merges.
template <class R, class T>
RANKINE_KERNEL_FLATTEN void fold_columns_into(typename R::State& sum, const Rows<T> x, int rows,
                                              std::int64_t width) {
  alignas(64) std::byte parts[R::kBytes * kBatch];
  for (std::int64_t begin = 0; begin < width; begin += kBatch) {
    const std::int64_t n = width - begin < kBatch ? width - begin : kBatch;
    const Rows<T> batch = x.from(begin);
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) R::store(R::part(batch[i], rows), parts, kBatch, i);
    for (std::int64_t i = 0; i < n; ++i) sum = R::combine(sum, R::load(parts, kBatch, i));
  }
}

template <class R, class T>
void fold_rows(const FoldTile& tile, const std::byte* data, int rows, std::int64_t first) {
  constexpr std::int64_t kStrip = 256;
  static constexpr auto kPads = [] {
    struct {
      T values[kStrip];
    } pads{};
    for (T& value : pads.values) value = R::pad;
    return pads;
  }();
  const std::size_t last = tile.extents.size() - 1;
  const std::int64_t width = tile.extents[last];
  const std::int64_t strip = rows == kRows ? width : kStrip;
  for (std::int64_t i = 0; i < width; i += strip) {
    Rows<T> x;
    for (int k = 0; k < kRows; ++k) {
      x.row[k] = k < rows ? reinterpret_cast<const T*>(data + k * tile.data_strides[tile.group]) + i
                          : kPads.values;
    }
    const std::int64_t n = width - i < strip ? width - i : strip;
    if (tile.state_strides[last] == 0) {
      auto sum = R::load(tile.state, tile.elements, first);
      fold_columns_into<R>(sum, x, rows, n);
      R::store(sum, tile.state, tile.elements, first);
    } else {
      fold_columns<R>(x, rows, n, tile.state, tile.elements, first + i);
    }
  }
}

// `groups` groups of eight neighbours become eight rows of `groups` columns.
template <class T>
void transpose(const T* x, std::int64_t groups, T (*out)[kBatch]) {
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t k = 0; k < kRows; ++k) out[k][g] = x[g * kRows + k];
  }
}

// The group axis is the last one: eight neighbours in memory are one group.
template <class R, class T>
void fold_run(const FoldTile& tile, const std::byte* data, std::int64_t first) {
  const T* x = reinterpret_cast<const T*>(data);
  const std::int64_t length = tile.extents[tile.group];
  const std::int64_t whole = length / kRows;
  const std::int64_t batched = whole < kLeastBatch ? 0 : whole;
  alignas(64) T columns[kRows][kBatch];
  const Rows<T> batch{{columns[0], columns[1], columns[2], columns[3], columns[4], columns[5],
                       columns[6], columns[7]}};
  auto sum = R::load(tile.state, tile.elements, first);
  for (std::int64_t g = 0; g < batched; g += kBatch) {
    const std::int64_t n = batched - g < kBatch ? batched - g : kBatch;
    transpose(x + g * kRows, n, columns);
    fold_columns_into<R>(sum, batch, kRows, n);
  }
  for (std::int64_t i = batched * kRows; i < length; i += kRows) {
    const int rows = static_cast<int>(length - i < kRows ? length - i : kRows);
    for (int k = 0; k < kRows; ++k) columns[k][0] = k < rows ? x[i + k] : R::pad;
    sum = R::combine(sum, R::part(batch[0], rows));
  }
  R::store(sum, tile.state, tile.elements, first);
}

template <class R, class T>
void fold_tile(const FoldTile& tile) {
  const std::size_t rank = tile.extents.size();
  for_each_position(tile, 0, tile.group, [&](std::int64_t data, std::int64_t state) {
    const std::byte* outer = tile.data + data;
    const std::int64_t first = tile.first + state;
    if (tile.group + 1 == rank) return fold_run<R, T>(tile, outer, first);
    for (std::int64_t g = 0; g < tile.extents[tile.group]; g += kRows) {
      const std::int64_t left = tile.extents[tile.group] - g;
      const int rows = static_cast<int>(left < kRows ? left : kRows);
      const std::byte* rows_at = outer + g * tile.data_strides[tile.group];
      for_each_position(tile, tile.group + 1, rank - 1, [&](std::int64_t d, std::int64_t s) {
        fold_rows<R, T>(tile, rows_at + d, rows, first + s);
      });
    }
  });
}

}  // namespace

FoldLoop find_fold(const ReduceSpec& spec) {
  return visit_reducer(spec, [](auto reducer, auto element) -> FoldLoop {
    return fold_tile<typename decltype(reducer)::type, typename decltype(element)::type>;
  });
}

}  // namespace rankine::kernels::RANKINE_SIMD_LEVEL
