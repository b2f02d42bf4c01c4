#include "io/parts.h"

#include <algorithm>

#include "io/reader.h"
#include "runtime/base/archive.h"
#include "runtime/base/divide.h"
#include "runtime/base/hash.h"

namespace rankine::io {

std::optional<Met> meet(const Mapping& mapping, const Box& box) {
  Met met;
  for (std::size_t k = 0; k < box.rank(); ++k) {
    const std::int64_t start = mapping.start[k];
    const std::int64_t step = mapping.step[k];
    const std::int64_t first = std::max<std::int64_t>(0, ceil_div(box.lo[k] - start, step));
    const std::int64_t end = std::min(mapping.count[k], ceil_div(box.hi[k] - start, step));
    if (first >= end) return std::nullopt;
    met.first.push_back(first);
    met.count.push_back(end - first);
  }
  return met;
}

void put_together(Dataset& dataset, std::vector<Part> parts, ChunkGrid grid) {
  dataset.layout = Layout::kVirtual;
  dataset.direct = true;
  dataset.chunk = {};
  dataset.filters = parts.empty() ? std::vector<Filter>() : parts.front().dataset.filters;
  dataset.grid = std::move(grid);
  dataset.part_count = parts.size();
  for (const Part& part : parts) {
    const Bytes bytes = to_bytes(part.dataset.file, part.dataset.path, part.mapping,
                                 part.dataset.decode, part.dataset.parts_hash);
    dataset.parts_hash = hash_bytes(bytes, dataset.parts_hash);
    dataset.part_bytes = std::max(dataset.part_bytes, reader_bytes(part.dataset, false));
  }
  dataset.parts = std::make_shared<const std::vector<Part>>(std::move(parts));
}

}  // namespace rankine::io
