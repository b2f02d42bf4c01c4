#include "runtime/api/grid_layer.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/base/error.h"
#include "runtime/graph/grid_edges.h"

namespace rankine::api {
namespace {

std::string bytes_to_string(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

const Extents* counts_in(const GridLayer& layer, std::uint32_t number) {
  if (number == 0) return &layer.grid.counts;
  return number <= layer.producers.size() ? &layer.producers[number - 1]->grid.counts : nullptr;
}

// Of a dependency by code: both sides must name the same pairs. Every task of a small grid, of a
// large one an even choice.
class CodeCheck {
 public:
  CodeCheck(const GridLayer& layer, const graph::GridEdges& edges) : layer_(layer), edges_(edges) {}

  void run(std::size_t input) const {
    const Extents& counts = layer_.grid.counts;
    const Extents& produced = *counts_in(layer_, layer_.grid.inputs[input].layer);
    for_some(volume(counts), [&](std::int64_t task) {
      edges_.visit_inputs(input, coordinate_of(task, counts),
                          [&](std::int64_t result) { compare(input, task, result); });
    });
    for_some(volume(produced), [&](std::int64_t result) {
      edges_.visit_consumers(input, coordinate_of(result, produced),
                             [&](std::int64_t task) { compare(input, task, result); });
    });
  }

 private:
  template <class Visit>
  static void for_some(std::int64_t count, const Visit& visit) {
    constexpr std::int64_t kMost = 256;
    const std::int64_t looked = std::min(count, kMost);
    for (std::int64_t i = 0; i < looked; ++i) {
      visit(static_cast<std::int64_t>(static_cast<__int128>(i) * count / looked));
    }
  }
  void compare(std::size_t input, std::int64_t task, std::int64_t result) const {
    const Extents& counts = layer_.grid.counts;
    const Extents& produced = *counts_in(layer_, layer_.grid.inputs[input].layer);
    const Extents at = coordinate_of(task, counts);
    const Extents from = coordinate_of(result, produced);
    std::int64_t takes = 0, given = 0;
    edges_.visit_inputs(input, at, [&](std::int64_t other) { takes += other == result ? 1 : 0; });
    edges_.visit_consumers(input, from,
                           [&](std::int64_t other) { given += other == task ? 1 : 0; });
    if (takes == given) return;
    throw usage_error(layer_.grid.function.name + ": task " + to_string(at) +
                          " takes the result of " + to_string(from) + " " + std::to_string(takes) +
                          " times by `inputs`, " + std::to_string(given) + " times by `consumers`",
                      "the two functions of a dependency by code are each other's inverse");
  }

  const GridLayer& layer_;
  const graph::GridEdges& edges_;
};

}  // namespace

GridBuilder::GridBuilder(const GridCounts& counts, const TaskOptions& options) {
  if (options.priority != 0 || !options.resources.empty() || !options.ranks.empty()) {
    throw usage_error("tasks of a grid have no priority, resources or ranks of their own",
                      "describe such tasks by `delayed`");
  }
  layer_->grid.counts = counts.counts;
  layer_->location = place_of(Caller(counts.at));
  layer_->grid.function.name = options.name;
  layer_->grid.function.retries = options.retries;
  layer_->grid.function.location = layer_->location;
}

std::uint32_t GridBuilder::number_of(const std::shared_ptr<const GridLayer>& producer) {
  if (!producer) return 0;
  auto& producers = layer_->producers;
  auto known = std::find(producers.begin(), producers.end(), producer);
  if (known == producers.end()) known = producers.insert(known, producer);
  return static_cast<std::uint32_t>(known - producers.begin()) + 1;
}

void GridBuilder::add_input(const std::shared_ptr<const GridLayer>& producer,
                            std::vector<graph::GridEdge> edges) {
  layer_->grid.inputs.push_back({number_of(producer), std::move(edges), std::nullopt});
}

void GridBuilder::add_input(const std::shared_ptr<const GridLayer>& producer,
                            kernels::MakeGridPattern make, std::vector<std::byte> state,
                            bool feeds_all) {
  graph::GridCode code;
  code.make = layer_->grid.modules.name_of(reinterpret_cast<const void*>(make));
  code.state = bytes_to_string(state);
  code.domain = Box::whole(counts());
  // Nothing of the same grid comes before its first tasks.
  if (!producer && !code.domain.empty()) code.domain.lo[0] = 1;
  code.feeds_all = feeds_all;
  layer_->grid.inputs.push_back({number_of(producer), {}, std::move(code)});
}

std::shared_ptr<const GridLayer> GridBuilder::finish(kernels::MakeGridKernel make,
                                                     const void* function,
                                                     std::vector<std::byte> state,
                                                     std::size_t item_bytes) {
  graph::Grid& grid = layer_->grid;
  grid.function.thunk = grid.modules.name_of(reinterpret_cast<const void*>(make));
  grid.function.pointed = function != nullptr;
  if (function != nullptr) grid.function.function = grid.modules.name_of(function);
  if (grid.function.name.empty()) {
    grid.function.name = function != nullptr ? kernels::describe_address(function) : "grid";
  }
  grid.function.state = bytes_to_string(state);
  grid.item_bytes = static_cast<std::int64_t>(item_bytes);
  check();
  return std::move(layer_);
}

void GridBuilder::check() const {
  const auto counts_of = [&](std::uint32_t number) { return counts_in(*layer_, number); };
  layer_->grid.check(0, counts_of);
  const graph::GridEdges edges(layer_->grid, 0, counts_of);
  const CodeCheck codes(*layer_, edges);
  for (std::size_t i = 0; i < layer_->grid.inputs.size(); ++i) {
    if (layer_->grid.inputs[i].code) codes.run(i);
  }
}

GridAsk ask_grid(const std::shared_ptr<const GridLayer>& layer, Box box) {
  const Extents& counts = layer->grid.counts;
  bool inside = box.lo.size() == counts.size() && box.hi.size() == counts.size();
  for (std::size_t k = 0; inside && k < counts.size(); ++k) {
    inside = box.lo[k] >= 0 && box.lo[k] <= box.hi[k] && box.hi[k] <= counts[k];
  }
  if (!inside) {
    throw usage_error("tasks " + to_string(box.lo) + " to " + to_string(box.hi) +
                          " are not all in a grid of " + to_string(counts),
                      "indexes count from 0");
  }
  return {layer, box};
}

std::int64_t results_of(const GridAsk& ask) {
  return ask.layer->grid.item_bytes > 0 ? 1 : ask.box.size();
}

namespace {

// Producers before consumers, each once. Without recursion: chains of grids may be long.
class GridOrder {
 public:
  std::uint32_t number_of(const std::shared_ptr<const GridLayer>& layer) {
    std::vector<const GridLayer*> stack{layer.get()};
    while (!stack.empty()) {
      const GridLayer* top = stack.back();
      const std::size_t before = stack.size();
      if (!numbers_.contains(top)) {
        for (const auto& producer : top->producers) {
          if (!numbers_.contains(producer.get())) stack.push_back(producer.get());
        }
      }
      if (stack.size() > before) continue;
      stack.pop_back();
      if (numbers_.emplace(top, static_cast<std::uint32_t>(layers_.size())).second) add(*top);
    }
    return numbers_.at(layer.get());
  }
  std::vector<graph::Layer> take() { return std::move(layers_); }

