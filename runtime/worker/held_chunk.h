// A chunk as a rank holds it.
#pragma once

#include <optional>

#include "runtime/base/pool.h"
#include "runtime/base/shape.h"

namespace rankine::worker {

struct HeldChunk {
  SharedBuffer buffer;      // not to be changed; dense, row-major
  std::optional<Box> part;  // the elements it holds; nothing: the whole chunk
};

}  // namespace rankine::worker
