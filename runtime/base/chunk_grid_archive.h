// Serialization of AxisChunks (kept out of the header a reader opens first).
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/chunk_grid.h"
#include "runtime/base/error.h"
#include "runtime/base/varint.h"

namespace rankine {

template <class Archive>
void AxisChunks::save(Archive& archive) const {
  archive(Varint{static_cast<std::int64_t>(runs_.size())});
  for (const Run& run : runs_) archive(Varint{run.length}, Varint{run.count});
}

template <class Archive>
void AxisChunks::load(Archive& archive) {
  Varint runs;
  archive(runs);
  if (runs.value < 0) throw input_error("impossible chunk lengths along an axis", "");
  *this = AxisChunks();
  for (std::int64_t i = 0; i < runs.value; ++i) {
    Varint length, count;
    archive(length, count);
    append(length.value, count.value);
  }
}

}  // namespace rankine
