#include "io/codec/table.h"

#include <algorithm>

#include "io/codec/fletcher32.h"

namespace rankine::io {
namespace {

constexpr KnownFilter named(std::uint32_t id, const char* name) {
  return {id, name, nullptr, nullptr, nullptr, nullptr};
}

// clang-format off
constexpr KnownFilter kKnown[] = {
    {kDeflate, "deflate", "deflate", decode_deflate, encode_deflate, bound_deflate},
    {kShuffle, "shuffle", "shuffle", decode_shuffle, encode_shuffle, nullptr},
    {kFletcher32, "fletcher32", "fletcher32", nullptr, nullptr, nullptr},
    named(4, "szip"), named(5, "nbit"), named(6, "scaleoffset"), named(305, "lzo"),
    {kBzip2, "bzip2", nullptr, decode_bzip2, nullptr, nullptr},
    {kLzf, "lzf", nullptr, decode_lzf, nullptr, nullptr},
    {kBlosc, "blosc", "blosc", decode_blosc, encode_blosc, bound_blosc},
    {kLz4, "lz4", "HDF5 lz4 filter; see http://www.hdfgroup.org/services/contributions.html",
     decode_lz4, encode_lz4, bound_lz4},
    {kBitshuffle, "bitshuffle", "bitshuffle; see https://github.com/kiyo-masui/bitshuffle",
     decode_bitshuffle, encode_bitshuffle, bound_bitshuffle},
    named(32013, "zfp"),
    {kZstd, "zstd", "Zstandard compression: http://www.zstd.net", decode_zstd, encode_zstd,
     bound_zstd},
    named(32017, "sz"), named(32018, "jpeg-ls"), named(32019, "jpeg"), named(32020, "vbz"),
    named(32022, "bitgroom"), named(32023, "granularbr"), named(32024, "sz3"),
    named(32026, "blosc2"), named(32028, "sperr")};
// clang-format on

}  // namespace

std::span<const KnownFilter> known_filters() { return kKnown; }

const KnownFilter* find_filter(std::uint32_t id) {
  const auto found = std::ranges::find(kKnown, id, &KnownFilter::id);
  return found == std::end(kKnown) ? nullptr : &*found;
}

bool decoded_here(std::uint32_t id) {
  const KnownFilter* filter = find_filter(id);
  return filter != nullptr && (filter->decode != nullptr || id == kFletcher32);
}

bool compresses(std::uint32_t id, Parameters parameters) {
  if (id == kBitshuffle) return bitshuffle_compresses(parameters);
  return id != kShuffle && id != kFletcher32;
}

std::size_t most_stored(std::uint32_t id, Parameters parameters, std::size_t bytes) {
  if (id == kShuffle) return bytes;
  if (id == kFletcher32) return bytes + kChecksumBytes;
  // Blocks may be so short that their headers outweigh them.
  constexpr std::size_t kShortBlock = 256;
  const auto is_short = [](std::size_t block) { return block > 0 && block < kShortBlock; };
  const bool short_blocks = (id == kLz4 && !parameters.empty() && is_short(parameters[0])) ||
                            (id == kBitshuffle && parameters.size() > 3 &&
                             is_short(std::size_t{parameters[3]} * parameters[2]));
  // What compressors add to data that they cannot shorten is far below this.
  return (short_blocks ? 8 * bytes : bytes + bytes / 8) + 4096;
}

std::size_t decoder_bytes(std::uint32_t id, Parameters parameters, std::size_t bytes) {
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  switch (id) {
    case kBzip2: return 4 * kMiB;                       // 900,000 numbers and tables
    case kBlosc: return std::min(2 * bytes, 4 * kMiB);  // two of its blocks
    case kZstd: return kMiB / 4;
    case kBitshuffle: {  // one of its blocks, and zstd's context
      const std::size_t block =
          parameters.size() > 3 ? std::size_t{parameters[3]} * parameters[2] : 0;
      return std::min(bytes, std::max<std::size_t>(block, 8192)) + kMiB / 4;
    }
    default: return 0;
  }
}

}  // namespace rankine::io
