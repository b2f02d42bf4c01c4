// Sums and products of bytes where too much must stay too much: numbers from 0 to kTooMuch, which
// stands for all above it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/base/shape.h"

namespace rankine::plan {

inline constexpr std::int64_t kTooMuch = std::int64_t{1} << 61;

inline std::int64_t plus(std::int64_t a, std::int64_t b) { return std::min(a + b, kTooMuch); }

inline std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kTooMuch : std::min(product, kTooMuch);
}

inline std::int64_t elements(const Extents& shape) {
  return std::min(saturated_volume(shape), kTooMuch);
}

inline std::int64_t bytes_of(std::size_t bytes) {
  return static_cast<std::int64_t>(std::min<std::size_t>(bytes, kTooMuch));
}

}  // namespace rankine::plan
