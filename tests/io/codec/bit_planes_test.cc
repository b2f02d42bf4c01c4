#include "io/codec/bit_planes.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace rankine::io {
namespace {

using Contents = std::vector<std::byte>;

// Bit by bit, as bit_planes.h says it.
Contents planes_of(const Contents& elements, std::size_t count, std::size_t size) {
  Contents planes(elements.size());
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      const auto set = elements[i * size + bit / 8] >> (bit % 8) & std::byte{1};
      planes[bit * (count / 8) + i / 8] |= set << (i % 8);
    }
  }
  return planes;
}

TEST(BitPlanes, AreTheSameWithAllVectorsAndComeBack) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<BitVectors> levels = {BitVectors::kNone, BitVectors::kBaseline};
  if (best_bit_vectors() == BitVectors::kAvx2) levels.push_back(BitVectors::kAvx2);
  for (const std::size_t size : {1u, 2u, 3u, 4u, 5u, 8u, 12u, 16u}) {
    for (const std::size_t count : {0u, 8u, 16u, 120u, 128u, 136u, 248u, 256u, 264u, 768u, 1032u}) {
      Contents elements(count * size);
      for (auto& byte : elements) byte = static_cast<std::byte>(random());
      const Contents planes = planes_of(elements, count, size);
      for (const BitVectors level : levels) {
        Contents ours(elements.size());
        to_bit_planes(elements.data(), count, size, ours.data(), level);
        ASSERT_TRUE(ours == planes) << size << " x " << count << " level " << int(level);
        Contents back(elements.size());
        from_bit_planes(planes.data(), count, size, back.data(), level);
        ASSERT_TRUE(back == elements) << size << " x " << count << " level " << int(level);
      }
    }
  }
}

}  // namespace
}  // namespace rankine::io
