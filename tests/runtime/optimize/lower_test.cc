// What expressions become: the layers, tasks and edges of known programs, and the numbers they
// give, which must be the same bytes however they were lowered.
#include "runtime/optimize/lower.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/graph/topology.h"
#include "runtime/rankine.h"
#include "tests/support/cluster.h"
#include "tests/support/random_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/small_graphs.h"

namespace rankine::optimize {
namespace {

using namespace rankine::testing;
using graph::Map;
using graph::Topology;

// A data set of nothing: enough to be lowered, not to be read.
Array from_file(const Extents& shape, const Extents& chunk, const std::string& path = "/x") {
  auto dataset = std::make_shared<io::Dataset>();
  dataset->file = "nowhere.nc";
  dataset->path = path;
  dataset->dtype = DType::kFloat32;
  dataset->grid = ChunkGrid::regular(shape, chunk);
  return Array(expr::from_dataset(nullptr, dataset, {}, expr::Location::current()));
}

// (rows, columns) of 0, 1, 2, ... over 7, cut into ragged chunks.
Array counting(std::int64_t rows, std::int64_t columns) {
  const Array row = arange(rows, 3).rename({"row"});
  const Array column = arange(columns, 4).rename({"column"});
  return (row * columns + column) / 7.0;
}

Topology lowered(const std::vector<Target>& targets, const LowerOptions& options = {}) {
  return Topology(lower(plan_numbers(targets), options));
}
LowerOptions apart() {
  LowerOptions options;
  options.fuse = false;
  return options;
}
const Map& map_of(const Topology& topology, std::uint32_t layer) {
  return std::get<Map>(topology.graph().layers[layer].kind);
}
bool is_tree(const Topology& topology, std::uint32_t layer) {
  return std::holds_alternative<graph::Reduce>(topology.graph().layers[layer].kind);
}
template <class Source>
int leaves_from(const Map& map) {
  return static_cast<int>(std::count_if(map.leaves.begin(), map.leaves.end(), [](const auto& leaf) {
    return std::holds_alternative<Source>(leaf.source);
  }));
}

TEST(Lower, AnAnomalyIsThreeLayersWhateverTheArithmetic) {
  const Array x = from_file({120, 6}, {10, 3});
  const Array y = x - x.mean(0);
  const Topology fused = lowered({stored(y.node())});
  ASSERT_EQ(fused.layer_count(), 3U);
  EXPECT_EQ(fused.task_count(0), 12 * 2);
  ASSERT_TRUE(is_tree(fused, 1));
  EXPECT_EQ(fused.reduction(1).leaves, 12);
  EXPECT_EQ(fused.task_count(1), 2 * (2 + 1)) << "two nodes and a root over each column of chunks";
  EXPECT_EQ(fused.task_count(2), 12 * 2);
  EXPECT_EQ(map_of(fused, 0).leaves.size(), 1U);
  EXPECT_EQ(map_of(fused, 2).leaves.size(), 2U) << "the chunk again, and the mean";
  EXPECT_EQ(leaves_from<graph::FileData>(map_of(fused, 2)), 1);
  EXPECT_EQ(fused.count_inputs({2, 0}), 1) << "the mean of its column";

  const Topology unfused = lowered({stored(y.node())}, apart());
  EXPECT_GT(unfused.layer_count(), fused.layer_count());
  EXPECT_GT(unfused.task_count(), fused.task_count());

  const Array longer = exp(abs(y) * 2 + 1);
  const Topology more = lowered({stored(longer.node())});
  EXPECT_EQ(more.layer_count(), 3U) << "elementwise operations join the layer below";
  EXPECT_EQ(more.task_count(), fused.task_count());
}

TEST(Lower, AHeldArrayIsReadOnceAndUsedTwice) {
  const Array x = from_file({120, 6}, {10, 3});
  const Array y = x - x.mean(0);
  const std::vector<Target> targets{stored(y.node())};
  const auto shared = shared_nodes(plan_numbers(targets));
  ASSERT_EQ(shared.size(), 1U);
  EXPECT_EQ(shared[0], x.node());
  LowerOptions options;
  options.held.insert(x.node().get());
  const Topology held = lowered(targets, options);
  ASSERT_EQ(held.layer_count(), 4U);
  int files = 0;
  for (std::uint32_t layer : {0U, 1U, 3U}) {
    files += leaves_from<graph::FileData>(map_of(held, layer));
  }
  EXPECT_EQ(files, 1);
  EXPECT_EQ(held.count_inputs({3, 0}), 2) << "the held chunk, and the mean";
}

TEST(Lower, ASumOfArithmeticIsOneMapAndOneTree) {
  const Array x = from_file({80}, {10});
  const Topology topology = lowered({{(exp(x) * 2).sum().node(), std::nullopt}});
  ASSERT_EQ(topology.layer_count(), 3U) << "partial sums, tree, and what hands the result over";
  EXPECT_EQ(map_of(topology, 0).heads.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<graph::Partial>(map_of(topology, 0).heads[0]));
  EXPECT_EQ(map_of(topology, 0).leaves.size(), 1U);
  EXPECT_TRUE(is_tree(topology, 1));
  EXPECT_EQ(topology.task_count(0), 8);
  EXPECT_EQ(topology.task_count(1), 1);
  EXPECT_EQ(topology.task_count(2), 1);
}

TEST(Lower, AReductionInsideOneChunkNeedsNoTree) {
  const Array x = from_file({80, 4}, {10, 4});
  const Topology topology = lowered({stored(x.sum(1).node())});
  ASSERT_EQ(topology.layer_count(), 2U);
  EXPECT_TRUE(std::get<graph::Partial>(map_of(topology, 0).heads[0]).complete);
  EXPECT_EQ(topology.count_inputs({1, 3}), 1);
}

TEST(Lower, ReductionsOfOneArrayShareTheirPass) {
  const Array x = from_file({80}, {10});
  const Topology topology =
      lowered({{x.min().node(), std::nullopt}, {(x * x).max().node(), std::nullopt}});
  const Map& first = map_of(topology, 0);
  EXPECT_EQ(first.heads.size(), 2U);
  EXPECT_EQ(first.leaves.size(), 1U) << "the chunk is read once for both";
  EXPECT_TRUE(is_tree(topology, 1));
  EXPECT_TRUE(is_tree(topology, 2));
  const Topology other = lowered(
      {{x.min().node(), std::nullopt}, {from_file({80}, {10}, "/y").max().node(), std::nullopt}});
  EXPECT_EQ(map_of(other, 0).heads.size(), 1U) << "nothing in common";
}

TEST(Lower, ASliceReadsOnlyTheChunksItTouches) {
  const Array x = from_file({100}, {10});
  LowerOptions options;
  options.held.insert(x.node().get());
  const Array part = (x * 2 + 1).isel(0, Range{35, 52, 1});
  const Topology topology = lowered({stored(part.node())}, options);
  const auto last = static_cast<std::uint32_t>(topology.layer_count() - 1);
  ASSERT_EQ(last, 1U);
  ASSERT_EQ(topology.task_count(last), 3) << "the cuts of x inside [35, 52)";
  std::set<std::int64_t> read;
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(topology.count_inputs({last, i}), 1);
    topology.for_each_input({last, i}, [&](const auto& chunk) { read.insert(chunk.position); });
  }
  EXPECT_EQ(read, (std::set<std::int64_t>{3, 4, 5}));
  const Topology direct = lowered({stored(part.node())});
  ASSERT_EQ(direct.layer_count(), 1U);
  EXPECT_EQ(map_of(direct, 0).leaves[0].terms[0], (graph::Term{0, 1, 35}));
}

TEST(Lower, ShiftsAndConcatenationsStayInOneLayer) {
  const Array x = from_file({100}, {10});
  EXPECT_EQ(lowered({stored((x.shift({{0, 1}}) - x).node())}).layer_count(), 1U);
  const Topology both = lowered({stored(concatenate({x, x * 2}, 0).node())});
  EXPECT_EQ(both.layer_count(), 1U);
  EXPECT_EQ(both.task_count(), 20);
}

TEST(Lower, ARechunkThatWouldReadAgainHoldsItsOperand) {
  const Array x = from_file({12, 12}, {12, 1});
  EXPECT_EQ(lowered({stored((x + 1).rechunk({{0, 1}, {1, -1}}).node())}).layer_count(), 2U);
  EXPECT_EQ(lowered({stored((x + 1).rechunk({{1, 6}}).node())}).layer_count(), 1U)
      << "whole chunks joined: nothing is read twice";
}

TEST(Lower, TheSizeWithoutFusionIsKnownWithoutLowering) {
  Random random("Lower.TheSizeWithoutFusionIsKnownWithoutLowering");
  for (int round = 0; round < 300; ++round) {
    RandomProgram program(random, static_cast<int>(random.between(1, 16)));
    const NumericPlan plan = plan_numbers(program.targets(random.one_in(2)));
    const Topology topology(lower(plan, apart()));
    const GraphSize size{static_cast<std::int64_t>(topology.layer_count()), topology.task_count()};
    ASSERT_EQ(unfused_size(plan), size) << "round " << round;
  }
}

TEST(Lower, KnownProgramsGiveKnownNumbers) {
  run_cluster(3, threads(2), [](Session& session) {
    const Array x = counting(11, 6);
    const NdArray anomaly = session.compute(x - x.mean("row"));
    const auto [low, high, sum] = session.compute(x.min(), x.max(), (exp(x * 0) * 2).sum());
    EXPECT_EQ(low.item<double>(), 0.0);
    EXPECT_EQ(high.item<double>(), 65 / 7.0);
    EXPECT_EQ(sum.item<double>(), 132.0);
    for (int i = 0; i < 66; ++i) {
      EXPECT_NEAR(anomaly.data<double>()[i], (i / 6 - 5) * 6 / 7.0, 1e-14) << i;
    }
  });
}

TEST(Lower, HeldAndReadAgainGiveTheSameBytes) {
  const auto program = [] {
    const Array x = counting(23, 17);
    const Array scaled = exp(x / 50.0);
    return std::vector<Array>{scaled - scaled.mean("row"), scaled / scaled.std("column"),
                              scaled.isel(0, Range{3, 9, 2}) - scaled.sum("row")};
  };
  const auto computed = [&](session::Reuse reuse) {
    std::vector<NdArray> values;
    RunSettings settings = threads(2);
    settings.reuse = reuse;
    run_cluster(2, settings, [&](Session& session) { values = session.compute_all(program()); });
    return values;
  };
  const auto held = computed(session::Reuse::kHold);
  const auto again = computed(session::Reuse::kReread);
  ASSERT_EQ(held.size(), again.size());
  for (std::size_t i = 0; i < held.size(); ++i) EXPECT_EQ(held[i].bytes(), again[i].bytes()) << i;
}

session::Prepared prepared_for(const Array& array, int ranks, std::int64_t memory_bytes = 0) {
  session::PrepareOptions options;
  options.machine.ranks = ranks;
  options.machine.memory_bytes = memory_bytes;
  return session::prepare(session::targets_of(std::vector<Array>{array}), options);
}

// Rows of one cut against columns of another: read as they are needed, each chunk of the one would
// be read for every chunk of the other.
TEST(Lower, AnOperandInOtherChunksIsMadeOnce) {
  const auto cut = [](std::int64_t rows, std::int64_t columns) {
    return ones({4096, 4096}, DType::kFloat64, {rows, columns});
  };
  const Array wide = exp(cut(256, 4096));
  const Array tall = cut(4096, 256);
  const Array sum = tall + wide;
  const session::Prepared kept = prepared_for(sum, 1);
  EXPECT_EQ(kept.physical.reuse.rfind("hold ", 0), 0u) << kept.physical.reuse;
  // The process may have grown since by the step in which its own share is counted, or by two.
  const session::Prepared small = prepared_for(sum, 1, kept.physical.bound_bytes - (64 << 20));
  EXPECT_EQ(small.physical.reuse.rfind("reread ", 0), 0u) << small.physical.reuse;
  EXPECT_EQ(kept.numeric_hash, small.numeric_hash);
  EXPECT_LT(small.physical.topology->layer_count(), kept.physical.topology->layer_count());
  // Cuts that nest, or nearly do, are left alone.
  const Array x = cut(256, 4096);
  const Array near = exp(x).isel(0, Range{1, {}}) - x.isel(0, Range{{}, -1});
  EXPECT_EQ(prepared_for(near.sum(), 1).physical.reuse.find("other chunks"), std::string::npos);
}

TEST(Lower, FetchedValuesAreMadeOnAllRanks) {
  const Array roots = sqrt(counting(40, 8));
  for (const int first_worker : {0, 1}) {
    session::PrepareOptions options;
    options.machine.ranks = 4;
    options.machine.first_worker = first_worker;
    const session::Prepared prepared =
        session::prepare(session::targets_of(std::vector<Array>{roots, roots.mean()}), options);
    const auto& [graph, topology, placement] =
        std::tie(prepared.physical.graph, *prepared.physical.topology, prepared.physical.placement);
    for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
      const auto* map = std::get_if<graph::Map>(&graph->layers[layer].kind);
      if (map == nullptr || placement.layer(layer).pinned < 0) continue;
      // What is pinned to rank 0 hands over and computes nothing.
      EXPECT_EQ(map->program.value_count(), map->leaves.size()) << graph->layers[layer].name;
    }
  }
}

