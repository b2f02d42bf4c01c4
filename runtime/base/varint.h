// A 64-bit integer that takes 1 byte on the wire when it is small: zigzag, then 7 bits per byte
// (LEB128, as in Protocol Buffers).
#pragma once

#include <cstdint>

#include "runtime/base/error.h"

namespace rankine {

struct Varint {
  std::int64_t value = 0;

  template <class Archive>
  void save(Archive& archive) const {
    auto rest = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    while (rest >= 0x80) {
      archive(static_cast<std::uint8_t>(rest | 0x80));
      rest >>= 7;
    }
    archive(static_cast<std::uint8_t>(rest));
  }
  template <class Archive>
  void load(Archive& archive) {
    std::uint64_t bits = 0;
    for (int shift = 0;; shift += 7) {
      if (shift > 63) throw input_error("a number in the archive is too long", "");
      std::uint8_t byte = 0;
      archive(byte);
      bits |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
    }
    value = static_cast<std::int64_t>(bits >> 1) ^ -static_cast<std::int64_t>(bits & 1);
  }
};

}  // namespace rankine
