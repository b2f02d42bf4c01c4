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

using Counts = std::vector<std::int32_t>;

TEST(Seats, ThreadsAreARanksOwnCoresOrItsShareOfThoseOfSeveral) {
  EXPECT_EQ(threads_of({{"a", {0, 1}, 1}, {"a", {2, 3, 4}, 1}}), (Counts{2, 3}));
  EXPECT_EQ(threads_of({{"a", {0, 1, 2, 3}, 9}, {"a", {0, 1, 2, 3}, 9}, {"b", {0, 1}, 9}}),
            (Counts{2, 2, 2}));
  EXPECT_EQ(threads_of({{"a", {0}, 1}, {"a", {0, 1, 2, 3, 4, 5}, 1}}), (Counts{1, 3}));
  EXPECT_EQ(threads_of({{"a", {0}, 7}, {"a", {0}, 7}, {"a", {}, 7}}), (Counts{1, 1, 7}));
}

TEST(Seats, GroupsAreOfRanksWhoseCoresMeet) {
  const std::vector<CoreGroup> groups =
      core_groups({{"a", {0, 1}, 1}, {"a", {4}, 2}, {"a", {1, 2}, 3}, {"b", {1}, 4}});
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].ranks, (Counts{0, 2}));
  EXPECT_EQ(groups[0].cores, 3);
  EXPECT_EQ(groups[0].threads, 4);
  EXPECT_EQ(groups[1].ranks, (Counts{1}));
  EXPECT_EQ(groups[2].ranks, (Counts{3}));
}

TEST(Seats, ThisProcessHasOne) {
  const Seat seat = own_seat(3);
  EXPECT_EQ(seat.threads, 3);
  EXPECT_FALSE(seat.cores.empty());
}

}  // namespace
}  // namespace rankine::collectives
