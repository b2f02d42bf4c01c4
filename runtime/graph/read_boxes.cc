#include "runtime/graph/read_boxes.h"

#include <algorithm>

namespace rankine::graph {
namespace {

// The domain of a leaf of a call may reach beyond the grid, over the halo; that of the program's
// own leaves may be wider than what the tasks ask for.
Box box_of(const Map& map, const Leaf& leaf, const Extents& shape) {
  const Box asked =
      leaf.call >= 0 ? leaf.domain : intersect(leaf.domain, Box::whole(map.grid_of(leaf).shape()));
  Box box = Box::whole(shape);
  if (asked.empty()) {
    box.hi = box.lo;
    return box;
  }
  for (std::size_t k = 0; k < leaf.terms.size(); ++k) {
    const Term& term = leaf.terms[k];
    std::int64_t first = term.offset, last = term.offset;
    if (term.axis >= 0) {
      const auto axis = static_cast<std::size_t>(term.axis);
      first += term.step * asked.lo[axis];
      last += term.step * (asked.hi[axis] - 1);
    }
    box.lo[k] = std::clamp<std::int64_t>(std::min(first, last), 0, shape[k]);
    box.hi[k] = std::clamp<std::int64_t>(std::max(first, last) + 1, box.lo[k], shape[k]);
  }
  return box;
}

}  // namespace

std::vector<std::optional<Box>> read_boxes(const Graph& graph) {
  std::vector<std::optional<Box>> boxes(graph.datasets.size());
  for (const Layer& layer : graph.layers) {
    const auto* map = std::get_if<Map>(&layer.kind);
    if (map == nullptr) continue;
    for (const Leaf& leaf : map->leaves) {
      const auto* data = std::get_if<FileData>(&leaf.source);
      if (data == nullptr) continue;
      const Box box = box_of(*map, leaf, graph.datasets[data->dataset].shape);
      std::optional<Box>& all = boxes[data->dataset];
      all = all ? hull(*all, box) : box;
    }
  }
  return boxes;
}

}  // namespace rankine::graph
