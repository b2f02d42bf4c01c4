// Grids of tasks with random inputs in closed form, for tests that look at their edges.
#pragma once

#include <memory>
#include <vector>

#include "runtime/graph/layer.h"
#include "tests/support/random.h"

namespace rankine::testing {

class RandomGrids {
 public:
  // layers: of which each may read itself and the ones before.
  RandomGrids(Random& random, std::uint32_t layers, std::int64_t longest) : random_(random) {
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
      graph::Grid grid;
      grid.function.name = "grid" + std::to_string(layer);
      grid.item_bytes = random.between(0, 40);
      for (std::int64_t axes = random.between(1, 3); axes > 0; --axes) {
        grid.counts.push_back(random.one_in(12) ? 0 : random.between(1, longest));
      }
      for (std::int64_t inputs = random.between(0, 3); inputs > 0; --inputs) {
        const auto producer = static_cast<std::uint32_t>(random.between(0, layer));
        grid.inputs.push_back(producer == layer ? own_input(grid, layer)
                                                : other_input(grid, producer));
      }
      graph_->layers.push_back({grid.function.name, "", std::move(grid)});
    }
    collect();
  }
  std::shared_ptr<graph::Graph> graph() const { return graph_; }

 private:
  const Extents& counts(std::uint32_t layer) const {
    return std::get<graph::Grid>(graph_->layers[layer].kind).counts;
  }
  Box domain(const Extents& counts) {
    Box box = Box::whole(counts);
    for (std::size_t k = 0; k < counts.size(); ++k) {
      if (random_.one_in(2)) continue;
      box.lo[k] = random_.between(0, counts[k]);
      box.hi[k] = random_.between(box.lo[k], counts[k]);
    }
    return box;
  }
  graph::GridAxis any_axis(const Extents& counts) {
    graph::GridAxis axis;
    axis.axis =
        static_cast<std::int32_t>(random_.between(0, static_cast<std::int64_t>(counts.size()) - 1));
    axis.lo = {random_.between(-2, 3), random_.between(-6, 6), random_.between(1, 3)};
    axis.hi = axis.lo;
    axis.hi.b += random_.between(0, 4);
    if (random_.one_in(4)) {
      axis.hi = {random_.between(-2, 3), random_.between(-6, 9), random_.between(1, 3)};
    }
    return axis;
  }
  graph::GridInput other_input(const graph::Grid& grid, std::uint32_t producer) {
    graph::GridInput input{producer, {}, std::nullopt};
    for (std::int64_t edges = random_.between(1, 3); edges > 0; --edges) {
      graph::GridEdge edge{domain(grid.counts), {}};
      for (std::size_t k = 0; k < counts(producer).size(); ++k) {
        edge.axes.push_back(any_axis(grid.counts));
      }
      input.edges.push_back(std::move(edge));
    }
    return input;
  }
  // Goes back by one to three steps along the first axis.
  graph::GridInput own_input(const graph::Grid& grid, std::uint32_t layer) {
    graph::GridInput input{layer, {}, std::nullopt};
    for (std::int64_t edges = random_.between(1, 3); edges > 0; --edges) {
      graph::GridEdge edge{domain(grid.counts), {}};
      const std::int64_t last = random_.between(-3, -1);
      edge.axes.push_back({0, {1, last - random_.between(0, 2), 1}, {1, last, 1}});
      for (std::size_t k = 1; k < grid.counts.size(); ++k) {
        edge.axes.push_back(any_axis(grid.counts));
      }
      input.edges.push_back(std::move(edge));
    }
    return input;
  }
  void collect() {
    const auto grids = static_cast<std::uint32_t>(graph_->layers.size());
    for (std::uint32_t layer = 0; layer < grids; ++layer) {
      const auto& grid = std::get<graph::Grid>(graph_->layers[layer].kind);
      graph::GridCollect collect{layer, domain(grid.counts),
                                 static_cast<std::uint32_t>(graph_->results.size()),
                                 grid.item_bytes};
      const std::int64_t count = collect.box.size();
      if (grid.item_bytes > 0) {
        graph_->results.push_back({DType::kUInt8, {count * grid.item_bytes}});
      } else {
        graph_->results.resize(graph_->results.size() + static_cast<std::size_t>(count),
                               {DType::kUInt8, {0}});
      }
      graph_->layers.push_back({"collect", "", std::move(collect)});
    }
  }

  Random& random_;
  std::shared_ptr<graph::Graph> graph_ = std::make_shared<graph::Graph>();
};

}  // namespace rankine::testing
