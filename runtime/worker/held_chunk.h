// A chunk as a rank holds it.
#pragma once

#include <memory>
#include <utility>

#include "runtime/base/pool.h"
#include "runtime/base/shape.h"

namespace rankine::worker {

class SpilledChunk;

// In one of two places; dense, row-major in either.
struct HeldChunk {
  HeldChunk() = default;
  HeldChunk(SharedBuffer bytes) : buffer(std::move(bytes)) {}  // the whole chunk, in memory

  SharedBuffer buffer;                          // not to be changed; null if it was spilled
  std::shared_ptr<const SpilledChunk> spilled;  // null if it is in memory
  std::shared_ptr<const Box> part;              // the elements it holds; null: the whole chunk
};

}  // namespace rankine::worker
