// Filter 32008: planes of bits, block by block, alone or each block compressed. Parameters: version
// of the filter (two numbers), element size, elements per block (0: default), compression, level.
// Compressed streams begin with the bytes in all (64 bits) and per block (32 bits), and every block
// with its stored bytes (32 bits), big-endian. The last block is what is left, in multiples of 8
// elements; fewer than 8 elements lie behind it as they are.
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "io/codec/big_endian.h"
#include "io/codec/bit_planes.h"
#include "io/codec/codecs.h"

namespace rankine::io {
namespace {

enum Compression : std::uint32_t { kNone = 0, kLz4 = 2, kZstd = 3 };

constexpr std::size_t kMultiple = 8;
constexpr std::size_t kHeader = 12;
constexpr std::size_t kBlockHeader = 4;

std::uint32_t parameter(Parameters parameters, std::size_t i) {
  return i < parameters.size() ? parameters[i] : 0;
}

// The plugin had zstd from its version 0.4 on; those before took the number and did not compress.
std::uint32_t compression_of(Parameters parameters) {
  const std::uint32_t wanted = parameter(parameters, 4);
  const bool old = parameter(parameters, 0) == 0 && parameter(parameters, 1) < 4;
  return old && wanted != kLz4 ? kNone : wanted;
}

std::size_t element_size_of(Parameters parameters) {
  const std::uint32_t size = parameter(parameters, 2);
  if (size == 0) throw corrupt("the bitshuffle filter has no element size");
  return size;
}

std::size_t default_block(std::size_t element_size) {
  constexpr std::size_t kTargetBytes = 8192;
  constexpr std::size_t kSmallest = 128;
  return std::max(kTargetBytes / element_size / kMultiple * kMultiple, kSmallest);
}

// Elements per block, not more than the data have.
std::size_t block_of(std::size_t wanted, std::size_t element_size, std::size_t count) {
  if (wanted % kMultiple != 0) {
    throw corrupt("a bitshuffle block of " + std::to_string(wanted) + " elements, not of eights");
  }
  if (wanted == 0) wanted = default_block(element_size);
  return std::max(std::min(wanted, count - count % kMultiple), kMultiple);
}

std::size_t whole_elements(std::size_t bytes, std::size_t element_size) {
  if (bytes % element_size != 0) {
    throw corrupt("bitshuffled data of " + std::to_string(bytes) + " bytes are no elements of " +
                  std::to_string(element_size));
  }
  return bytes / element_size;
}

void decompress(std::uint32_t compression, ByteView in, Room out, CodecScratch& scratch) {
  if (compression == kLz4) {
    if (in.size() > LZ4_MAX_INPUT_SIZE) throw corrupt("corrupt lz4 block under bitshuffle");
    const int got = LZ4_decompress_safe(reinterpret_cast<const char*>(in.data()),
                                        reinterpret_cast<char*>(out.data()),
                                        static_cast<int>(in.size()), static_cast<int>(out.size()));
    if (got != static_cast<int>(out.size())) throw corrupt("corrupt lz4 block under bitshuffle");
    return;
  }
  const std::size_t got =
      ZSTD_decompressDCtx(scratch.zstd_decoder(), out.data(), out.size(), in.data(), in.size());
  if (got != out.size()) throw corrupt("corrupt zstd block under bitshuffle");
}

std::size_t compress(std::uint32_t compression, int level, ByteView in, Room out,
                     CodecScratch& scratch) {
  if (compression == kLz4) {
    const int used = LZ4_compress_fast_extState(
        scratch.lz4_state(), reinterpret_cast<const char*>(in.data()),
        reinterpret_cast<char*>(out.data()), static_cast<int>(in.size()),
        static_cast<int>(std::min<std::size_t>(out.size(), LZ4_MAX_INPUT_SIZE)), 1);
    if (used <= 0) throw Error(ExitCode::kTaskFailed, "lz4 cannot compress a chunk");
    return static_cast<std::size_t>(used);
  }
  const std::size_t used =
      ZSTD_compress2(scratch.zstd_encoder(level), out.data(), out.size(), in.data(), in.size());
  if (ZSTD_isError(used) != 0) {
    throw Error(ExitCode::kTaskFailed, std::string("zstd: ") + ZSTD_getErrorName(used));
  }
  return used;
}

// Calls act(first element, elements) for every block of `count` elements.
template <class Act>
void for_each_block(std::size_t count, std::size_t block, const Act& act) {
  const std::size_t end = count - count % kMultiple;
  for (std::size_t first = 0; first < end; first += block) act(first, std::min(block, end - first));
}

void decode_compressed(Parameters parameters, std::uint32_t compression, ByteView in, Room out,
                       CodecScratch& scratch) {
  const std::size_t size = element_size_of(parameters);
  if (in.size() < kHeader) throw corrupt("a bitshuffle stream is shorter than its header");
  const auto total = read_big_endian<std::uint64_t>(in.data());
  if (total != out.size()) {
    throw corrupt("a bitshuffle stream holds " + std::to_string(total) + " bytes instead of " +
                  std::to_string(out.size()));
  }
  const std::size_t count = whole_elements(out.size(), size);
  const std::size_t block =
      block_of(read_big_endian<std::uint32_t>(in.data() + 8) / size, size, count);
  if (block * size > LZ4_MAX_INPUT_SIZE) throw corrupt("a bitshuffle block is too large");
  in = in.subspan(kHeader);
  std::byte* planes = scratch.block.reserve(std::min(block * size, out.size()));
  for_each_block(count, block, [&](std::size_t first, std::size_t elements) {
    if (in.size() < kBlockHeader) throw corrupt("a bitshuffle stream is cut short");
    const std::size_t stored = read_big_endian<std::uint32_t>(in.data());
    if (stored > in.size() - kBlockHeader) throw corrupt("a bitshuffle stream is cut short");
    decompress(compression, in.subspan(kBlockHeader, stored), {planes, elements * size}, scratch);
    from_bit_planes(planes, elements, size, out.data() + first * size);
    in = in.subspan(kBlockHeader + stored);
  });
  const std::size_t rest = count % kMultiple * size;
  if (in.size() != rest) throw corrupt("a bitshuffle stream has another length than its blocks");
  std::copy(in.begin(), in.end(), out.end() - static_cast<std::ptrdiff_t>(rest));
}

}  // namespace

bool bitshuffle_compresses(Parameters parameters) { return compression_of(parameters) != kNone; }

void decode_bitshuffle(Parameters parameters, ByteView in, Room out, CodecScratch& scratch) {
  const std::uint32_t compression = compression_of(parameters);
  if (compression == kLz4 || compression == kZstd) {
    return decode_compressed(parameters, compression, in, out, scratch);
  }
  if (compression != kNone) {
    throw corrupt("bitshuffle with an unknown compression " + std::to_string(compression));
  }
  const std::size_t size = element_size_of(parameters);
  const std::size_t count = whole_elements(in.size(), size);
  for_each_block(count, block_of(parameter(parameters, 3), size, count),
                 [&](std::size_t first, std::size_t elements) {
                   from_bit_planes(in.data() + first * size, elements, size,
                                   out.data() + first * size);
                 });
  const auto rest = static_cast<std::ptrdiff_t>(count % kMultiple * size);
  std::copy(in.end() - rest, in.end(), out.begin() + (in.end() - in.begin()) - rest);
}

std::size_t encode_bitshuffle(Parameters parameters, ByteView in, Room out, CodecScratch& scratch) {
  const std::uint32_t compression = compression_of(parameters);
  const std::size_t size = element_size_of(parameters);
  const std::size_t count = whole_elements(in.size(), size);
  const std::size_t block = block_of(parameter(parameters, 3), size, count);
  const bool plain = compression == kNone;
  std::byte* planes = plain ? nullptr : scratch.block.reserve(block * size);
  std::size_t used = 0;
  if (!plain) {
    write_big_endian<std::uint64_t>(in.size(), out.data());
    // The size that was asked for, also if the data are shorter.
    const std::size_t asked = parameter(parameters, 3) == 0 ? default_block(size) : parameters[3];
    write_big_endian(static_cast<std::uint32_t>(asked * size), out.data() + 8);
    used = kHeader;
  }
  for_each_block(count, block, [&](std::size_t first, std::size_t elements) {
    const std::byte* from = in.data() + first * size;
    if (plain) {
      to_bit_planes(from, elements, size, out.data() + used);
      used += elements * size;
      return;
    }
    to_bit_planes(from, elements, size, planes);
    const std::size_t stored =
        compress(compression, static_cast<int>(parameter(parameters, 5)), {planes, elements * size},
                 out.subspan(used + kBlockHeader), scratch);
    write_big_endian(static_cast<std::uint32_t>(stored), out.data() + used);
    used += kBlockHeader + stored;
  });
  const std::size_t rest = count % kMultiple * size;
  if (rest > 0) std::memcpy(out.data() + used, in.data() + in.size() - rest, rest);
  return used + rest;
}

std::size_t bound_bitshuffle(Parameters parameters, std::size_t bytes) {
  if (!bitshuffle_compresses(parameters)) return bytes;
  const std::size_t size = element_size_of(parameters);
  const std::size_t block = block_of(parameter(parameters, 3), size, bytes / size) * size;
  const std::size_t of_block = std::max<std::size_t>(
      ZSTD_compressBound(block), block + block / 255 + 16);  // LZ4_COMPRESSBOUND, beyond int too
  return kHeader + (bytes / block + 1) * (kBlockHeader + of_block) + kMultiple * size;
}

}  // namespace rankine::io
