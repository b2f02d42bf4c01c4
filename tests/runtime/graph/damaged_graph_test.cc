// Graphs that no plan makes are refused when they are installed.
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "runtime/base/archive.h"
#include "runtime/graph/topology.h"
#include "tests/support/small_graphs.h"

namespace rankine::graph {
namespace {

using namespace testing;

template <class Layered>
Layered& first(Graph& graph) {
  for (Layer& layer : graph.layers) {
    if (auto* found = std::get_if<Layered>(&layer.kind)) return *found;
  }
  throw std::logic_error("the graph has no such layer");
}

Leaf& first_edge(Graph& graph) {
  for (Layer& layer : graph.layers) {
    auto* map = std::get_if<Map>(&layer.kind);
    if (map == nullptr) continue;
    for (Leaf& leaf : map->leaves) {
      if (std::holds_alternative<LayerOutput>(leaf.source)) return leaf;
    }
  }
  throw std::logic_error("the graph has no edge");
}

void expect_refused(const Graph& good, const std::function<void(Graph&)>& damage) {
  const auto graph = std::make_shared<Graph>(good);
  EXPECT_NO_THROW(Topology{graph});
  damage(*graph);
  EXPECT_THROW(Topology{graph}, Error);
}

TEST(DamagedGraph, ReductionsThatDoNotFitAreRefused) {
  const auto good = tree_graph(20);
  const auto refused = [&](const std::function<void(Reduce&)>& damage) {
    expect_refused(*good, [&](Graph& graph) { damage(first<Reduce>(graph)); });
  };
  refused([](Reduce& reduce) { reduce.fan_in = 1; });
  refused([](Reduce& reduce) { reduce.fan_in = 0; });
  refused([](Reduce& reduce) { reduce.fan_in = INT64_MAX; });
  refused([](Reduce& reduce) { reduce.source.layer = 7; });
  refused([](Reduce& reduce) { reduce.source.output = 7; });
  refused([](Reduce& reduce) { reduce.reduced = Extents{1, 1}; });
  refused([](Reduce& reduce) { reduce.reduced = Extents{}; });
  refused([](Reduce& reduce) { reduce.source_grid = ChunkGrid::regular({4}, {1}); });
  expect_refused(*good, [](Graph& graph) {
    for (Head& head : first<Map>(graph).heads) std::get<Partial>(head).reduced = Extents{1, 0};
  });
}

TEST(DamagedGraph, LeavesThatReachBeyondTheirArraysAreRefused) {
  const auto x = ramp(20);
  const auto good = graph_of({stored(reversed(x))}, {x});
  const auto refused = [&](const std::function<void(Leaf&)>& damage) {
    expect_refused(*good, [&](Graph& graph) { damage(first_edge(graph)); });
  };
  refused([](Leaf& leaf) { leaf.terms[0].step = 0; });
  refused([](Leaf& leaf) { leaf.terms[0].step = 3; });
  refused([](Leaf& leaf) { leaf.terms[0].step = INT64_MIN; });
  refused([](Leaf& leaf) { leaf.terms[0].offset += 1; });
  refused([](Leaf& leaf) { leaf.terms[0].offset = INT64_MAX; });
  refused([](Leaf& leaf) { leaf.terms[0].axis = 1; });
  refused([](Leaf& leaf) { leaf.terms.clear(); });
  refused([](Leaf& leaf) { leaf.domain.hi[0] = INT64_MAX; });
  refused([](Leaf& leaf) { leaf.domain.hi.clear(); });
  refused([](Leaf& leaf) { leaf.call = -2; });
  refused([](Leaf& leaf) { leaf.call = 0; });
  refused([](Leaf& leaf) { std::get<LayerOutput>(leaf.source).layer = 1; });
  refused([](Leaf& leaf) { std::get<LayerOutput>(leaf.source).output = 1; });
  refused([](Leaf& leaf) { leaf.source = FileData{3}; });
}

TEST(DamagedGraph, ArraysOfTooManyAxesAreRefused) {
  const ChunkGrid grid(std::vector<AxisChunks>(33, AxisChunks::regular(2, 1)));
  EXPECT_THROW(from_bytes<ChunkGrid>(to_bytes(grid)), Error);
}

// Every byte of a graph changed, under a right checksum.
TEST(DamagedGraph, AnyByteChangedIsAnErrorOrAGraph) {
  const Bytes bytes = to_bytes(*tree_graph(20));
  const std::string payload(unseal(bytes));
  int refused = 0;
  for (std::size_t i = 0; i < payload.size(); ++i) {
    for (const int change : {1, 0x40, 0xff}) {
      std::string damaged = payload;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      try {
        const Topology topology(std::make_shared<Graph>(from_bytes<Graph>(seal(damaged))));
        EXPECT_GE(topology.task_count(), 0);
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace rankine::graph
