// What functions on blocks become: which layers, what they read, and which calls are left out.
#include <gtest/gtest.h>

#include "runtime/base/archive.h"
#include "runtime/graph/topology.h"
#include "runtime/optimize/lower.h"
#include "runtime/rankine.h"
#include "tests/support/small_graphs.h"

namespace rankine::optimize {
namespace {

using graph::Map;
using graph::Topology;

void same(Block<const float> x, Block<float> y) {
  std::copy_n(x.begin(), y.full_size(), y.begin());
}

// A data set of nothing: enough to be lowered, not to be read.
Array from_file(const Extents& shape, const Extents& chunk) {
  auto dataset = std::make_shared<io::Dataset>();
  dataset->file = "nowhere.nc";
  dataset->path = "/x";
  dataset->dtype = DType::kFloat32;
  dataset->grid = ChunkGrid::regular(shape, chunk);
  return Array(expr::from_dataset(nullptr, dataset, {}, expr::Location::current()));
}

Topology lowered(const Array& array, bool stored) {
  Target target{array.node(), std::nullopt};
  if (stored) target = testing::stored(array.node());
  return Topology(lower(plan_numbers(rewrite({target})), {}));
}

const Map& map_of(const Topology& topology, std::uint32_t layer) {
  return std::get<Map>(topology.graph().layers[layer].kind);
}

std::vector<std::string> names(const Topology& topology) {
  std::vector<std::string> result;
  for (const graph::Layer& layer : topology.graph().layers) result.push_back(layer.name);
  return result;
}

TEST(Blocks, AreOneLayerFromFileToFile) {
  const Array x = from_file({100, 40}, {10, 20});
  const Array once = map_blocks(same, (x * 2).astype(DType::kFloat32));
  const Array twice = map_blocks(same, (once + 1).astype(DType::kFloat32)) - 3;
  const Topology topology = lowered(twice, true);
  ASSERT_EQ(topology.layer_count(), 1U) << "nothing is kept for another layer";
  EXPECT_EQ(topology.task_count(), 20);
  EXPECT_EQ(map_of(topology, 0).calls.size(), 2U);
  EXPECT_EQ(map_of(topology, 0).calls[0].inputs[0].pieces.size(), 1U);
  EXPECT_EQ(lowered(twice.mean(0), true).layer_count(), 3U) << "chunks, tree, store";
  EXPECT_EQ(map_of(lowered(twice.mean(0), true), 0).calls.size(), 2U);
}

TEST(Blocks, AreKeptWhereOtherBoxesAreNeeded) {
  const Array x = from_file({100, 40}, {10, 20});
  const Array y = map_blocks(BlockOptions{.name = "same"}, same, x);
  EXPECT_EQ(names(lowered(y.rechunk({{0, 7}}), true)),
            (std::vector<std::string>{"map_blocks(same)", "store v"}));
  EXPECT_EQ(lowered(y + y.transpose().isel(0, Range{0, 1}).transpose(), true).layer_count(), 2U);
  // Within a fold a task takes many chunks, one after the other, in their own boxes.
  const Array z = map_blocks(same, from_file({6400}, {10}));
  const Topology folded = lowered(z.sum(), true);
  EXPECT_TRUE(map_of(folded, 0).steps);
  EXPECT_EQ(map_of(folded, 0).calls.size(), 1U);
}

TEST(Blocks, ReadTheirHalosAndNoMore) {
  const Array x = map_blocks(same, from_file({60, 40}, {10, 20})).rechunk({{1, 20}});
  const Array y = map_overlap(same, x, {{0, 3, Boundary::periodic()}});
  const Topology topology = lowered(y, true);
  ASSERT_EQ(topology.layer_count(), 2U);
  const std::uint32_t reader = 1;
  const std::pair<std::int64_t, std::int64_t> expected[] = {{0, 3}, {2, 3}, {10, 3}};
  for (const auto& [task, inputs] : expected) {
    EXPECT_EQ(topology.count_inputs({reader, task}), inputs) << "its own chunk and two neighbours";
  }
  std::int64_t elements = 0;
  topology.for_each_use({0, 0, 0}, [&](graph::TaskId task, const Topology::LeafEdge* edge) {
    if (task.position == 0) return;
    EXPECT_TRUE(task.position == 2 || task.position == 10) << task.position;
    elements +=
        intersect(topology.elements_read(*edge, task), topology.output_box({0, 0, 0})).size();
  });
  EXPECT_EQ(elements, 2 * 3 * 20) << "three rows for each neighbour";
}

TEST(Blocks, WithHalosReadChunksOfFilesOnce) {
  const Array x = from_file({60, 40}, {10, 20});
  const auto held = [](const Array& array) {
    return recut_nodes(plan_numbers({testing::stored(array.node())}));
  };
  const std::vector<Halo> halo{{0, 1}, {1, 1}};
  EXPECT_EQ(held(map_overlap(same, x, halo)), (std::vector<expr::NodePtr>{x.node()}));
  const Array y = (x * 2).astype(DType::kFloat32);
  EXPECT_EQ(held(map_overlap(same, y, halo)), (std::vector<expr::NodePtr>{y.node()}));
  EXPECT_TRUE(held(map_overlap(same, zeros({60, 40}, DType::kFloat32, {10, 20}), halo)).empty());
  const Array inner = map_overlap(same, x, halo);
  EXPECT_EQ(held(map_overlap(same, inner, halo)), (std::vector<expr::NodePtr>{x.node()}));
  EXPECT_TRUE(held(map_blocks(same, x)).empty());
}

TEST(Blocks, AreCalledForThePartThatIsAskedFor) {
  const Array x = from_file({1000, 40}, {10, 20});
  const Array y = map_overlap(same, map_blocks(same, x), {{0, 3}});
  EXPECT_EQ(lowered(y.isel(0, Range{205, 215}), false).task_count(), 2 * 2 + 4 * 2 + 4)
      << "two chunks with halos from four, in both columns";
  EXPECT_LE(lowered(y.isel(0, Range{205, 215}).isel(1, Range{30, 31}), true).task_count(),
            2 + 4 + 2);
  const auto chunk = [](Block<const float> a, Block<float> s) { s[0] = a[0]; };
  const auto join = [](Block<float> a, Block<const float> b) { a[0] += b[0]; };
  const Array r = reduction(x, 1, chunk, join);
  EXPECT_EQ(lowered(r, true).task_count(), 200 + 100 + 100);
  EXPECT_EQ(lowered(r.isel(0, Range{990, 1000}), true).task_count(), 2 + 1 + 1);
  const Array z = map_blocks(BlockOptions{.drop_axes = {1}}, same, x);
  EXPECT_EQ(lowered(z.isel(0, std::int64_t{17}), false).task_count(), 1 + 1);
  const Array e = map_blocks(BlockOptions{.elementwise = true}, same, x);
  EXPECT_EQ(lowered(e.isel(0, Range{0, 1000, 100}), true).layer_count(), 1U);
}

TEST(Blocks, CostTheSameForAnyNumberOfChunks) {
  const auto bytes = [](std::int64_t length) {
    const Array x = from_file({length, 64}, {16, 16});
    const Array y = map_overlap(same, map_blocks(same, x),
                                {{0, 2, Boundary::nearest()}, {1, 40, Boundary::reflect()}});
    const auto join = [](Block<float> a, Block<const float> b) { a[0] += b[0]; };
    const Target target = testing::stored(reduction(y, 0, same, join).node());
    return to_bytes(*lower(plan_numbers({target}), {})).size();
  };
  EXPECT_LE(bytes(std::int64_t{1} << 40), bytes(1 << 10) + 200);
  EXPECT_LE(bytes(1 << 10), 8192U);
}

TEST(Blocks, AreEqualIfAllIsEqual) {
  const Array x = from_file({100, 40}, {10, 20});
  const auto other = [](Block<const float> a, Block<float> b) { b[0] = a[0]; };
  EXPECT_EQ(map_blocks(same, x).node(), map_blocks(same, x).node());
  EXPECT_NE(map_blocks(same, x).node(), map_blocks(other, x).node());
  EXPECT_NE(map_blocks(same, x).node(), map_overlap(same, x, {{0, 1}}).node());
  EXPECT_NE(map_overlap(same, x, {{0, 1, Boundary::reflect()}}).node(),
            map_overlap(same, x, {{0, 1, Boundary::nearest()}}).node());
  const auto scaled = [](Block<const float> a, float by, Block<float> b) { b[0] = by * a[0]; };
  EXPECT_NE(map_blocks(scaled, x, 1).node(), map_blocks(scaled, x, 2).node());
  EXPECT_EQ(map_blocks(scaled, x, 2).node(), map_blocks(scaled, x, 2.0).node());
}

}  // namespace
}  // namespace rankine::optimize
