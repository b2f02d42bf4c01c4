// Filter 32004: LZ4 blocks. Parameters: bytes per block; none or 0: 1 GiB. The stream: bytes in all
// (64 bits) and per block (32 bits), then for every block its stored bytes (32 bits) and itself; a
// block that would not get smaller is stored as it is. Numbers are big-endian.
#include <lz4.h>

#include <algorithm>
#include <cstring>

#include "io/codec/big_endian.h"
#include "io/codec/codecs.h"

namespace rankine::io {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kBlockHeader = 4;
constexpr std::size_t kDefaultBlock = std::size_t{1} << 30;

std::size_t block_bytes(Parameters parameters, std::size_t bytes) {
  const std::size_t wanted =
      parameters.empty() || parameters[0] == 0 ? kDefaultBlock : parameters[0];
  return std::max<std::size_t>(std::min({wanted, bytes, kDefaultBlock}), 1);
}

}  // namespace

void decode_lz4(Parameters, ByteView in, Room out, CodecScratch&) {
  if (in.size() < kHeader) throw corrupt("an lz4 stream is shorter than its header");
  const auto total = read_big_endian<std::uint64_t>(in.data());
  const std::size_t per_block = read_big_endian<std::uint32_t>(in.data() + 8);
  if (total != out.size()) {
    throw corrupt("an lz4 stream holds " + std::to_string(total) + " bytes instead of " +
                  std::to_string(out.size()));
  }
  if (per_block == 0 && total > 0) throw corrupt("an lz4 stream has blocks of no bytes");
  in = in.subspan(kHeader);
  while (!out.empty()) {
    const Room to = out.first(std::min({out.size(), per_block, std::size_t{LZ4_MAX_INPUT_SIZE}}));
    if (in.size() < kBlockHeader) throw corrupt("an lz4 stream is cut short");
    const std::size_t stored = read_big_endian<std::uint32_t>(in.data());
    in = in.subspan(kBlockHeader);
    if (stored > in.size()) throw corrupt("an lz4 stream is cut short");
    if (stored == to.size()) {
      std::memcpy(to.data(), in.data(), stored);
    } else if (stored > to.size() ||
               LZ4_decompress_safe(reinterpret_cast<const char*>(in.data()),
                                   reinterpret_cast<char*>(to.data()), static_cast<int>(stored),
                                   static_cast<int>(to.size())) != static_cast<int>(to.size())) {
      throw corrupt("corrupt lz4 block");
    }
    in = in.subspan(stored);
    out = out.subspan(to.size());
  }
  if (!in.empty()) throw corrupt("an lz4 stream goes on behind its end");
}

std::size_t encode_lz4(Parameters parameters, ByteView in, Room out, CodecScratch& scratch) {
  const std::size_t per_block = block_bytes(parameters, in.size());
  write_big_endian<std::uint64_t>(in.size(), out.data());
  write_big_endian(static_cast<std::uint32_t>(per_block), out.data() + 8);
  std::size_t used = kHeader;
  for (; !in.empty(); in = in.subspan(std::min(per_block, in.size()))) {
    const ByteView from = in.first(std::min(per_block, in.size()));
    std::byte* to = out.data() + used + kBlockHeader;
    // Room for less than the block itself: what does not fit fails, and is stored as it is.
    auto stored = static_cast<std::size_t>(
        LZ4_compress_fast_extState(scratch.lz4_state(), reinterpret_cast<const char*>(from.data()),
                                   reinterpret_cast<char*>(to), static_cast<int>(from.size()),
                                   static_cast<int>(from.size() - 1), 1));
    if (stored == 0) {
      stored = from.size();
      std::memcpy(to, from.data(), stored);
    }
    write_big_endian(static_cast<std::uint32_t>(stored), out.data() + used);
    used += kBlockHeader + stored;
  }
  return used;
}

std::size_t bound_lz4(Parameters parameters, std::size_t bytes) {
  const std::size_t per_block = block_bytes(parameters, bytes);
  return kHeader + bytes + kBlockHeader * ((bytes + per_block - 1) / per_block);
}

}  // namespace rankine::io
