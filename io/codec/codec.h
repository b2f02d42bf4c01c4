// How the chunks of a variable are compressed, as users say it, and the filters that makes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "io/codec/codecs.h"

namespace rankine::io {

struct Codec {
  enum class Kind : std::uint8_t { kNone, kDeflate, kZstd, kLz4, kBlosc, kBitshuffle };
  friend constexpr int value_count(Kind) { return static_cast<int>(Kind::kBitshuffle) + 1; }
  Kind kind = Kind::kDeflate;
  std::uint8_t level = 4;  // 0 where the codec has none
  std::uint8_t inner = 0;  // the number by which blosc or bitshuffle knows its compressor

  bool operator==(const Codec&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, level, inner);
  }
};

// none, deflate[-1..9], zstd[-1..22], lz4, blosc[-blosclz|-lz4|-lz4hc|-snappy|-zlib|-zstd][-1..9],
// bitshuffle[-lz4|-zstd[-1..22]]. Throws Error (usage) that lists them.
Codec parse_codec(const std::string& text);
// What parse_codec understands, without levels.
std::vector<std::string> codec_names();
// What a filter with these parameters was written by, as far as they tell; kNone for a filter that
// no codec is. The level may be one that check refuses.
Codec codec_of(std::uint32_t filter, Parameters parameters);
// Complete: "deflate-4", "blosc-lz4-5". Of any value, also one that check refuses.
std::string to_string(const Codec& codec);
// Throws Error (usage) for what parse_codec cannot give, or if this blosc lacks the compressor.
void check(const Codec& codec);

// Every HDF5 library can undo it; what others write needs a plugin.
bool is_standard(const Codec& codec);

// The filters in the order in which writing applies them, with the numbers that the registered
// plugins write into the file. Allocates nothing.
struct FilterStep {
  std::uint32_t id = 0;
  std::uint32_t count = 0;
  std::array<std::uint32_t, 7> numbers{};
  Parameters parameters() const { return {numbers.data(), count}; }
};
struct FilterSteps {
  std::array<FilterStep, 3> steps;
  std::size_t count = 0;
  const FilterStep* begin() const { return steps.data(); }
  const FilterStep* end() const { return steps.data() + count; }
};
// shuffled: by the filter shuffle before deflate, zstd and lz4, and by blosc itself. Without effect
// for bitshuffle, for none and for elements of one byte.
FilterSteps filter_steps(const Codec& codec, bool shuffled, bool fletcher32,
                         std::size_t element_size, std::size_t chunk_bytes);

// What encoding takes beside its input and its output, about, for chunks of this size.
std::size_t encoder_bytes(const Codec& codec, std::size_t chunk_bytes);

}  // namespace rankine::io
