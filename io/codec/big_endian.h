// Numbers in the headers of codecs that write them big-endian.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rankine::io {

template <class Number>
Number read_big_endian(const std::byte* from) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number = static_cast<Number>(number << 8 | std::to_integer<Number>(from[i]));
  }
  return number;
}

template <class Number>
void write_big_endian(Number number, std::byte* to) {
  for (std::size_t i = sizeof(Number); i-- > 0; number = static_cast<Number>(number >> 8)) {
    to[i] = static_cast<std::byte>(number & 0xff);
  }
}

}  // namespace rankine::io
