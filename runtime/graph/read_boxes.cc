#include "runtime/graph/read_boxes.h"

#include "runtime/graph/topology.h"

namespace rankine::graph {
namespace {

// The domain of a leaf of a call may reach beyond the grid, over the halo; that of the program's
// own leaves may be wider than what the tasks ask for.
Box box_of(const Map& map, const Leaf& leaf, const Extents& shape) {
  const Box asked =
      leaf.call >= 0 ? leaf.domain : intersect(leaf.domain, Box::whole(map.grid_of(leaf).shape()));
  if (asked.empty()) return {Extents(shape.size(), 0), Extents(shape.size(), 0)};
  return intersect(source_box(leaf, asked), Box::whole(shape));
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
