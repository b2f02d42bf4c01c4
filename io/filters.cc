#include "io/filters.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>

#include "runtime/base/error.h"

namespace rankine::io {
namespace {

constexpr std::uint32_t kDeflate = 1;
constexpr std::uint32_t kShuffle = 2;
constexpr std::uint32_t kFletcher32 = 3;
constexpr std::size_t kChecksumBytes = 4;

Error corrupt(std::string what) {
  return input_error(std::move(what), "", "the file is damaged; make or copy it again");
}

template <std::size_t kSize>
void unshuffle_fixed(const std::byte* in, std::size_t count, std::byte* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t byte = 0; byte < kSize; ++byte) out[i * kSize + byte] = in[byte * count + i];
  }
}

// The checksum bytes of files from big-endian machines of HDF5 1.6 are swapped in pairs.
std::uint32_t swapped_pairs(std::uint32_t sum) {
  return ((sum & 0x00ff00ffu) << 8) | ((sum >> 8) & 0x00ff00ffu);
}

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

bool skipped(std::uint32_t mask, std::size_t filter) {
  return filter < 32 && ((mask >> filter) & 1u) != 0;
}

// Bytes that enter filter i when a chunk of chunk_bytes is written; known for all filters up to the
// first deflate, and only there asked for.
std::size_t bytes_before(std::span<const Filter> filters, std::uint32_t mask, std::size_t i,
                         std::size_t chunk_bytes) {
  for (std::size_t earlier = 0; earlier < i; ++earlier) {
    if (skipped(mask, earlier)) continue;
    if (filters[earlier].id == kFletcher32) chunk_bytes += kChecksumBytes;
    if (filters[earlier].id == kDeflate) throw corrupt("cannot undo two deflate filters");
  }
  return chunk_bytes;
}

std::size_t element_size_of(const Filter& shuffle) {
  if (shuffle.parameters.empty() || shuffle.parameters[0] == 0) {
    throw corrupt("the shuffle filter has no element size");
  }
  return shuffle.parameters[0];
}

}  // namespace

std::byte* GrowingBuffer::reserve(std::size_t bytes) {
  if (bytes > capacity_) {
    data_.reset();  // not both at once
    capacity_ = 0;
    try {
      data_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
    } catch (const std::bad_alloc&) {
      throw Error(ExitCode::kTaskFailed,
                  "no memory for a buffer of " + std::to_string(bytes) + " bytes");
    }
    capacity_ = bytes;
  }
  return data_.get();
}

FilterScratch::FilterScratch() : decompressor_(libdeflate_alloc_decompressor()) {
  if (!decompressor_) throw Error(ExitCode::kTaskFailed, "no memory for a decompressor");
}
FilterScratch::~FilterScratch() = default;
FilterScratch::FilterScratch(FilterScratch&&) noexcept = default;
FilterScratch& FilterScratch::operator=(FilterScratch&&) noexcept = default;

void FilterScratch::Free::operator()(libdeflate_decompressor* decompressor) const {
  libdeflate_free_decompressor(decompressor);
}

void undo_filters(std::span<const Filter> filters, std::uint32_t mask,
                  std::span<const std::byte> stored, std::span<std::byte> out,
                  FilterScratch& scratch) {
  std::span<const std::byte> current = stored;
  int turn = 0;
  // The last step writes to `out`; those before it alternate between the two buffers.
  const auto target = [&](std::size_t bytes, std::size_t filter) {
    bool last = bytes == out.size();
    for (std::size_t i = 0; i < filter; ++i) {
      last = last && (skipped(mask, i) || filters[i].id == kFletcher32);
    }
    if (last) return out;
    turn = 1 - turn;
    return std::span(scratch.buffers_[turn].reserve(bytes), bytes);
  };
  for (std::size_t i = filters.size(); i-- > 0;) {
    if (skipped(mask, i)) continue;
    if (filters[i].id == kFletcher32) {
      current = checked_payload(current);
    } else if (filters[i].id == kDeflate) {
      const auto to = target(bytes_before(filters, mask, i, out.size()), i);
      // Without a place for the actual size, any other size than the expected one is an error.
      const auto result = libdeflate_zlib_decompress(scratch.decompressor_.get(), current.data(),
                                                     current.size(), to.data(), to.size(), nullptr);
      if (result != LIBDEFLATE_SUCCESS) throw corrupt("corrupt deflate stream");
      current = to;
    } else if (filters[i].id == kShuffle) {
      const auto to = target(current.size(), i);
      unshuffle(current.data(), current.size(), element_size_of(filters[i]), to.data());
      current = to;
    } else {
      throw input_error("unknown filter " + std::to_string(filters[i].id), "");
    }
  }
  if (current.size() != out.size()) {
    throw corrupt("a chunk holds " + std::to_string(current.size()) + " bytes instead of " +
                  std::to_string(out.size()));
  }
  if (current.data() != out.data() && !out.empty()) {
    std::memcpy(out.data(), current.data(), out.size());
  }
}

void unshuffle(const std::byte* in, std::size_t bytes, std::size_t element_size, std::byte* out) {
  const std::size_t count = bytes / element_size;
  switch (element_size) {
    case 1: std::copy_n(in, bytes, out); return;
    case 2: unshuffle_fixed<2>(in, count, out); break;
    case 4: unshuffle_fixed<4>(in, count, out); break;
    case 8: unshuffle_fixed<8>(in, count, out); break;
    default:
      for (std::size_t byte = 0; byte < element_size; ++byte) {
        for (std::size_t i = 0; i < count; ++i) {
          out[i * element_size + byte] = in[byte * count + i];
        }
      }
  }
  std::copy(in + count * element_size, in + bytes, out + count * element_size);
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

}  // namespace rankine::io
