// Bounds of graphs whose bytes no integer counts.
#include "runtime/plan/footprint.h"

#include <gtest/gtest.h>

#include <climits>
#include <set>

#include "runtime/base/pool.h"
#include "runtime/expr/build.h"
#include "runtime/optimize/lower.h"
#include "runtime/plan/saturate.h"
#include "tests/support/random_program.h"

namespace rankine::plan {
namespace {

TEST(Saturation, KeepsTooMuchTooMuch) {
  EXPECT_EQ(plus(3, 4), 7);
  EXPECT_EQ(times(3, 4), 12);
  EXPECT_EQ(times(0, kTooMuch), 0);
  EXPECT_EQ(plus(kTooMuch, kTooMuch), kTooMuch);
  EXPECT_EQ(plus(kTooMuch - 1, 1), kTooMuch);
  EXPECT_EQ(times(kTooMuch, 8), kTooMuch);
  EXPECT_EQ(times(INT64_MAX, INT64_MAX), kTooMuch);
}

Footprint of(const expr::NodePtr& node) {
  const auto plan = optimize::plan_numbers({{node, std::nullopt}});
  const graph::Topology topology(optimize::lower(plan, {}));
  return footprint(topology, Placement(topology, 2));
}

expr::NodePtr ones(std::int64_t length, std::int64_t chunk) {
  return expr::full(ChunkGrid::regular({length}, {chunk}), DType::kFloat64,
                    Literal::of(std::int64_t{1}), expr::Location::current());
}

TEST(Footprint, OfWhatCannotBeCountedIsTooMuchAndNeverNegative) {
  for (int power = 0; power <= 56; ++power) {
    const std::int64_t length = std::int64_t{1} << power;
    const Footprint whole = of(ones(length, length));
    EXPECT_EQ(whole.result_bytes, times(length, 8)) << "2^" << power;
    EXPECT_GE(whole.task_bytes, times(length, 8)) << "2^" << power;
    EXPECT_GE(whole.least_bytes, times(length, 8)) << "2^" << power;
    for (const int threads : {1, 64, INT_MAX}) {
      EXPECT_GE(whole.total(threads), whole.result_bytes);
      EXPECT_LE(whole.total(threads), kTooMuch);
    }
    EXPECT_EQ(of(ones(length, 1000)).result_bytes, times(length, 8)) << "2^" << power;
  }
}

// Chunks of one output that are made on a rank or read there, each once, on the rank with most.
std::int64_t most_chunks(const graph::Topology& topology, const Placement& placement,
                         graph::LayerOutput output) {
  std::vector<std::set<std::int64_t>> on(static_cast<std::size_t>(placement.ranks()));
  for (std::int64_t i = 0; i < topology.task_count(output.layer); ++i) {
    on[placement.home(topology, {output.layer, i})].insert(i);
    topology.for_each_consumer({output.layer, output.output, i}, [&](graph::TaskId task) {
      on[placement.home(topology, task)].insert(i);
    });
  }
  std::int64_t most = 0;
  for (const auto& chunks : on) most = std::max(most, std::ssize(chunks));
  return most;
}

bool is_combined(const graph::Topology& topology, graph::LayerOutput output) {
  for (std::uint32_t layer = output.layer + 1; layer < topology.layer_count(); ++layer) {
    const auto* tree = std::get_if<graph::Reduce>(&topology.graph().layers[layer].kind);
    if (tree != nullptr && tree->source == output) return true;
  }
  return false;
}

TEST(Footprint, CountsAllChunksThatComeToARank) {
  testing::Random random("Footprint.CountsAllChunksThatComeToARank");
  for (int round = 0; round < 200; ++round) {
    testing::RandomProgram program(random, static_cast<int>(random.between(2, 12)), 300);
    optimize::LowerOptions options;
    options.fuse = random.one_in(2);
    const graph::Topology topology(
        optimize::lower(optimize::plan_numbers(program.targets(true)), options));
    const Placement placement(topology, static_cast<int>(random.between(1, 5)));
    std::int64_t held = 0;
    for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
      const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
      for (std::uint32_t i = 0; map != nullptr && i < map->heads.size(); ++i) {
        if (!std::holds_alternative<graph::Keep>(map->heads[i])) continue;
        if (is_combined(topology, {layer, i})) continue;  // counted with the tree
        const auto bytes = static_cast<std::size_t>(topology.largest_output_bytes({layer, i}));
        held += most_chunks(topology, placement, {layer, i}) *
                static_cast<std::int64_t>(Pool::block_bytes(bytes));
      }
    }
    // With as many threads as there may be all chunks of a rank are there at one time.
    ASSERT_LE(held, footprint(topology, placement, INT_MAX).held_bytes) << "round " << round;
  }
}

TEST(Footprint, OfAHaloIsNotThatOfTheWholeArray) {
  const ChunkGrid grid = ChunkGrid::regular({6400, 640}, {10, 10});
  const auto array = expr::full(grid, DType::kFloat64, Literal::of(1.0), expr::Location::current());
  const expr::Alignment operand{{array}, array->grid, array->dims, array->broadcast};
  expr::BlocksSpec spec;
  const auto thunk = &kernels::invoke_blocks<decltype([](Block<const double>, Block<double>) {}),
                                             void, Block<const double>, Block<double>>;
  spec.function.thunk = spec.function.modules.name_of(reinterpret_cast<const void*>(thunk));
  const auto inner = expr::map_blocks(operand, spec, expr::Location::current());
  const expr::Alignment above{{inner}, inner->grid, inner->dims, inner->broadcast};
  spec.halo = {{1, 1, expr::Boundary::periodic()}, {1, 1, expr::Boundary::periodic()}};
  const auto outer = expr::map_blocks(above, spec, expr::Location::current());
  io::OutputVariable variable;
  variable.dtype = DType::kFloat64;
  variable.shape = outer->shape();
  const auto plan = optimize::plan_numbers({{outer, variable}});
  const graph::Topology topology(optimize::lower(plan, {}));
  const std::int64_t all = grid.chunk_count() * 800;
  EXPECT_LT(footprint(topology, Placement(topology, 64)).held_bytes, all / 8)
      << "a share, a row of chunks on both sides, and what lies around the ends";
}

// There are 2^100 ways from the last layer to the first.
TEST(Footprint, CostsWhatItsLayersDoNotWhatTheWaysThroughThemDo) {
  expr::NodePtr node = ones(1000, 10);
  for (int step = 0; step < 100; ++step) {
    const expr::Location here = expr::Location::current();
    const auto sine = expr::elementwise(kernels::Op::kSin, {{node, {}}}, here);
    node = expr::elementwise(kernels::Op::kAdd, {{node, {}}, {sine, {}}}, here);
  }
  optimize::LowerOptions options;
  options.fuse = false;
  const graph::Topology topology(
      optimize::lower(optimize::plan_numbers({{node, std::nullopt}}), options));
  EXPECT_GT(topology.layer_count(), 200U);
  EXPECT_GT(footprint(topology, Placement(topology, 2)).held_bytes, 0);
}

TEST(Footprint, SaysWhatTakesMost) {
  EXPECT_EQ(of(ones(1 << 20, 1000)).largest(1), "the fetched results");
  EXPECT_EQ(of(ones(1 << 20, 1 << 20)).largest(64), "a task of layer 'fetch'");
}

}  // namespace
}  // namespace rankine::plan
