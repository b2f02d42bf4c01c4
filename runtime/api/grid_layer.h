// A grid of tasks as a program describes it, before it has a place in a graph.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "runtime/api/task_arena.h"
#include "runtime/graph/grid.h"
#include "runtime/kernels/grid_call.h"

namespace rankine {

// The tasks of a grid along each axis, and the line where it is made.
struct GridCounts {
  GridCounts(std::initializer_list<std::int64_t> along,
             std::source_location location = std::source_location::current())
      : counts(along),
        at(location) {}
  GridCounts(const Extents& along, std::source_location location = std::source_location::current())
      : counts(along),
        at(location) {}
  Extents counts;
  std::source_location at;
};

namespace api {

// Immutable once built; shared by all that read it.
struct GridLayer {
  graph::Grid grid;  // inputs[i].layer: 0 for itself, 1 + the index into `producers` for others
  std::vector<std::shared_ptr<const GridLayer>> producers;
  std::string location;
};

// Puts one together. Not thread-safe.
class GridBuilder {
 public:
  // Throws Error (usage) if the counts are none.
  GridBuilder(const GridCounts& counts, const TaskOptions& options);

  const Extents& counts() const { return layer_->grid.counts; }
  // producer: null for the grid itself.
  void add_input(const std::shared_ptr<const GridLayer>& producer,
                 std::vector<graph::GridEdge> edges);
  void add_input(const std::shared_ptr<const GridLayer>& producer, kernels::MakeGridPattern make,
                 std::vector<std::byte> state, bool feeds_all);
  // The last step. Throws Error (usage) if tasks would wait for themselves or a dependency by code
  // says one thing to a task and another to the one it reads (tried on some of the tasks).
  std::shared_ptr<const GridLayer> finish(kernels::MakeGridKernel make, const void* function,
                                          std::vector<std::byte> state, std::size_t item_bytes);

 private:
  const Extents& counts_of(const std::shared_ptr<const GridLayer>& producer) const {
    return producer ? producer->grid.counts : layer_->grid.counts;
  }
  std::uint32_t number_of(const std::shared_ptr<const GridLayer>& producer);
  void check() const;

  std::shared_ptr<GridLayer> layer_ = std::make_shared<GridLayer>();
};

// What a call of compute asks of a grid.
struct GridAsk {
  std::shared_ptr<const GridLayer> layer;
  Box box;
};
// Throws Error (usage) if the box leaves the grid.
GridAsk ask_grid(const std::shared_ptr<const GridLayer>& layer, Box box);

// The grids that these need, each once and producers first, and what collects of them, with layers
// counted from the first grid and results from the first result on.
void add_grids(TaskGraph& graph, const std::vector<GridAsk>& asked);
// Results that an ask brings: one for the whole box, or one for every task.
std::int64_t results_of(const GridAsk& ask);

}  // namespace api
}  // namespace rankine
