// Conversion and copying of elements. Conversions are NumPy's astype on x86-64, with the cases that
// C++ leaves undefined fixed: floating to int32 and int64, NaN or out of range, gives the smallest
// value; to 8 and 16 bits it goes through int32, to uint32 through int64 (both keep the low bits);
// to uint64, NaN and values of at most -2^63 give 2^63, values of 2^64 and more give 0.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"

namespace rankine::kernels {

// n elements, strides in bytes (may be negative; a source stride of 0 repeats). Elements are
// aligned to their size. Source and destination must not overlap.
void convert(DType from, DType to, std::int64_t n, const std::byte* src, std::ptrdiff_t src_stride,
             std::byte* dst, std::ptrdiff_t dst_stride);

// Copies a box of elements of 1, 2, 4 or 8 bytes between two strided layouts, strides in bytes as
// in evaluate.h's View; a source stride of 0 repeats. Other sizes work too, more slowly.
// Source and destination must not overlap, nor the destination with itself.
void copy_strided(std::size_t element_size, const Extents& shape, const std::byte* src,
                  const Extents& src_strides, std::byte* dst, const Extents& dst_strides);

// Sets every element of a box to the literal converted to dtype.
void fill_strided(DType dtype, const Literal& literal, const Extents& shape, std::byte* dst,
                  const Extents& dst_strides);

// The bytes of one element of `dtype`: the literal converted as convert() does, in the low
// size_of(dtype) bytes in memory order, the rest zero.
std::uint64_t element_bits(const Literal& literal, DType dtype);

// Strides of a dense row-major array, in bytes.
Extents byte_strides(const Extents& shape, std::size_t element_size);

// Copies what two boxes of one array have in common, from a dense row-major buffer over `from_box`
// to one over `to_box`.
void copy_overlap(std::size_t element_size, const Box& from_box, const std::byte* from,
                  const Box& to_box, std::byte* to);

}  // namespace rankine::kernels
