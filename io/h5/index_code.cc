#include "io/h5/index_code.h"

#include <cstdint>
#include <utility>

#include "io/h5/record_driver.h"
#include "runtime/base/error.h"

namespace rankine::io {
namespace {

// A token stands for one entry: a byte that says in what it is not as expected, then that as
// numbers, in this order. Expected: it begins where the last one that was written ends, with the
// same size and mask.
enum : std::uint8_t {
  kNotThere = 1,  // never written; nothing else but kRepeat
  kGap = 2,       // from the expected address, zigzag
  kSize = 4,
  kMask = 8,
  kRepeat = 16,  // so many further entries are as expected, or likewise not there
};

// Both ends go through the same states.
struct Expected {
  std::uint64_t address = 0;
  std::uint32_t size = 0;
  std::uint32_t filter_mask = 0;

  bool is(const ChunkExtent& extent) const {
    return extent.address == address && extent.size == size && extent.filter_mask == filter_mask;
  }
  void pass(const ChunkExtent& extent) {
    address = extent.address + extent.size;
    size = extent.size;
    filter_mask = extent.filter_mask;
  }
};

bool is_missing(const ChunkExtent& extent) { return extent.address == ChunkExtent::kMissing; }

class Writer {
 public:
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) damaged();
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint64_t number(std::uint64_t most) {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t next = byte();
      value |= std::uint64_t{next & 0x7fU} << shift;
      if ((next & 0x80) != 0) continue;
      if (value > most) damaged();
      return value;
    }
    damaged();
  }
  [[noreturn]] static void damaged() { throw input_error("a chunk index arrived damaged", ""); }

 private:
  std::string_view rest_;
};

std::uint64_t zigzag(std::uint64_t value) { return (value << 1) ^ (0 - (value >> 63)); }
std::uint64_t from_zigzag(std::uint64_t bits) { return (bits >> 1) ^ (0 - (bits & 1)); }

// How many entries from `at` on follow the one before it as expected.
std::size_t count_repeats(const ChunkIndex& index, std::size_t at, bool missing,
                          Expected& expected) {
  const std::size_t first = at;
  for (; at < index.size(); ++at) {
    if (missing ? !is_missing(index[at]) : !expected.is(index[at])) break;
    if (!missing) expected.pass(index[at]);
  }
  return at - first;
}

void write_entry(const ChunkExtent& extent, std::uint8_t flags, const Expected& expected,
                 Writer& out) {
  out.byte(flags);
  if ((flags & kGap) != 0) out.number(zigzag(extent.address - expected.address));
  if ((flags & kSize) != 0) out.number(extent.size);
  if ((flags & kMask) != 0) out.number(extent.filter_mask);
}

std::uint8_t flags_of(const ChunkExtent& extent, const Expected& expected) {
  if (is_missing(extent)) return kNotThere;
  return static_cast<std::uint8_t>((extent.address == expected.address ? 0 : kGap) |
                                   (extent.size == expected.size ? 0 : kSize) |
                                   (extent.filter_mask == expected.filter_mask ? 0 : kMask));
}

ChunkExtent read_entry(std::uint8_t flags, const Expected& expected, Reader& in) {
  ChunkExtent extent{expected.address, expected.size, expected.filter_mask};
  if ((flags & kGap) != 0) extent.address += from_zigzag(in.number(UINT64_MAX));
  if ((flags & kSize) != 0) extent.size = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  if ((flags & kMask) != 0) extent.filter_mask = static_cast<std::uint32_t>(in.number(UINT32_MAX));
  return extent;
}

}  // namespace

std::string pack_index(const ChunkIndex& index) {
  Writer out;
  out.number(index.size());
  Expected expected;
  for (std::size_t i = 0; i < index.size();) {
    const ChunkExtent& extent = index[i];
    const std::uint8_t flags = flags_of(extent, expected);
    Expected next = expected;
    if (!is_missing(extent)) next.pass(extent);
    const std::size_t repeats = count_repeats(index, i + 1, is_missing(extent), next);
    const auto repeat = static_cast<std::uint8_t>(repeats > 0 ? kRepeat : 0);
    write_entry(extent, flags | repeat, expected, out);
    if (repeats > 0) out.number(repeats);
    expected = next;
    i += 1 + repeats;
  }
  return out.take();
}

ChunkIndex unpack_index(std::string_view bytes) {
  Reader in(bytes);
  const auto count = static_cast<std::size_t>(in.number(kMostChunks));
  ChunkIndex index;
  index.reserve(count);
  Expected expected;
  while (index.size() < count) {
    const std::uint8_t flags = in.byte();
    if (flags > (kNotThere | kGap | kSize | kMask | kRepeat)) Reader::damaged();
    const bool missing = (flags & kNotThere) != 0;
    const ChunkExtent extent = missing ? ChunkExtent() : read_entry(flags, expected, in);
    index.push_back(extent);
    if (!missing) expected.pass(extent);
    if ((flags & kRepeat) == 0) continue;
    for (auto left = in.number(count - index.size()); left > 0; --left) {
      index.push_back(missing ? ChunkExtent()
                              : ChunkExtent{expected.address, expected.size, expected.filter_mask});
      if (!missing) expected.pass(index.back());
    }
  }
  if (!in.at_end()) Reader::damaged();
  return index;
}

}  // namespace rankine::io
