#include "runtime/kernels/convert.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "runtime/kernels/cast.h"
#include "runtime/kernels/op_loops.h"

namespace rankine::kernels {
namespace {

struct Axis {
  std::int64_t extent;
  std::int64_t src;  // strides in bytes
  std::int64_t dst;
};
using Axes = InlineVector<Axis, kMaxAxes + 1>;

// Drops axes of one element and merges neighbours that are one run in both layouts. Innermost last.
Axes coalesce(const Extents& shape, const Extents& src, const Extents& dst) {
  Axes axes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const Axis axis{shape[i], src[i], dst[i]};
    if (!axes.empty() && axes.back().src == axis.extent * axis.src &&
        axes.back().dst == axis.extent * axis.dst) {
      axes.back() = {axes.back().extent * axis.extent, axis.src, axis.dst};
    } else {
      axes.push_back(axis);
    }
  }
  if (axes.empty()) axes.push_back({1, 0, 0});
  return axes;
}

template <std::size_t kSize>
void copy_run(const Axis& run, const std::byte* src, std::byte* dst, std::size_t size) {
  const std::size_t bytes = kSize == 0 ? size : kSize;
  if (run.src == static_cast<std::int64_t>(bytes) && run.dst == run.src) {
    std::memcpy(dst, src, bytes * static_cast<std::size_t>(run.extent));
    return;
  }
  for (std::int64_t i = 0; i < run.extent; ++i) {
    std::memcpy(dst + i * run.dst, src + i * run.src, bytes);
  }
}

using CopyRun = void (*)(const Axis&, const std::byte*, std::byte*, std::size_t);

CopyRun copy_run_for(std::size_t size) {
  switch (size) {
    case 1: return copy_run<1>;
    case 2: return copy_run<2>;
    case 4: return copy_run<4>;
    case 8: return copy_run<8>;
    default: return copy_run<0>;
  }
}

// A plane of runs in square blocks, so that in a transposition the cache lines of both sides are
// used up while they are near.
void copy_plane(CopyRun copy, const Axis& lines, const Axis& run, const std::byte* src,
                std::byte* dst, std::size_t size) {
  constexpr std::int64_t kBlock = 16;
  const bool transposes = lines.src == static_cast<std::int64_t>(size) && run.src != lines.src;
  const std::int64_t high = transposes ? kBlock : 1;
  const std::int64_t wide = transposes ? kBlock : run.extent;
  for (std::int64_t i0 = 0; i0 < lines.extent; i0 += high) {
    for (std::int64_t j = 0; j < run.extent; j += wide) {
      const Axis piece{std::min(wide, run.extent - j), run.src, run.dst};
      for (std::int64_t i = i0; i < std::min(i0 + high, lines.extent); ++i) {
        copy(piece, src + i * lines.src + j * run.src, dst + i * lines.dst + j * run.dst, size);
      }
    }
  }
}

// The order of the axes is free. Short inner runs cost more in steps than in bytes: let a longer
// axis run innermost then; and next to it the one along which the source is contiguous.
void choose_order(Axes& axes, std::size_t size) {
  constexpr std::int64_t kShort = 8;
  if (axes.back().extent < kShort) {
    auto longest = std::max_element(
        axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.extent < b.extent; });
    if (longest->extent >= 2 * axes.back().extent) std::swap(*longest, axes.back());
  }
  if (axes.size() == 1) axes.insert_at(0, {1, 0, 0});
  Axis& lines = axes[axes.size() - 2];
  for (std::size_t i = 0; i + 2 < axes.size(); ++i) {
    if (axes[i].src == static_cast<std::int64_t>(size)) std::swap(axes[i], lines);
  }
}

template <class From, class To>
void convert_run(std::int64_t n, const std::byte* src, std::ptrdiff_t src_stride, std::byte* dst,
                 std::ptrdiff_t dst_stride) {
  for (std::int64_t i = 0; i < n; ++i) {
    *reinterpret_cast<To*>(dst + i * dst_stride) =
        cast<To>(*reinterpret_cast<const From*>(src + i * src_stride));
  }
}

}  // namespace

void convert(DType from, DType to, std::int64_t n, const std::byte* src, std::ptrdiff_t src_stride,
             std::byte* dst, std::ptrdiff_t dst_stride) {
  if (from == to) {
    copy_strided(size_of(from), {n}, src, {src_stride}, dst, {dst_stride});
    return;
  }
  if (src_stride == static_cast<std::ptrdiff_t>(size_of(from)) &&
      dst_stride == static_cast<std::ptrdiff_t>(size_of(to))) {
    find_cast_loop(from, to)(n, &src, dst);
    return;
  }
  visit_dtype(from, [&](auto from_tag) {
    visit_dtype(to, [&](auto to_tag) {
      convert_run<typename decltype(from_tag)::type, typename decltype(to_tag)::type>(
          n, src, src_stride, dst, dst_stride);
    });
  });
}

void copy_strided(std::size_t element_size, const Extents& shape, const std::byte* src,
                  const Extents& src_strides, std::byte* dst, const Extents& dst_strides) {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t n) { return n == 0; })) return;
  Axes axes = coalesce(shape, src_strides, dst_strides);
  choose_order(axes, element_size);
  const Axis run = axes[axes.size() - 1], lines = axes[axes.size() - 2];
  const CopyRun copy = copy_run_for(element_size);
  Extents at(axes.size() - 2, 0);
  for (;;) {
    copy_plane(copy, lines, run, src, dst, element_size);
    std::size_t i = at.size();
    for (; i-- > 0;) {
      src += axes[i].src;
      dst += axes[i].dst;
      if (++at[i] < axes[i].extent) break;
      src -= axes[i].extent * axes[i].src;
      dst -= axes[i].extent * axes[i].dst;
      at[i] = 0;
    }
    if (i == std::size_t(-1)) return;
  }
}

std::uint64_t element_bits(const Literal& literal, DType dtype) {
  std::uint64_t bits = 0;
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T element =
        literal.kind == Literal::Kind::kFloat ? cast<T>(literal.real) : cast<T>(literal.integer);
    std::memcpy(&bits, &element, sizeof element);
  });
  return bits;
}

void fill_strided(DType dtype, const Literal& literal, const Extents& shape, std::byte* dst,
                  const Extents& dst_strides) {
  const std::uint64_t bits = element_bits(literal, dtype);
  copy_strided(size_of(dtype), shape, reinterpret_cast<const std::byte*>(&bits),
               Extents(shape.size(), 0), dst, dst_strides);
}

Extents byte_strides(const Extents& shape, std::size_t element_size) {
  Extents strides = row_major_strides(shape);
  for (std::int64_t& stride : strides) stride *= static_cast<std::int64_t>(element_size);
  return strides;
}

void copy_overlap(std::size_t element_size, const Box& from_box, const std::byte* from,
                  const Box& to_box, std::byte* to) {
  const Box common = intersect(from_box, to_box);
  if (common.rank() > 0 && common.empty()) return;
  const Extents from_strides = byte_strides(from_box.shape(), element_size);
  const Extents to_strides = byte_strides(to_box.shape(), element_size);
  for (std::size_t k = 0; k < common.rank(); ++k) {
    from += (common.lo[k] - from_box.lo[k]) * from_strides[k];
    to += (common.lo[k] - to_box.lo[k]) * to_strides[k];
  }
  copy_strided(element_size, common.shape(), from, from_strides, to, to_strides);
}

}  // namespace rankine::kernels
