// Numbers that are a part of stored elements: fields of tables, and floats of 16 bits.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace rankine::io {

// count numbers of `size` bytes, `step` bytes apart, side by side. The arrays do not overlap.
inline void take_fields(const std::byte* in, std::size_t step, std::byte* out, std::size_t size,
                        std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i, in += step, out += size) std::memcpy(out, in, size);
}

// The float32 with the value of a float16; every one has one.
inline float from_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  constexpr float kLeast = 1.0F / (1 << 24);  // the smallest subnormal
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * kLeast;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

// count float16, `step` bytes apart, to float32 in host order. The arrays do not overlap.
inline void take_halves(const std::byte* in, std::size_t step, std::byte* out, std::int64_t count,
                        bool big_endian) {
  for (std::int64_t i = 0; i < count; ++i, in += step, out += sizeof(float)) {
    std::uint16_t half = 0;
    std::memcpy(&half, in, sizeof(half));
    if (big_endian != (std::endian::native == std::endian::big)) half = __builtin_bswap16(half);
    const float value = from_half(half);
    std::memcpy(out, &value, sizeof(value));
  }
}

}  // namespace rankine::io
