// A name for what a layer leaves to others.
#pragma once

#include <cstdint>

#include "runtime/base/varint.h"

namespace rankine::graph {

// A chunked output of another layer.
struct LayerOutput {
  std::uint32_t layer = 0;
  std::uint32_t output = 0;
  bool operator==(const LayerOutput&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    Varint l{layer}, o{output};
    archive(l, o);
    layer = static_cast<std::uint32_t>(l.value);
    output = static_cast<std::uint32_t>(o.value);
  }
};

}  // namespace rankine::graph
