#include "io/codec/fletcher32.h"

#include <algorithm>

#include "io/codec/codecs.h"

namespace rankine::io {
namespace {

// The checksum bytes of files from big-endian machines of HDF5 1.6 are swapped in pairs.
std::uint32_t swapped_pairs(std::uint32_t sum) {
  return ((sum & 0x00ff00ffu) << 8) | ((sum >> 8) & 0x00ff00ffu);
}

}  // namespace

std::span<const std::byte> checked_payload(std::span<const std::byte> bytes) {
  if (bytes.size() < kChecksumBytes) throw corrupt("a chunk is shorter than its checksum");
  const auto payload = bytes.first(bytes.size() - kChecksumBytes);
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < kChecksumBytes; ++i) {
    stored |= std::to_integer<std::uint32_t>(bytes[payload.size() + i]) << (8 * i);
  }
  const std::uint32_t sum = fletcher32(payload);
  if (stored != sum && stored != swapped_pairs(sum)) throw corrupt("wrong fletcher32 checksum");
  return payload;
}

std::uint32_t fletcher32(std::span<const std::byte> bytes) {
  // 360 words are the most that cannot overflow 32 bits before the sums are folded.
  constexpr std::size_t kWordsPerFold = 360;
  std::uint32_t sum1 = 0;
  std::uint32_t sum2 = 0;
  const auto fold = [](std::uint32_t sum) { return (sum & 0xffff) + (sum >> 16); };
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  for (std::size_t words = bytes.size() / 2; words > 0;) {
    const std::size_t block = std::min(words, kWordsPerFold);
    for (std::size_t i = 0; i < block; ++i, data += 2) {
      sum1 += static_cast<std::uint32_t>(data[0] << 8 | data[1]);
      sum2 += sum1;
    }
    sum1 = fold(sum1);
    sum2 = fold(sum2);
    words -= block;
  }
  if (bytes.size() % 2 != 0) {
    sum1 += static_cast<std::uint32_t>(*data << 8);
    sum2 += sum1;
    sum1 = fold(sum1);
    sum2 = fold(sum2);
  }
  return fold(sum2) << 16 | fold(sum1);
}

void write_checksum(std::uint32_t sum, std::byte* to) {
  for (std::size_t i = 0; i < kChecksumBytes; ++i) to[i] = static_cast<std::byte>(sum >> (8 * i));
}

}  // namespace rankine::io
