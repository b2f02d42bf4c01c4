// Homes of users' tasks: next to their inputs, and no rank with much more than its share.
#include "runtime/plan/follow_inputs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/plan/placement.h"
#include "tests/support/random.h"
#include "tests/support/small_graphs.h"

namespace rankine::plan {
namespace {

using testing::Random;

// Inputs of each task, which come before it.
using Inputs = std::vector<std::vector<std::uint32_t>>;

std::shared_ptr<const graph::Graph> graph_of(const Inputs& inputs) {
  auto graph = std::make_shared<graph::Graph>();
  graph->layers.emplace_back();
  graph->layers.back().kind = testing::named_tasks(inputs);
  return graph;
}

Inputs binary_tree(std::uint32_t leaves) {
  Inputs inputs(leaves);
  std::vector<std::uint32_t> level;
  for (std::uint32_t i = 0; i < leaves; ++i) level.push_back(i);
  while (level.size() > 1) {
    std::vector<std::uint32_t> above;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) {
      above.push_back(static_cast<std::uint32_t>(inputs.size()));
      inputs.push_back({level[i], level[i + 1]});
    }
    level = above;
  }
  return inputs;
}

Inputs random_inputs(Random& random, std::int64_t count) {
  Inputs inputs(static_cast<std::size_t>(count));
  for (std::int64_t task = 1; task < count; ++task) {
    for (std::int64_t i = random.between(0, 3); i > 0; --i) {
      inputs[task].push_back(static_cast<std::uint32_t>(random.between(0, task - 1)));
    }
  }
  return inputs;
}

// Edges between ranks; checks that the ranks' pieces are the tasks at home there, and their share.
std::int64_t crossings(const Inputs& inputs, int ranks, int first_worker = 0) {
  const graph::Topology topology(graph_of(inputs));
  const Placement placement(topology, ranks, first_worker);
  std::vector<std::int64_t> load(static_cast<std::size_t>(ranks), 0);
  std::vector<int> homes;
  std::int64_t crossing = 0;
  for (std::size_t task = 0; task < inputs.size(); ++task) {
    homes.push_back(placement.home(topology, {0, static_cast<std::int64_t>(task)}));
    EXPECT_GE(homes.back(), first_worker);
    EXPECT_LT(homes.back(), ranks);
    ++load[static_cast<std::size_t>(homes.back())];
    for (const std::uint32_t input : inputs[task]) {
      crossing += homes[input] != homes.back() ? 1 : 0;
    }
  }
  const auto share = static_cast<std::int64_t>(inputs.size()) / (ranks - first_worker) + 1;
  EXPECT_LE(*std::max_element(load.begin(), load.end()), share + share / 10);
  if (placement.layer(0).scattered) return crossing;
  for (int rank = 0; rank < ranks; ++rank) {
    std::int64_t tasks = 0;
    for (const Interval& piece : placement.source_pieces(topology, 0, rank)) {
      tasks += piece.length();
      for (std::int64_t i = piece.lo; i < piece.hi; ++i) EXPECT_EQ(homes[i], rank);
    }
    EXPECT_EQ(tasks, load[static_cast<std::size_t>(rank)]);
  }
  return crossing;
}

TEST(FollowInputs, ATreeCrossesNearItsRootOnly) {
  for (const int ranks : {2, 3, 4, 7}) {
    EXPECT_LE(crossings(binary_tree(4096), ranks), 16 * ranks) << ranks << " ranks";
  }
}

TEST(FollowInputs, ColumnsOfAGraphWrittenStepByStepStayTogether) {
  constexpr std::uint32_t kWidth = 16, kSteps = 300;
  Inputs inputs(kWidth);
  for (std::uint32_t step = 1; step < kSteps; ++step) {
    for (std::uint32_t i = 0; i < kWidth; ++i) {
      const std::uint32_t before = (step - 1) * kWidth;
      inputs.push_back({before + i, before + (i + 1) % kWidth, before + i});
    }
  }
  EXPECT_LE(crossings(inputs, 2), 2 * kSteps) << "the two borders";
  EXPECT_LE(crossings(inputs, 4), 4 * kSteps);
}

TEST(FollowInputs, TasksWithoutInputsAreCutEvenly) {
  EXPECT_EQ(crossings(Inputs(1000), 4), 0);
  EXPECT_EQ(crossings(Inputs(3), 5), 0);
  EXPECT_EQ(crossings(Inputs(1), 2), 0);
  const std::vector<HomeRun> cut = {{0, 0}, {4, 1}};
  const graph::Explicit eight = testing::named_tasks(Inputs(8));
  EXPECT_EQ(runs_of(follow_inputs(eight, 2, 0), 8), cut);
  EXPECT_EQ(runs_of(follow_inputs(eight, 2, 1), 8), (std::vector<HomeRun>{{0, 1}, {4, 0}}));
  EXPECT_TRUE(runs_of(follow_inputs(eight, 2, 0), 1).empty());
}

TEST(FollowInputs, AChainMovesOnOnceARankHasItsShare) {
  Inputs chain(1);
  for (std::uint32_t i = 0; i < 999; ++i) chain.push_back({i});
  EXPECT_EQ(crossings(chain, 4), 3);
}

TEST(FollowInputs, AnyGraphIsSharedOut) {
  Random random("FollowInputs.AnyGraphIsSharedOut");
  for (int round = 0; round < 60; ++round) {
    const int ranks = static_cast<int>(random.between(2, 9));
    crossings(random_inputs(random, random.between(1, 3000)), ranks,
              static_cast<int>(random.between(0, 1)));
  }
}

}  // namespace
}  // namespace rankine::plan
