#include "io/codec/bit_planes.h"

#include <cstring>

#if defined(__x86_64__)
#define RANKINE_AVX2 1
#else
#define RANKINE_AVX2 0
#endif

namespace rankine::io {
namespace {

using Short = std::uint8_t __attribute__((vector_size(16)));
using ShortWords = std::uint64_t __attribute__((vector_size(16)));
using Long = std::uint8_t __attribute__((vector_size(32)));
using LongWords = std::uint64_t __attribute__((vector_size(32)));

template <class Vector>
struct WordsOf;
template <>
struct WordsOf<Short> {
  using type = ShortWords;
};
template <>
struct WordsOf<Long> {
  using type = LongWords;
};

// Byte k of each word holds a row of 8 bits; after this bit k of each byte does. Its own inverse.
// Words: std::uint64_t or a vector of them.
template <class Words>
[[gnu::always_inline]] inline void transpose_bits(Words& x) {
  Words t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aaull;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000ccccull;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0ull;
  x ^= t ^ (t << 28);
}

// A byte of eight vectors has in its lane of 16 an address of 7 bits: that of the vector, then that
// in the lane. This rotates all addresses by one bit to the left: in pairs (m, m + 4) the bytes are
// interleaved.
[[gnu::always_inline]] inline void interleave(const Short& a, const Short& b, Short& low,
                                              Short& high) {
  low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  high =
      __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
[[gnu::always_inline]] inline void interleave(const Long& a, const Long& b, Long& low, Long& high) {
  low = __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16,
                                48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55);
  high = __builtin_shufflevector(a, b, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47,
                                 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63);
}
template <class Vector>
[[gnu::always_inline]] inline void rotate_addresses(Vector (&v)[8]) {
  Vector out[8];
  for (int m = 0; m < 4; ++m) interleave(v[m], v[m + 4], out[2 * m], out[2 * m + 1]);
  for (int m = 0; m < 8; ++m) v[m] = out[m];
}

template <class Vector>
[[gnu::always_inline]] inline void transpose_bits_of(Vector (&v)[8]) {
  for (Vector& vector : v) {
    auto words = reinterpret_cast<typename WordsOf<Vector>::type>(vector);
    transpose_bits(words);
    vector = reinterpret_cast<Vector>(words);
  }
}

// Eight rows of bits, each sizeof(Vector) bytes, to the byte that every element has in them. A
// row's byte c stands for elements 8c to 8c + 7. Addresses start as (row, c) with 3 and 4 bits;
// three rotations make them (c, row), so that a word has the eight rows of one c.
template <class Vector>
[[gnu::always_inline]] inline void rows_to_bytes(const std::byte* rows, std::size_t stride,
                                                 std::byte* bytes) {
  Vector v[8];
  for (std::size_t k = 0; k < 8; ++k) std::memcpy(&v[k], rows + k * stride, sizeof(Vector));
  for (int turn = 0; turn < 3; ++turn) rotate_addresses(v);
  transpose_bits_of(v);
  for (std::size_t m = 0; m < 8; ++m) {
    for (std::size_t lane = 0; lane < sizeof(Vector); lane += 16) {
      std::memcpy(bytes + 8 * lane + 16 * m, reinterpret_cast<const std::byte*>(&v[m]) + lane, 16);
    }
  }
}

// The inverse: (c, row) becomes (row, c) by the other four of seven rotations.
template <class Vector>
[[gnu::always_inline]] inline void bytes_to_rows(const std::byte* bytes, std::size_t stride,
                                                 std::byte* rows) {
  Vector v[8];
  for (std::size_t m = 0; m < 8; ++m) {
    for (std::size_t lane = 0; lane < sizeof(Vector); lane += 16) {
      std::memcpy(reinterpret_cast<std::byte*>(&v[m]) + lane, bytes + 8 * lane + 16 * m, 16);
    }
  }
  transpose_bits_of(v);
  for (int turn = 0; turn < 4; ++turn) rotate_addresses(v);
  for (std::size_t k = 0; k < 8; ++k) std::memcpy(rows + k * stride, &v[k], sizeof(Vector));
}

// The elements from `first` on, eight at a time.
void from_planes_plainly(const std::byte* planes, std::size_t count, std::size_t element_size,
                         std::byte* elements, std::size_t first) {
  const std::size_t stride = count / 8;
  for (std::size_t i = first; i < count; i += 8) {
    for (std::size_t b = 0; b < element_size; ++b) {
      std::uint64_t word = 0;
      for (std::size_t k = 0; k < 8; ++k) {
        word |= std::to_integer<std::uint64_t>(planes[(8 * b + k) * stride + i / 8]) << (8 * k);
      }
      transpose_bits(word);
      for (std::size_t j = 0; j < 8; ++j) {
        elements[(i + j) * element_size + b] = static_cast<std::byte>(word >> (8 * j) & 0xff);
      }
    }
  }
}

void to_planes_plainly(const std::byte* elements, std::size_t count, std::size_t element_size,
                       std::byte* planes, std::size_t first) {
  const std::size_t stride = count / 8;
  for (std::size_t i = first; i < count; i += 8) {
    for (std::size_t b = 0; b < element_size; ++b) {
      std::uint64_t word = 0;
      for (std::size_t j = 0; j < 8; ++j) {
        word |= std::to_integer<std::uint64_t>(elements[(i + j) * element_size + b]) << (8 * j);
      }
      transpose_bits(word);
      for (std::size_t k = 0; k < 8; ++k) {
        planes[(8 * b + k) * stride + i / 8] = static_cast<std::byte>(word >> (8 * k) & 0xff);
      }
    }
  }
}

// kSize: bytes of an element, 0 if only known at run time. Both return how many elements they did.
template <class Vector, std::size_t kSize>
[[gnu::always_inline]] inline std::size_t from_planes(const std::byte* planes, std::size_t count,
                                                      std::size_t element_size,
                                                      std::byte* __restrict elements) {
  constexpr std::size_t kTile = 8 * sizeof(Vector);
  const std::size_t size = kSize == 0 ? element_size : kSize;
  const std::size_t stride = count / 8;
  const std::size_t whole = count - count % kTile;
  alignas(32) std::byte bytes[kSize == 0 ? 1 : kSize][kTile];
  for (std::size_t i = 0; i < whole; i += kTile, elements += kTile * size) {
    const std::byte* rows = planes + i / 8;
    if constexpr (kSize == 0) {
      for (std::size_t b = 0; b < size; ++b) {
        rows_to_bytes<Vector>(rows + 8 * b * stride, stride, bytes[0]);
        for (std::size_t j = 0; j < kTile; ++j) elements[j * size + b] = bytes[0][j];
      }
    } else {
      for (std::size_t b = 0; b < kSize; ++b) {
        rows_to_bytes<Vector>(rows + 8 * b * stride, stride, bytes[b]);
      }
      for (std::size_t j = 0; j < kTile; ++j) {
        for (std::size_t b = 0; b < kSize; ++b) elements[j * kSize + b] = bytes[b][j];
      }
    }
  }
  return whole;
}

template <class Vector, std::size_t kSize>
[[gnu::always_inline]] inline std::size_t to_planes(const std::byte* __restrict elements,
                                                    std::size_t count, std::size_t element_size,
                                                    std::byte* planes) {
  constexpr std::size_t kTile = 8 * sizeof(Vector);
  const std::size_t size = kSize == 0 ? element_size : kSize;
  const std::size_t stride = count / 8;
  const std::size_t whole = count - count % kTile;
  alignas(32) std::byte bytes[kTile];
  for (std::size_t i = 0; i < whole; i += kTile, elements += kTile * size) {
    for (std::size_t b = 0; b < size; ++b) {
      for (std::size_t j = 0; j < kTile; ++j) bytes[j] = elements[j * size + b];
      bytes_to_rows<Vector>(bytes, stride, planes + 8 * b * stride + i / 8);
    }
  }
  return whole;
}

template <class Vector>
[[gnu::always_inline]] inline std::size_t from_planes_of(const std::byte* planes, std::size_t count,
                                                         std::size_t size, std::byte* elements) {
  switch (size) {
    case 1: return from_planes<Vector, 1>(planes, count, size, elements);
    case 2: return from_planes<Vector, 2>(planes, count, size, elements);
    case 4: return from_planes<Vector, 4>(planes, count, size, elements);
    case 8: return from_planes<Vector, 8>(planes, count, size, elements);
    default: return from_planes<Vector, 0>(planes, count, size, elements);
  }
}

template <class Vector>
[[gnu::always_inline]] inline std::size_t to_planes_of(const std::byte* elements, std::size_t count,
                                                       std::size_t size, std::byte* planes) {
  switch (size) {
    case 1: return to_planes<Vector, 1>(elements, count, size, planes);
    case 2: return to_planes<Vector, 2>(elements, count, size, planes);
    case 4: return to_planes<Vector, 4>(elements, count, size, planes);
    case 8: return to_planes<Vector, 8>(elements, count, size, planes);
    default: return to_planes<Vector, 0>(elements, count, size, planes);
  }
}

#if RANKINE_AVX2
[[gnu::target("avx2")]] std::size_t from_planes_avx2(const std::byte* planes, std::size_t count,
                                                     std::size_t size, std::byte* elements) {
  return from_planes_of<Long>(planes, count, size, elements);
}
[[gnu::target("avx2")]] std::size_t to_planes_avx2(const std::byte* elements, std::size_t count,
                                                   std::size_t size, std::byte* planes) {
  return to_planes_of<Long>(elements, count, size, planes);
}
#endif

}  // namespace

BitVectors best_bit_vectors() {
#if RANKINE_AVX2
  static const bool avx2 = __builtin_cpu_supports("avx2") != 0;
  if (avx2) return BitVectors::kAvx2;
#endif
  return BitVectors::kBaseline;
}

void from_bit_planes(const std::byte* planes, std::size_t count, std::size_t element_size,
                     std::byte* elements, BitVectors vectors) {
  std::size_t done = 0;
  if (vectors == BitVectors::kBaseline) {
    done = from_planes_of<Short>(planes, count, element_size, elements);
  }
#if RANKINE_AVX2
  if (vectors == BitVectors::kAvx2) {
    done = from_planes_avx2(planes, count, element_size, elements);
  }
#endif
  from_planes_plainly(planes, count, element_size, elements, done);
}

void to_bit_planes(const std::byte* elements, std::size_t count, std::size_t element_size,
                   std::byte* planes, BitVectors vectors) {
  std::size_t done = 0;
  if (vectors == BitVectors::kBaseline) {
    done = to_planes_of<Short>(elements, count, element_size, planes);
  }
#if RANKINE_AVX2
  if (vectors == BitVectors::kAvx2) {
    done = to_planes_avx2(elements, count, element_size, planes);
  }
#endif
  to_planes_plainly(elements, count, element_size, planes, done);
}

void from_bit_planes(const std::byte* planes, std::size_t count, std::size_t element_size,
                     std::byte* elements) {
  from_bit_planes(planes, count, element_size, elements, best_bit_vectors());
}

void to_bit_planes(const std::byte* elements, std::size_t count, std::size_t element_size,
                   std::byte* planes) {
  to_bit_planes(elements, count, element_size, planes, best_bit_vectors());
}

}  // namespace rankine::io
