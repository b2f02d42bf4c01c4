// Expressions before layers: what simplify and push_slices_down make of known ones, and the same
// numbers from random ones.
#include <gtest/gtest.h>

#include "runtime/graph/topology.h"
#include "runtime/optimize/pushdown.h"
#include "runtime/optimize/simplify.h"
#include "runtime/rankine.h"
#include "tests/support/cluster.h"
#include "tests/support/random_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_graphs.h"

namespace rankine::optimize {
namespace {

using namespace rankine::testing;
using expr::NodePtr;

Array field(const Extents& shape, const Extents& chunk) {
  auto dataset = std::make_shared<io::Dataset>();
  dataset->file = "nowhere.nc";
  dataset->path = "/x";
  dataset->dtype = DType::kFloat32;
  dataset->grid = ChunkGrid::regular(shape, chunk);
  return Array(expr::from_dataset(nullptr, dataset, {}, expr::Location::current()));
}
Array simpler(const Array& x) { return Array(simplify({x.node()}).front()); }
Array pushed(const Array& x) { return Array(push_slices_down({x.node()}).front()); }

TEST(Simplify, RemovesWhatIsUndone) {
  const Array x = field({40, 6}, {10, 3});
  EXPECT_EQ(simpler(-(-x)).node(), x.node());
  EXPECT_EQ(simpler(x.transpose().transpose()).node(), x.node());
  EXPECT_EQ(simpler(x.astype(DType::kFloat64).astype(DType::kFloat32)).node(), x.node());
  EXPECT_EQ(simpler(x.rechunk({{0, 7}}).rechunk({{0, 10}})).node(), x.node());
  EXPECT_EQ(simpler(x * 1).node(), x.node());
  EXPECT_EQ(simpler(1 * x).node(), x.node());
  EXPECT_EQ(simpler(x / 1.0 - 0).node(), x.node());
  EXPECT_EQ(simpler(exp(-(-x)) * 1).node(), exp(x).node()) << "below other operations as well";
}

TEST(Simplify, KeepsWhatWouldChangeABit) {
  const Array x = field({40, 6}, {10, 3});
  const Array whole = x.astype(DType::kInt32);
  for (const Array& y :
       {x + 0, x - (-0.0), x * 2, 1 / x, 0 - x, whole / 1, x.astype(DType::kInt32),
        x.astype(DType::kInt32).astype(DType::kFloat32), -abs(-x), x.transpose(),
        whole.astype(DType::kInt64).astype(DType::kFloat64).astype(DType::kInt64)}) {
    EXPECT_EQ(simpler(y).node(), y.node()) << expr::name_of(*y.node());
  }
}

TEST(Simplify, JoinsSlicesAndViewsAndRechunks) {
  const Array x = field({40, 6}, {10, 3});
  const Array part = simpler(x.isel(0, Range{4, 36, 2}).isel(0, Range{15, 2, -3}));
  ASSERT_NE(part.node()->as<expr::Slice>(), nullptr);
  EXPECT_EQ(part.node()->operands[0], x.node());
  EXPECT_EQ(part.node()->as<expr::Slice>()->start[0], 4 + 2 * 15);
  EXPECT_EQ(part.node()->as<expr::Slice>()->step[0], -6);
  const Array cut = simpler(x.rechunk({{0, 7}}).rechunk({{0, 20}}));
  EXPECT_EQ(cut.node()->operands[0], x.node());
  EXPECT_EQ(cut.node()->grid, x.rechunk({{0, 20}}).node()->grid);
}

TEST(Pushdown, ASliceOfAReductionReducesOnlyWhatItNeeds) {
  const Array x = field({40, 60}, {10, 6});
  const Array y = pushed(x.mean(0).isel(0, Range{12, 24, 1}));
  ASSERT_NE(y.node()->as<expr::Reduce>(), nullptr) << "the slice went below the mean";
  EXPECT_EQ(y.node()->operands[0]->shape(), (Extents{40, 12}));
  const graph::Topology topology(lower(plan_numbers({stored(y.node())}), {}));
  EXPECT_EQ(topology.task_count(0), 4 * 2) << "of 40 chunks those that are needed";
}

TEST(Pushdown, UsersOfPartsShareWhatTheyNeedTogether) {
  const Array mean = field({40, 60}, {10, 6}).mean(0);
  const Array y = pushed(mean.isel(0, Range{5, 15, 1}) - mean.isel(0, Range{8, 18, 1}));
  const graph::Topology topology(lower(plan_numbers({stored(y.node())}), {}));
  const auto& reduced = std::get<graph::Map>(topology.graph().layers[0].kind).grid.shape();
  EXPECT_EQ(reduced, (Extents{40, 13})) << "columns 5 to 17";
}

TEST(Pushdown, PartsThatNobodyNeedsAreNotJoined) {
  const Array x = field({40, 6}, {10, 3});
  const Array joined = concatenate({x, exp(x), log(x)}, 0);
  EXPECT_EQ(pushed(joined.isel(0, Range{45, 75, 1})).node(),
            exp(x.isel(0, Range{5, 35, 1})).node());
}

TEST(Pushdown, WhatIsNeededWholeStaysTheSameNode) {
  const Array x = field({40, 6}, {10, 3});
  const Array y = (x - x.mean(0)).shift({{0, 2}}).transpose().rechunk({{0, 2}});
  EXPECT_EQ(pushed(y).node(), y.node());
}

// Chunks of the reduced operand, as written and after slices were pushed down.
void expect_equal_folds(const Array& y) {
  const auto folds = [](const Array& array) {
    std::vector<ChunkGrid> grids;
    for (const NodePtr& node : expr::topological_order({array.node()})) {
      if (node->as<expr::Reduce>() != nullptr) grids.push_back(node->operands[0]->grid);
    }
    return grids;
  };
  EXPECT_EQ(folds(pushed(y)), folds(y));
}

TEST(Pushdown, ASliceBelowAConcatenationKeepsItsChunks) {
  const Array x = field({39}, {15});
  expect_equal_folds(concatenate({x, x, x}, 0).isel(0, Range{{}, {}, 3}).var());
  const Array y = concatenate({x, exp(x)}, 0).isel(0, Range{2, 70, 2});
  expect_equal_folds((y - y.mean()).sum());
}

TEST(Pushdown, ASliceOfWhatOthersNeedTooKeepsItsChunks) {
  const Array x = field({40}, {40});
  const Array parts = concatenate({x, x.rechunk({{0, 4}})}, 0);
  const Array far = parts.isel(0, Range{40, 80, 1});
  expect_equal_folds(far.sum() + parts.isel(0, Range{40, 80, 2}).sum());
}

TEST(Rewrite, TheNumericPlanKnowsNoMachine) {
  const Array x = field({4000, 6}, {10, 3});
  const auto targets = std::vector<Target>{stored((x - x.mean(0)).node())};
  const auto hash = [&](int ranks, int threads, std::int64_t memory, session::Reuse reuse) {
    session::PrepareOptions options;
    options.machine.ranks = ranks;
    options.machine.threads = threads;
    options.machine.memory_bytes = memory;
    options.reuse = reuse;
    return session::prepare(targets, options).numeric_hash;
  };
  const std::uint64_t one = hash(1, 1, 0, session::Reuse::kHold);
  EXPECT_EQ(hash(64, 8, 0, session::Reuse::kReread), one);
  EXPECT_EQ(hash(3, 2, std::int64_t{1} << 40, session::Reuse::kChoose), one);
  EXPECT_NE(plan_numbers({stored(x.mean(0).node())}).hash, one);
  const Array other = field({4000, 6}, {20, 3});
  EXPECT_NE(plan_numbers({stored((other - other.mean(0)).node())}).hash,
            plan_numbers(targets).hash);
  auto compressed = targets;
  compressed[0].output->codec = io::parse_codec("deflate-9");
  EXPECT_NE(plan_numbers(compressed).hash, plan_numbers(targets).hash);
  auto summed = targets;
  summed[0].output->fletcher32 = true;
  EXPECT_NE(plan_numbers(summed).hash, plan_numbers(targets).hash);
}

// (x[i-1] + x[i] + x[i+1]) / 4, many times.
Array smoothed(Array x, int times) {
  for (int i = 0; i < times; ++i) x = (x.shift({{0, 1}}) + x + x.shift({{0, -1}})) / 4.0;
  return x;
}

TEST(Kept, NodesNeededAtManyPlacesBoundTheirPrograms) {
  const Array x = field({1000}, {100});
  Array doubled = field({8}, {3});
  for (int i = 0; i < 12; ++i) doubled = concatenate({doubled, doubled * 1}, 0);
  for (const Array& y : {smoothed(x, 40), doubled}) {
    const NumericPlan plan = plan_numbers({stored(y.node())});
    EXPECT_GT(plan.kept.size(), 2U);
    const graph::Topology topology(lower(plan, {}));
    EXPECT_LT(topology.layer_count(), 16U);
    for (const graph::Layer& layer : topology.graph().layers) {
      EXPECT_LT(std::get<graph::Map>(layer.kind).program.value_count(), 250) << layer.name;
    }
  }
  EXPECT_TRUE(plan_numbers({stored(smoothed(x, 2).node())}).kept.empty()) << "a few places";
}

TEST(Kept, StencilsOfStencilsGiveTheNumbersOfALoop) {
  run_cluster(2, threads(2), [](Session& session) {
    const int steps = 20;  // the middle is still a number
    const NdArray got = session.compute(smoothed(arange(50, 7).astype(DType::kFloat64), steps));
    std::vector<double> expected(50);
    for (int i = 0; i < 50; ++i) expected[i] = i;
    for (int step = 0; step < steps; ++step) {
      const std::vector<double> last = expected;
      for (int i = 0; i < 50; ++i) {
        const double nan = std::numeric_limits<double>::quiet_NaN();
        expected[i] = ((i > 0 ? last[i - 1] : nan) + last[i] + (i < 49 ? last[i + 1] : nan)) / 4.0;
      }
    }
    for (int i = 0; i < 50; ++i) {
      const double value = got.data<double>()[i];
      EXPECT_TRUE(value == expected[i] || (std::isnan(value) && std::isnan(expected[i]))) << i;
    }
  });
}

TEST(Rewrite, PartsOfAReductionHaveTheBitsOfTheWhole) {
  run_cluster(1, threads(1), [](Session& session) {
    // Enough chunks that tasks fold several, over values whose sums depend on the order.
    const Array row = arange(2048, 4).rename({"row"});
    const Array column = arange(64, 8).rename({"column"});
    const Array x = sin(row * 0.7 + column) * 1000 + column;
    for (const Array& whole : {x.var("row"), x.mean("row"), (x / 1e6 + 1).prod("row")}) {
      const NdArray all = session.compute(whole);
      const NdArray part = session.compute(whole.isel(0, Range{8, 16, 1}));
      for (int i = 0; i < 8; ++i) {
        EXPECT_EQ(part.data<double>()[i], all.data<double>()[8 + i]) << i;
      }
    }
  });
}

TEST(Rewrite, ChangesNoBitOfRandomPrograms) {
  Random random("Rewrite.ChangesNoBitOfRandomPrograms");
  constexpr int kRounds = testing::repeats(300);
  int changed = 0;
  RunSettings as_written = threads(1);
  as_written.fuse = false;  // the session rewrites nothing itself
  run_cluster(1, as_written, [&](Session& session) {
    for (int round = 0; round < kRounds; ++round) {
      RandomProgram program(random, static_cast<int>(random.between(2, 16)));
      const std::vector<NodePtr> roots = program.roots();
      const std::vector<NodePtr> simple = simplify(roots);
      const std::vector<NodePtr> less = push_slices_down(simple);
      changed += less != roots ? 1 : 0;
      const auto values = [&](const std::vector<NodePtr>& nodes) {
        std::vector<Array> arrays;
        for (const NodePtr& node : nodes) arrays.emplace_back(node);
        return session.compute_all(arrays);
      };
      const auto expected = values(roots);
      const auto got = values(less);
      for (std::size_t i = 0; i < roots.size(); ++i) {
        ASSERT_EQ(less[i]->shape(), roots[i]->shape());
        ASSERT_EQ(less[i]->dtype, roots[i]->dtype);
        ASSERT_EQ(less[i]->dims, roots[i]->dims);
        ASSERT_EQ(less[i]->grid, roots[i]->grid) << "chunks decide how a reduction is folded";
        ASSERT_EQ(got[i].bytes(), expected[i].bytes()) << "round " << round << ", root " << i;
      }
    }
  });
  EXPECT_GT(changed, kRounds / 6);
}

}  // namespace
}  // namespace rankine::optimize
