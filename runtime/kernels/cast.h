// One element from one type to another: the rules of convert.h. Local to the file that includes it,
// as op_functions.h is.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

namespace rankine::kernels {
namespace {

// Truncation to int32 or int64 as cvttss2si and its family do it.
template <class To, class From>
inline To truncate(From x) {
  // -2^31 (-2^63) is exact in From; a double just below -2^31 truncates to it as well.
  constexpr From kTop = static_cast<From>(std::uint64_t{1} << (8 * sizeof(To) - 1));
  constexpr bool kRoomBelow = sizeof(From) == 8 && sizeof(To) == 4;
  const bool above = kRoomBelow ? x > -kTop - From(1) : x >= -kTop;
  return above && x < kTop ? static_cast<To>(x) : std::numeric_limits<To>::min();
}

template <class From>
inline std::uint64_t truncate_unsigned(From x) {
  constexpr From kHalf = static_cast<From>(std::uint64_t{1} << 63);
  constexpr std::uint64_t kBit = std::uint64_t{1} << 63;
  if (x >= kHalf) return static_cast<std::uint64_t>(truncate<std::int64_t>(x - kHalf)) ^ kBit;
  return static_cast<std::uint64_t>(truncate<std::int64_t>(x));
}

template <class To, class From>
inline To cast(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if constexpr (std::is_same_v<To, std::uint64_t>) {
      return truncate_unsigned(x);
    } else if constexpr (sizeof(To) == 8 || std::is_same_v<To, std::uint32_t>) {
      return static_cast<To>(truncate<std::int64_t>(x));
    } else {
      return static_cast<To>(truncate<std::int32_t>(x));
    }
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace
}  // namespace rankine::kernels
