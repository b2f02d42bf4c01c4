// The transposition under bitshuffle: elements to planes of bits and back.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rankine::io {

// Row 8 * b + k of the planes, count / 8 bytes long, holds bit k of byte b of every element, eight
// elements to a byte, the first one lowest. count: elements, a multiple of 8.
void to_bit_planes(const std::byte* elements, std::size_t count, std::size_t element_size,
                   std::byte* planes);
void from_bit_planes(const std::byte* planes, std::size_t count, std::size_t element_size,
                     std::byte* elements);

// With which instructions; the results are the same. For tests and comparisons.
enum class BitVectors : std::uint8_t { kNone, kBaseline, kAvx2 };
BitVectors best_bit_vectors();
void to_bit_planes(const std::byte* elements, std::size_t count, std::size_t element_size,
                   std::byte* planes, BitVectors vectors);
void from_bit_planes(const std::byte* planes, std::size_t count, std::size_t element_size,
                     std::byte* elements, BitVectors vectors);

}  // namespace rankine::io
