// Which elements of a data set are which of another, of which it is put together.
#pragma once

#include "runtime/base/shape.h"

namespace rankine::io {

// Where a part lies: element i of axis k of the part, 0 <= i < count[k], is element
// start[k] + i * step[k] of axis k of the whole. The source has axes of its own: along its axis a
// it is element source_start[a] + i * source_step[a] with the i of the whole's axis source_axis[a],
// or always source_start[a] where source_axis[a] is -1. Named axes come in increasing order, so
// row-major order is the same on both sides; axes that the source does not have are one long.
struct Mapping {
  Extents start, step, count;
  Extents source_start, source_step, source_axis;

  bool operator==(const Mapping&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(start, step, count, source_start, source_step, source_axis);
  }
};

}  // namespace rankine::io
