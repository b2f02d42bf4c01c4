// Data sets that are put together from others: virtual ones, and the same variable of many files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/dataset.h"
#include "io/h5/index_code.h"
#include "io/h5/mapping.h"
#include "runtime/base/shape.h"

namespace rankine::io {

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
  void save(Archive& archive) const {
    archive(pack_index(index), parts, maps);
  }
  template <class Archive>
  void load(Archive& archive) {
    std::string packed;
    archive(packed, parts, maps);
    index = unpack_index(packed);
  }
};

// Makes `dataset`, whose shape, stored type and decoding are known, one of these parts.
void put_together(Dataset& dataset, std::vector<Part> parts, ChunkGrid grid);

}  // namespace rankine::io
