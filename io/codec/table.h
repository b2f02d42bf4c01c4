// The registered filters of HDF5 that this project knows: names, and what can be done with each
// outside the HDF5 library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/codec/codecs.h"

namespace rankine::io {

enum FilterId : std::uint32_t {
  kDeflate = 1,
  kShuffle = 2,
  kFletcher32 = 3,
  kBzip2 = 307,
  kLzf = 32000,
  kBlosc = 32001,
  kLz4 = 32004,
  kBitshuffle = 32008,
  kZstd = 32015,
};

struct KnownFilter {
  std::uint32_t id;
  const char* name;   // for people
  const char* label;  // what its plugin writes beside the number; null unless written here
  // Null if only the library or a plugin can do it. fletcher32 has none: see fletcher32.h.
  void (*decode)(Parameters, ByteView in, Room out, CodecScratch&);
  std::size_t (*encode)(Parameters, ByteView in, Room out, CodecScratch&);
  std::size_t (*bound)(Parameters, std::size_t bytes);  // null: as long as before
};

// Null for an unknown one.
const KnownFilter* find_filter(std::uint32_t id);
std::span<const KnownFilter> known_filters();

// Both kinds that are undone here: by `decode`, or by checking the sum.
bool decoded_here(std::uint32_t id);

// The result has another size than the data, one that does not follow from theirs.
bool compresses(std::uint32_t id, Parameters parameters);

// The most bytes that data of this size can be behind a filter that is undone here; larger stored
// chunks are damaged.
std::size_t most_stored(std::uint32_t id, Parameters parameters, std::size_t bytes);

// What undoing it takes beside its input and its output, about, for data of this size.
std::size_t decoder_bytes(std::uint32_t id, Parameters parameters, std::size_t bytes);

}  // namespace rankine::io
