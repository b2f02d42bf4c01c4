// The memory a plan promises, against the most that any rank's pool held.
#include <gtest/gtest.h>

#include "collectives/loopback.h"
#include "runtime/rankine.h"
#include "runtime/session/engine.h"

namespace rankine::session {
namespace {

constexpr int kRanks = 4;
constexpr std::int64_t kSide = 640;

// Each element differs from its neighbours; cut into wide strips, then into tall ones.
Array tall_strips() {
  const Array row = arange(kSide, 32).rename({"row"});
  const Array column = arange(kSide, kSide).rename({"column"});
  return sqrt(row * kSide + column).rechunk({{0, kSide}, {1, 32}});
}

void expect_promise_kept(const Array& array, Reuse reuse) {
  PrepareOptions options;
  options.machine.ranks = kRanks;
  options.reuse = reuse;
  const Prepared prepared = prepare(targets_of(std::vector<Array>{array}), options);
  collectives::LoopbackNetwork network(kRanks);
  std::vector<std::unique_ptr<Engine>> engines;
  for (int rank = kRanks - 1; rank >= 0; --rank) {
    engines.push_back(std::make_unique<Engine>(network.rank(rank), EngineOptions()));
  }
  const GraphOutcome outcome = engines.back()->run_graph(
      prepared.graph_bytes, to_bytes(read_indexes(*prepared.physical.graph)), "");
  engines.back()->quit();
  for (auto& engine : engines) {
    if (engine != engines.back()) engine->serve();
  }
  ASSERT_FALSE(outcome.failure);
  for (const RankReport& rank : outcome.ranks) {
    EXPECT_LE(rank.peak_pool_bytes, prepared.physical.footprint.total(1));
    EXPECT_GT(rank.peak_pool_bytes, 0);
  }
}

TEST(Promise, HoldsWhereEveryRankReadsEverything) {
  const Array tall = tall_strips();
  const Array other = arange(12, 1).rename({"case"});
  expect_promise_kept((other * tall).mean(), Reuse::kChoose);
}

TEST(Promise, HoldsWhereAChunkIsReadFromOppositeEnds) {
  const Array tall = tall_strips();
  expect_promise_kept((tall + tall.isel(1, Range{{}, {}, -1})).mean(), Reuse::kChoose);
}

TEST(Promise, HoldsWhereAChunkIsKeptForASecondPass) {
  const Array tall = tall_strips();
  for (const Reuse reuse : {Reuse::kHold, Reuse::kReread}) {
    expect_promise_kept((tall - tall.mean(0)).max(), reuse);
    expect_promise_kept((tall - tall.mean(1)).max(), reuse);
  }
}

}  // namespace
}  // namespace rankine::session