 private:
  void add(const GridLayer& layer) {
    graph::Grid grid = layer.grid;
    const std::uint32_t own = numbers_.at(&layer);
    for (graph::GridInput& input : grid.inputs) {
      input.layer = input.layer == 0 ? own : numbers_.at(layer.producers[input.layer - 1].get());
    }
    layers_.push_back({grid.function.name, layer.location, std::move(grid)});
  }

  std::unordered_map<const GridLayer*, std::uint32_t> numbers_;
  std::vector<graph::Layer> layers_;
};

}  // namespace

void add_grids(TaskGraph& graph, const std::vector<GridAsk>& asked) {
  GridOrder order;
  std::int64_t next = 0;
  for (const GridAsk& ask : asked) {
    const std::int64_t most = kMostElements / std::max<std::int64_t>(1, ask.layer->grid.item_bytes);
    if (ask.box.size() > most || next + results_of(ask) > graph::Argument::kMost) {
      throw usage_error("too many results of a grid of tasks are asked for",
                        "let tasks put them together, and ask for what they make");
    }
    graph.collected.push_back({order.number_of(ask.layer), ask.box,
                               static_cast<std::uint32_t>(next), ask.layer->grid.item_bytes});
    next += results_of(ask);
  }
  graph.grids = order.take();
}

}  // namespace rankine::api
