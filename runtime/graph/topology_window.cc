// Topology: the consumers of a chunk among a contiguous part of a layer, which may be few of many.
#include <algorithm>

#include "runtime/graph/topology.h"

namespace rankine::graph {
namespace {

// Visits the coordinates of a box whose position, in an order of the axes, lies in an interval.
// Goes down axis by axis and leaves out what lies outside as a whole, so it costs what it visits.
class BoxWithin {
 public:
  BoxWithin(const Box& box, const Extents& counts, const Topology::Window& window)
      : box_(box),
        order_(*window.order),
        ordered_(window.ordered),
        coordinate_(box.lo),
        strides_(counts.size(), 1) {
    for (std::size_t i = order_.size(); i-- > 1;) {
      strides_[i - 1] = strides_[i] * counts[order_[i]];
    }
  }

  template <class Visit>
  void for_each(const Visit& visit) {
    if (!box_.empty()) descend(0, 0, visit);
  }

 private:
  // first: the position of what the axes above have chosen, zero along all others.
  template <class Visit>
  void descend(std::size_t depth, std::int64_t first, const Visit& visit) {
    if (depth == order_.size()) {
      if (first >= ordered_.lo && first < ordered_.hi) visit(coordinate_);
      return;
    }
    const std::int64_t axis = order_[depth];
    const std::int64_t stride = strides_[depth];
    const std::int64_t before = std::max<std::int64_t>(0, ordered_.lo - first) / stride;
    const std::int64_t end = (std::max<std::int64_t>(0, ordered_.hi - first) + stride - 1) / stride;
    const std::int64_t last = std::min(box_.hi[axis], end);
    for (std::int64_t i = std::max(box_.lo[axis], before); i < last; ++i) {
      coordinate_[axis] = i;
      descend(depth + 1, first + i * stride, visit);
    }
  }

  const Box& box_;
  const Extents& order_;
  Interval ordered_;
  Extents coordinate_;
  Extents strides_;  // by depth: positions from one coordinate to the next
};

}  // namespace

void Topology::for_each_use_within(const ChunkId& chunk, FindWindow window, VisitUse visit) const {
  const Table& table = tables_[chunk.layer];
  const bool inner_node =
      table.reduction && chunk.position % table.reduction->nodes() < table.reduction->nodes() - 1;
  if (inner_node || table.explicit_edges) return for_each_use(chunk, visit);
  for (const ConsumerEdge& consumer : table.consumers) {
    if (consumer.output != chunk.output) continue;
    if (!std::holds_alternative<Map>(graph_->layers[consumer.layer].kind)) {
      visit_users(chunk, consumer, visit);
      continue;
    }
    const LeafEdge& edge = tables_[consumer.layer].inputs_from_leaves[consumer.index];
    const Extents& counts = tables_[consumer.layer].counts;
    if (!(edge.counts == counts)) {  // calls of a task, one by one: not in the order of its grid
      visit_users(chunk, consumer, visit);
      continue;
    }
    const Box box = consumers_of(edge, output_chunk(chunk));
    if (box.rank() != counts.size()) continue;  // nobody
    BoxWithin(box, counts, window(consumer.layer)).for_each([&](const Extents& task) {
      visit({consumer.layer, position_of(task, counts)}, &edge);
    });
  }
}

}  // namespace rankine::graph
