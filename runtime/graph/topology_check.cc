// Topology: what must hold of a layer before its tables are made, so that no function of the
// topology leaves its arrays, divides by zero, overflows or never ends, whatever bytes the graph
// came from.
#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/graph/topology.h"

namespace rankine::graph {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw input_error(std::string("a graph is damaged: ") + what, "");
}

// Sums of two such numbers, and of a third that is a count of elements, fit 64 bits.
bool is_near(std::int64_t x) { return x >= -kLongestAxis && x <= kLongestAxis; }

bool fits(const Extents& extents, const ChunkGrid& grid) { return extents.size() == grid.rank(); }

}  // namespace

void Topology::check_source(std::uint32_t layer, LayerOutput source) const {
  require(source.layer < layer, "a layer reads a later layer");
  require(source.output < tables_[source.layer].output_grids.size() &&
              leaves_chunk(source.layer, source.output),
          "a layer reads what nothing leaves");
}

void Topology::check_map(const Map& map) const {
  map.check();
  require(!map.steps || map.steps->shape() == map.grid.shape(), "the steps of a task");
  map.grid.largest_chunk();  // throws if its bytes could not be counted
  for (const Head& head : map.heads) {
    const Partial* partial = std::get_if<Partial>(&head);
    require(partial == nullptr || fits(partial->reduced, map.grid), "the axes of a reduction");
  }
  for (const Leaf& leaf : map.leaves) {
    const FileData* data = std::get_if<FileData>(&leaf.source);
    require(data == nullptr || data->dataset < graph_->datasets.size(), "a data set is missing");
  }
}

// Every element of the domain maps into the producer's array (axis_map.h).
void Topology::check_leaf(const Map& map, const Leaf& leaf) const {
  const ChunkGrid& grid = map.grid_of(leaf);
  const ChunkGrid& produced = output_grid(std::get<LayerOutput>(leaf.source));
  const Box& domain = leaf.domain;
  require(leaf.terms.size() == produced.rank() && fits(domain.lo, grid) && fits(domain.hi, grid),
          "a leaf does not fit its layer");
  require(std::all_of(domain.lo.begin(), domain.lo.end(), is_near) &&
              std::all_of(domain.hi.begin(), domain.hi.end(), is_near),
          "the domain of a leaf");
  for (std::size_t k = 0; k < produced.rank(); ++k) {
    const Term& term = leaf.terms[k];
    require(is_near(term.step) && is_near(term.offset), "a leaf reaches too far");
    if (term.axis < 0) continue;
    const auto axis = static_cast<std::size_t>(term.axis);
    require(axis < grid.rank() && term.step != 0, "the axis of a leaf");
    const Reach reach = map.reach_of(leaf, axis);
    const std::int64_t length = grid.axis(axis).length();
    const std::int64_t lo = std::max(domain.lo[axis], -reach.before);
    const std::int64_t hi = std::min(domain.hi[axis], length + reach.after);
    if (domain.empty() || length == 0 || lo >= hi) continue;
    for (const std::int64_t i : {lo, hi - 1}) {
      const __int128 element = static_cast<__int128>(term.step) * i + term.offset;
      require(element >= 0 && element < produced.axis(k).length(), "a leaf reaches too far");
    }
  }
}

void Topology::check_reduce(std::uint32_t layer, const Reduce& reduce) const {
  check_source(layer, reduce.source);
  require(fits(reduce.reduced, reduce.source_grid), "the axes of a reduction");
  require(reduce.source_grid.counts() == tables_[reduce.source.layer].counts,
          "a reduction of other chunks");
  std::int64_t leaves = 1;
  for (std::size_t k = 0; k < reduce.source_grid.rank(); ++k) {
    if (reduce.reduced[k] != 0) leaves *= reduce.source_grid.axis(k).count();
  }
  // A tree of one leaf has no node. Counted from the root, leaves * fan_in is the most.
  require(leaves != 1, "a reduction of one chunk");
  require(reduce.fan_in >= 2 && reduce.fan_in < kLongestAxis / std::max<std::int64_t>(leaves, 1),
          "the width of a reduction");
}

void Topology::check_held_array(const HeldArray& array) const {
  require(fits(array.order, array.grid), "the order of an array");
  const auto rank = static_cast<std::int64_t>(array.grid.rank());
  for (const std::int64_t axis : array.order) {
    require(axis >= 0 && axis < rank, "the order of an array");
  }
}

void Topology::check_grid_collect(std::uint32_t layer, const GridCollect& collect) const {
  require(collect.layer < layer && tables_[collect.layer].grid != nullptr,
          "a layer collects what is not there");
  const Grid& grid = tables_[collect.layer].grid->grid();
  const Box& box = collect.box;
  require(box.lo.size() == grid.counts.size() && box.hi.size() == grid.counts.size(),
          "a layer collects what is not there");
  for (std::size_t k = 0; k < box.rank(); ++k) {
    require(box.lo[k] >= 0 && box.lo[k] <= box.hi[k] && box.hi[k] <= grid.counts[k],
            "a layer collects what is not there");
  }
  require(collect.item_bytes == grid.item_bytes, "the size of results");
  const std::int64_t tasks = volume(box.shape());
  const std::int64_t results = collect.item_bytes > 0 ? 1 : tasks;
  require(collect.first_result + results <= static_cast<std::int64_t>(graph_->results.size()),
          "a result is missing");
  require(collect.item_bytes == 0 || static_cast<__int128>(tasks) * collect.item_bytes ==
                                         volume(graph_->results[collect.first_result].shape),
          "the size of results");
}

}  // namespace rankine::graph