std::vector<Array> arrays_of(const std::vector<expr::NodePtr>& nodes) {
  std::vector<Array> arrays;
  for (const auto& node : nodes) arrays.emplace_back(node);
  return arrays;
}

TEST(Lower, RandomProgramsGiveTheSameBytesIfEverythingGoesThroughScratch) {
  Random random("Lower.RandomProgramsGiveTheSameBytesIfEverythingGoesThroughScratch");
  for (const bool fuse : {true, false}) {
    RunSettings spill = threads(2);
    spill.reuse = session::Reuse::kSpill;
    spill.fuse = fuse;
    run_cluster(1, threads(1), [&](Session& plain) {
      for (const int ranks : {1, 2, 3, 5}) {
        run_cluster(ranks, spill, [&](Session& spilling) {
          for (int round = 0; round < testing::repeats(25); ++round) {
            RandomProgram program(random, static_cast<int>(random.between(2, 16)));
            const std::vector<Array> arrays = arrays_of(program.roots());
            const auto expected = plain.compute_all(arrays);
            const auto got = spilling.compute_all(arrays);
            for (std::size_t i = 0; i < arrays.size(); ++i) {
              ASSERT_EQ(got[i].bytes(), expected[i].bytes())
                  << ranks << " ranks, round " << round << ", root " << i;
            }
          }
        });
      }
    });
  }
}

TEST(Lower, RandomProgramsGiveTheSameBytesFusedOrNotHeldOrNot) {
  Random random("Lower.RandomProgramsGiveTheSameBytesFusedOrNotHeldOrNot");
  RunSettings unfused = threads(1);
  unfused.fuse = false;
  RunSettings reread = threads(2);
  reread.reuse = session::Reuse::kReread;
  run_cluster(1, unfused, [&](Session& plain) {
    run_cluster(2, threads(1), [&](Session& held) {
      run_cluster(3, reread, [&](Session& again) {
        for (int round = 0; round < testing::repeats(100); ++round) {
          RandomProgram program(random, static_cast<int>(random.between(2, 16)));
          const std::vector<Array> arrays = arrays_of(program.roots());
          const auto expected = plain.compute_all(arrays);
          const auto one = held.compute_all(arrays);
          const auto two = again.compute_all(arrays);
          for (std::size_t i = 0; i < arrays.size(); ++i) {
            ASSERT_EQ(one[i].bytes(), expected[i].bytes()) << "round " << round << ", root " << i;
            ASSERT_EQ(two[i].bytes(), expected[i].bytes()) << "round " << round << ", root " << i;
          }
        }
      });
    });
  });
}

}  // namespace
}  // namespace rankine::optimize
