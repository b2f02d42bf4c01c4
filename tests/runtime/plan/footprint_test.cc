// Bounds of graphs whose bytes no integer counts.
#include "runtime/plan/footprint.h"

#include <gtest/gtest.h>

#include <climits>

#include "runtime/expr/build.h"
#include "runtime/optimize/lower.h"
#include "runtime/plan/saturate.h"

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

TEST(Footprint, SaysWhatTakesMost) {
  EXPECT_EQ(of(ones(1 << 20, 1000)).largest(1), "the fetched results");
  EXPECT_EQ(of(ones(1 << 20, 1 << 20)).largest(64), "a task of layer 'fetch'");
}

}  // namespace
}  // namespace rankine::plan
