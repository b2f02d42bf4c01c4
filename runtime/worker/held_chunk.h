// A chunk as a rank holds it.
#pragma once

#include <memory>

#include "runtime/base/pool.h"
#include "runtime/base/shape.h"

namespace rankine::worker {

struct HeldChunk {
  SharedBuffer buffer;              // not to be changed; dense, row-major
  std::shared_ptr<const Box> part;  // the elements it holds; null: the whole chunk
};

}  // namespace rankine::worker
