// Reversing the bytes of elements in place.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rankine::io {

static_assert(std::endian::native == std::endian::little,
              "stored bytes are taken as little-endian");

template <class Word, class Swap>
void swap_words(std::byte* data, std::int64_t count, Swap swap) {
  for (std::int64_t i = 0; i < count; ++i) {
    Word word;
    std::memcpy(&word, data + i * std::int64_t{sizeof(Word)}, sizeof(Word));
    word = swap(word);
    std::memcpy(data + i * std::int64_t{sizeof(Word)}, &word, sizeof(Word));
  }
}

// count elements of 1, 2, 4 or 8 bytes; data need not be aligned.
inline void swap_bytes(std::byte* data, std::int64_t count, std::size_t element_size) {
  switch (element_size) {
    case 2:
      return swap_words<std::uint16_t>(data, count, [](auto x) { return __builtin_bswap16(x); });
    case 4:
      return swap_words<std::uint32_t>(data, count, [](auto x) { return __builtin_bswap32(x); });
    case 8:
      return swap_words<std::uint64_t>(data, count, [](auto x) { return __builtin_bswap64(x); });
    default: return;
  }
}

}  // namespace rankine::io
