// Data sets that are put together from others: virtual ones, and the same variable of many files.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "io/dataset.h"
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

// The part of `box` of the whole that a mapping fills, by numbers i: [first, first + count). Empty
// if there is none.
struct Met {
  Extents first, count;
};
std::optional<Met> meet(const Mapping& mapping, const Box& box);

struct Part {
  Mapping mapping;
  Dataset dataset;  // the source; decoded, it has the stored type of the whole

  template <class Archive>
  void serialize(Archive& archive) {
    archive(mapping, dataset);
  }
};

// Where the bytes of a data set lie: its own chunks, or its parts with theirs. Not in the graph: it
// is O(chunks) and O(files), and travels beside it.
struct ChunkMap {
  ChunkIndex index;  // empty unless the data set is chunked and decoded here
  std::vector<Part> parts;
  std::vector<ChunkMap> maps;  // of the parts

  ChunkMap() = default;
  ChunkMap(ChunkIndex own) : index(std::move(own)) {}  // NOLINT(google-explicit-constructor)
  template <class Archive>
  void serialize(Archive& archive) {
    archive(index, parts, maps);
  }
};

// Makes `dataset`, whose shape, stored type and decoding are known, one of these parts.
void put_together(Dataset& dataset, std::vector<Part> parts, ChunkGrid grid);

}  // namespace rankine::io
