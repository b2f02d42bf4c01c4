// Any chain of filters over any bytes, as readers undo them: a chunk, or an Error that names the
// fault; nothing is written beside the chunk, and memory stays in proportion to it. What was
// encoded here and not damaged comes back as it was.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "io/codec/codec.h"
#include "io/codec/fletcher32.h"
#include "io/codec/table.h"
#include "io/filters.h"
#include "runtime/base/error.h"
#include "tests/fuzz/input.h"

namespace rankine::io {
namespace {

using fuzz::Input;
using Contents = std::vector<std::byte>;

constexpr std::size_t kGuard = 64;
constexpr std::byte kUntouched{0xa5};

std::vector<Filter> any_filters(Input& input) {
  std::vector<Filter> filters(input.below(5));
  for (Filter& filter : filters) {
    const auto known = known_filters();
    const std::size_t choice = input.below(known.size() + 1);
    filter.id = choice < known.size() ? known[choice].id : input.number<std::uint32_t>();
    filter.name = "filter " + std::to_string(filter.id);
    filter.parameters.resize(input.below(9));
    for (std::uint32_t& parameter : filter.parameters) {
      parameter =
          input.below(4) == 0 ? input.number<std::uint32_t>() : input.number<std::uint8_t>();
    }
  }
  return filters;
}

Codec any_codec(Input& input) {
  static const std::vector<std::string> names = {
      "none",           "deflate-1",        "zstd-1",       "lz4",          "blosc-blosclz-5",
      "blosc-lz4-1",    "blosc-lz4hc-1",    "blosc-zlib-1", "blosc-zstd-1", "bitshuffle",
      "bitshuffle-lz4", "bitshuffle-zstd-1"};
  return parse_codec(names[input.below(names.size())]);
}

struct Encoded {
  std::vector<Filter> filters;
  Contents chunk;
  Contents stored;
};

Encoded encode(Input& input) {
  constexpr std::size_t kSizes[] = {1, 2, 4, 8, 3};
  const std::size_t element_size = kSizes[input.below(std::size(kSizes))];
  const Codec codec = any_codec(input);
  const bool shuffled = input.below(2) == 1;
  const bool fletcher32 = input.below(2) == 1;
  Encoded encoded;
  // Long enough for several blocks, without as many bytes of input.
  const Contents pattern = input.bytes(input.number<std::uint8_t>());
  const std::size_t count = input.number<std::uint16_t>() / element_size * element_size;
  for (std::size_t i = 0; i < count; ++i) {
    encoded.chunk.push_back(pattern.empty() ? std::byte{0} : pattern[i % pattern.size()]);
  }
  encoded.stored = encoded.chunk;
  CodecScratch scratch;
  if (encoded.chunk.empty()) return encoded;
  for (const FilterStep& step :
       filter_steps(codec, shuffled, fletcher32, element_size, encoded.chunk.size())) {
    const Parameters numbers = step.parameters();
    encoded.filters.push_back({step.id, "filter", {numbers.begin(), numbers.end()}, true});
    if (step.id == kFletcher32) {
      const std::uint32_t sum = io::fletcher32(encoded.stored);
      encoded.stored.resize(encoded.stored.size() + kChecksumBytes);
      write_checksum(sum, encoded.stored.data() + encoded.stored.size() - kChecksumBytes);
      continue;
    }
    const KnownFilter& filter = *find_filter(step.id);
    const std::size_t bytes = encoded.stored.size();
    Contents out(filter.bound == nullptr ? bytes : filter.bound(numbers, bytes));
    out.resize(filter.encode(numbers, encoded.stored, out, scratch));
    encoded.stored = std::move(out);
  }
  return encoded;
}

// Whether the chunk was filled.
bool undo(const std::vector<Filter>& filters, std::uint32_t mask, const Contents& stored,
          Contents& chunk) {
  Contents room(chunk.size() + 2 * kGuard, kUntouched);
  FilterScratch scratch;
  bool filled = true;
  try {
    undo_filters(filters, mask, stored, std::span(room).subspan(kGuard, chunk.size()), scratch);
  } catch (const Error& error) {
    if (error.message.empty()) std::abort();
    filled = false;
  }
  const auto untouched = [](std::byte byte) { return byte == kUntouched; };
  const bool kept = std::all_of(room.begin(), room.begin() + kGuard, untouched) &&
                    std::all_of(room.end() - kGuard, room.end(), untouched);
  constexpr std::size_t kOfCodecs = std::size_t{32} << 20;
  const bool modest = scratch.capacity() <= 4 * (chunk.size() + stored.size()) + kOfCodecs;
  if (!kept || !modest) std::abort();
  std::copy_n(room.begin() + kGuard, chunk.size(), chunk.begin());
  return filled;
}

void any_bytes(Input& input) {
  const std::vector<Filter> filters = any_filters(input);
  const std::uint32_t mask = input.below(4) == 0 ? input.number<std::uint8_t>() : 0;
  Contents chunk(input.number<std::uint16_t>());
  undo(filters, mask, input.rest(), chunk);
}

void damaged_bytes(Input& input) {
  Encoded encoded = encode(input);
  const Contents good = encoded.stored;
  fuzz::damage(input, encoded.stored);
  Contents chunk(encoded.chunk.size());
  const bool filled = undo(encoded.filters, 0, encoded.stored, chunk);
  if (encoded.stored == good && (!filled || chunk != encoded.chunk)) std::abort();
}

}  // namespace
}  // namespace rankine::io

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  rankine::fuzz::Input input(data, size);
  if (input.below(2) == 0) {
    rankine::io::any_bytes(input);
  } else {
    rankine::io::damaged_bytes(input);
  }
  return 0;
}
