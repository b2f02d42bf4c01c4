#include "collectives/seats.h"

#include <gtest/gtest.h>

namespace rankine::collectives {
namespace {

using List = std::vector<Cores>;
constexpr Cores kOwn = Cores::kOwn;
constexpr Cores kShared = Cores::kShared;

TEST(Seats, ARankThatIsBoundHasItsCoresHoweverManyRanksThereAre) {
  EXPECT_EQ(cores_of({{"a", {0}, 1}, {"a", {1}, 1}, {"a", {2, 3}, 2}}), (List{kOwn, kOwn, kOwn}));
  EXPECT_EQ(cores_of({{"a", {0}, 2}, {"a", {1}, 1}}), (List{kShared, kOwn}));
}

TEST(Seats, RanksWithoutBindingShareWhenThereAreMoreThreadsThanCores) {
  EXPECT_EQ(cores_of({{"a", {0, 1}, 1}, {"a", {0, 1}, 1}}), (List{kOwn, kOwn}));
  EXPECT_EQ(cores_of({{"a", {0, 1}, 2}, {"a", {0, 1}, 1}}), (List{kShared, kShared}));
  // By way of a rank between them.
  EXPECT_EQ(cores_of({{"a", {0}, 1}, {"a", {0, 1}, 2}, {"a", {1}, 1}}),
            (List{kShared, kShared, kShared}));
}

TEST(Seats, CoresOfOtherNodesAreOthers) {
  EXPECT_EQ(cores_of({{"a", {0}, 1}, {"b", {0}, 1}}), (List{kOwn, kOwn}));
}

TEST(Seats, WhoseCoresAreUnknownSharesThem) {
  EXPECT_EQ(cores_of({{"a", {}, 1}}), (List{kShared}));
  EXPECT_TRUE(cores_of({}).empty());
}

TEST(Seats, ThisProcessHasOne) {
  const Seat seat = own_seat(3);
  EXPECT_EQ(seat.threads, 3);
  EXPECT_FALSE(seat.cores.empty());
}

}  // namespace
}  // namespace rankine::collectives
