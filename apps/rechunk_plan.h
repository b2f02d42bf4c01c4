// How a variable gets into other chunks within the memory there is. Three ways, by estimated cost:
// one pass, as the engine plans it; grouped passes over the input, each of which makes a part of
// the output from what fits into memory; and a pass through a scratch file, whose chunks are pieces
// of both: a slab of the input is read, cut and written, and later every chunk of the output is put
// together from a few long pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/rankine.h"

namespace rankine::apps {

struct RechunkCase {
  Extents shape;
  Extents from;  // chunks of the input
  Extents to;    // chunks of the output
  std::int64_t element_size = 4;
  std::int64_t memory_bytes = 0;  // for elements that are held, on all ranks together
};

struct RechunkPasses {
  std::size_t axis = 0;
  std::int64_t length = 0;  // elements along the axis in each pass
  std::int64_t passes = 1;
  double cost_s = 0;
  std::optional<Extents> scratch;  // chunks of the scratch file, if it goes through one
};

// The cheapest of the ways that need more than one pass and fit; nothing if none does.
std::optional<RechunkPasses> plan_passes(const RechunkCase& rechunk);

// "3 passes over the input, each of 512 along lat", for people.
std::string text_of(const RechunkPasses& passes, const std::string& dimension);

}  // namespace rankine::apps
