// Included once per SIMD level by reduce_fold_*.cc, with RANKINE_SIMD_LEVEL the name of the level.
#include "runtime/kernels/reduce_fold.h"
#include "runtime/kernels/reduce_functions.h"

namespace rankine::kernels::RANKINE_SIMD_LEVEL {
namespace {

constexpr std::int64_t kRows = 8;

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

// A run of `width` columns of up to eight rows, one kept element per column.
template <class R, class T>
void fold_columns(const T* const* row, int rows, std::int64_t width, std::byte* state,
                  std::int64_t elements, std::int64_t first) {
  const T *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3];
  const T *r4 = row[4], *r5 = row[5], *r6 = row[6], *r7 = row[7];
#pragma GCC ivdep
  for (std::int64_t i = 0; i < width; ++i) {
    const Group<T> x{r0[i], r1[i], r2[i], r3[i], r4[i], r5[i], r6[i], r7[i]};
    const auto before = R::load(state, elements, first + i);
    R::store(R::fold(before, x, rows), state, elements, first + i);
  }
}

// The same with all columns folded into one kept element, in order.
template <class R, class T>
void fold_columns_into_one(const T* const* row, int rows, std::int64_t width, std::byte* state,
                           std::int64_t elements, std::int64_t first) {
  auto sum = R::load(state, elements, first);
  for (std::int64_t i = 0; i < width; ++i) {
    sum = R::fold(sum, Group<T>{row[0][i], row[1][i], row[2][i], row[3][i], row[4][i], row[5][i],
                                row[6][i], row[7][i]}, rows);
  }
  R::store(sum, state, elements, first);
}

template <class R, class T>
void fold_rows(const FoldTile& tile, const std::byte* data, int rows, std::int64_t first) {
  constexpr std::int64_t kStrip = 256;
  static constexpr auto kPads = [] {
    struct { T values[kStrip]; } pads{};
    for (T& value : pads.values) value = R::pad;
    return pads;
  }();
  const std::size_t last = tile.extents.size() - 1;
  const std::int64_t width = tile.extents[last];
  const std::int64_t strip = rows == kRows ? width : kStrip;
  for (std::int64_t i = 0; i < width; i += strip) {
    const T* row[kRows];
    for (int k = 0; k < kRows; ++k) {
      row[k] = k < rows ? reinterpret_cast<const T*>(data + k * tile.data_strides[tile.group]) + i
                        : kPads.values;
    }
    const std::int64_t n = width - i < strip ? width - i : strip;
    if (tile.state_strides[last] == 0) {
      fold_columns_into_one<R>(row, rows, n, tile.state, tile.elements, first);
    } else {
      fold_columns<R>(row, rows, n, tile.state, tile.elements, first + i);
    }
  }
}

// The group axis is the last one: eight neighbours in memory are one group.
template <class R, class T>
void fold_run(const FoldTile& tile, const std::byte* data, std::int64_t first) {
  const T* x = reinterpret_cast<const T*>(data);
  const std::int64_t length = tile.extents[tile.group];
  auto sum = R::load(tile.state, tile.elements, first);
  std::int64_t i = 0;
  for (; i + kRows <= length; i += kRows) {
    sum = R::fold(sum, Group<T>{x[i], x[i + 1], x[i + 2], x[i + 3], x[i + 4], x[i + 5], x[i + 6],
                                x[i + 7]}, kRows);
  }
  if (i < length) {
    T rest[kRows];
    for (std::int64_t k = 0; k < kRows; ++k) rest[k] = i + k < length ? x[i + k] : R::pad;
    sum = R::fold(sum, Group<T>{rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6],
                                rest[7]}, static_cast<int>(length - i));
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
