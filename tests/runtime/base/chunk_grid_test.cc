// Cuts of one axis and of grids, against a list with the chunk of every element.
#include "runtime/base/chunk_grid.h"

#include <gtest/gtest.h>

#include <numeric>

#include "runtime/base/archive.h"
#include "tests/support/random.h"

namespace rankine {
namespace {

using testing::Random;

std::vector<std::int64_t> lengths_of(const AxisChunks& axis) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < axis.count(); ++i) lengths.push_back(axis.chunk(i).length());
  return lengths;
}

// Every chunk follows the one before, every element is in the chunk that chunk_at says.
void expect_consistent(const AxisChunks& axis) {
  std::int64_t element = 0;
  for (std::int64_t i = 0; i < axis.count(); ++i) {
    const Interval chunk = axis.chunk(i);
    ASSERT_EQ(chunk.lo, element);
    ASSERT_GT(chunk.hi, chunk.lo);
    for (; element < chunk.hi; ++element) ASSERT_EQ(axis.chunk_at(element), i);
  }
  ASSERT_EQ(element, axis.length());
  for (std::size_t r = 1; r < axis.runs().size(); ++r) {
    ASSERT_NE(axis.runs()[r - 1].length, axis.runs()[r].length) << "equal runs must be one";
  }
}

TEST(AxisChunks, RegularCutsEndWithTheRest) {
  EXPECT_EQ(lengths_of(AxisChunks::regular(10, 4)), (std::vector<std::int64_t>{4, 4, 2}));
  EXPECT_EQ(lengths_of(AxisChunks::regular(8, 4)), (std::vector<std::int64_t>{4, 4}));
  EXPECT_EQ(lengths_of(AxisChunks::regular(3, 4)), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(AxisChunks::regular(0, 4).count(), 0);
  EXPECT_EQ(AxisChunks::regular(0, 4), AxisChunks());
}

TEST(AxisChunks, EqualCutsAreEqualHoweverTheyWereMade) {
  EXPECT_EQ(AxisChunks::of({4, 4, 2}), AxisChunks::regular(10, 4));
  EXPECT_EQ(AxisChunks::regular(8, 4).joined(AxisChunks::of({2})), AxisChunks::regular(10, 4));
  EXPECT_EQ(AxisChunks::regular(1000, 4).clipped({400, 410}), AxisChunks::of({4, 4, 2}));
}

TEST(AxisChunks, ImpossibleLengthsAreErrors) {
  EXPECT_THROW(AxisChunks::of({3, 0}), Error);
  EXPECT_THROW(AxisChunks::of({-1}), Error);
  constexpr std::int64_t kHuge = std::int64_t{1} << 61;
  EXPECT_NO_THROW(AxisChunks::of({kHuge, kHuge}));
  EXPECT_THROW(AxisChunks::of({kHuge, kHuge, 1}), Error);
}

TEST(AxisChunks, ABillionChunksAreOneRun) {
  const AxisChunks axis = AxisChunks::regular(std::int64_t{1} << 60, 1000);
  EXPECT_LE(axis.runs().size(), 2U);
  EXPECT_EQ(axis.chunk_at((std::int64_t{1} << 60) - 1), axis.count() - 1);
  EXPECT_EQ(axis.chunk(123456789).lo, 123456789000);
}

TEST(AxisChunks, EveryElementIsFoundInItsChunk) {
  Random random("AxisChunks.EveryElementIsFoundInItsChunk");
  for (int round = 0; round < 500; ++round) {
    ASSERT_NO_FATAL_FAILURE(expect_consistent(random.cut(random.between(0, 40))));
  }
}

TEST(AxisChunks, ClippedKeepsTheCutsInside) {
  Random random("AxisChunks.ClippedKeepsTheCutsInside");
  for (int round = 0; round < 2000; ++round) {
    const AxisChunks axis = random.cut(random.between(0, 30));
    const Interval part{random.between(-3, 33), random.between(-3, 33)};
    std::vector<std::int64_t> expected;
    for (std::int64_t i = 0; i < axis.count(); ++i) {
      const Interval chunk = axis.chunk(i);
      const std::int64_t length = std::min(chunk.hi, part.hi) - std::max(chunk.lo, part.lo);
      if (length > 0) expected.push_back(length);
    }
    const AxisChunks clipped = axis.clipped(part);
    ASSERT_EQ(lengths_of(clipped), expected) << "round " << round;
    ASSERT_NO_FATAL_FAILURE(expect_consistent(clipped));
  }
}

TEST(AxisChunks, JoinedIsOneAfterTheOther) {
  Random random("AxisChunks.JoinedIsOneAfterTheOther");
  for (int round = 0; round < 500; ++round) {
    const AxisChunks a = random.cut(random.between(0, 20));
    const AxisChunks b = random.cut(random.between(0, 20));
    std::vector<std::int64_t> expected = lengths_of(a);
    for (std::int64_t length : lengths_of(b)) expected.push_back(length);
    const AxisChunks joined = a.joined(b);
    ASSERT_EQ(lengths_of(joined), expected);
    ASSERT_NO_FATAL_FAILURE(expect_consistent(joined));
  }
}

TEST(AxisChunks, ChunksOverIsWhatTheIntervalTouches) {
  Random random("AxisChunks.ChunksOverIsWhatTheIntervalTouches");
  for (int round = 0; round < 2000; ++round) {
    const AxisChunks axis = random.cut(random.between(0, 25));
    const Interval part{random.between(-3, 28), random.between(-3, 28)};
    const Interval found = axis.chunks_over(part);
    for (std::int64_t i = 0; i < axis.count(); ++i) {
      const Interval chunk = axis.chunk(i);
      const bool touched = std::max(chunk.lo, part.lo) < std::min(chunk.hi, part.hi);
      ASSERT_EQ(touched, found.lo <= i && i < found.hi) << "round " << round << " chunk " << i;
    }
    ASSERT_GE(found.length(), 0);
  }
}

TEST(AxisChunks, ComeBackFromAnArchive) {
  Random random("AxisChunks.ComeBackFromAnArchive");
  for (int round = 0; round < 200; ++round) {
    const AxisChunks axis = random.cut(random.between(0, 50));
    const auto back = from_bytes<AxisChunks>(to_bytes(axis));
    ASSERT_EQ(back, axis);
    ASSERT_EQ(back.length(), axis.length());
    ASSERT_EQ(back.count(), axis.count());
  }
}

// What an archive of AxisChunks could hold if it was made by someone else: the checksum is right.
Bytes forged(std::int64_t runs, const std::vector<std::pair<std::int64_t, std::int64_t>>& pairs) {
  std::ostringstream stream;
  {
    cereal::PortableBinaryOutputArchive archive(stream);
    archive(Varint{runs});
    for (const auto& [length, count] : pairs) archive(Varint{length}, Varint{count});
  }
  return seal(stream.str());
}

TEST(AxisChunks, AMalformedArchiveIsAnError) {
  EXPECT_NO_THROW(from_bytes<AxisChunks>(forged(1, {{4, 2}})));
  EXPECT_THROW(from_bytes<AxisChunks>(forged(2, {{4, 2}})), Error) << "cut short";
  EXPECT_THROW(from_bytes<AxisChunks>(forged(1, {{0, 2}})), Error);
  EXPECT_THROW(from_bytes<AxisChunks>(forged(1, {{4, 0}})), Error);
  EXPECT_THROW(from_bytes<AxisChunks>(forged(1, {{-4, 1}})), Error);
  EXPECT_THROW(from_bytes<AxisChunks>(forged(1, {{4, -1}})), Error);
  EXPECT_THROW(from_bytes<AxisChunks>(forged(1, {{std::int64_t{1} << 40, std::int64_t{1} << 40}})),
               Error)
      << "the length overflows";
  EXPECT_THROW(from_bytes<AxisChunks>(forged(std::int64_t{1} << 60, {})), Error);
  EXPECT_THROW(from_bytes<AxisChunks>(forged(-1, {})), Error) << "a negative number of runs";
}

TEST(ChunkGrid, BoxesOfAllChunksTileTheArray) {
  Random random("ChunkGrid.BoxesOfAllChunksTileTheArray");
  for (int round = 0; round < 100; ++round) {
    std::vector<AxisChunks> axes;
    for (std::int64_t k = random.between(0, 3); k > 0; --k) {
      axes.push_back(random.cut(random.between(0, 7)));
    }
    const ChunkGrid grid(std::move(axes));
    const Extents shape = grid.shape();
    std::vector<int> covered(static_cast<std::size_t>(volume(shape)), 0);
    std::int64_t largest = 0;
    for (std::int64_t i = 0; i < grid.chunk_count(); ++i) {
      const Extents chunk = coordinate_of(i, grid.counts());
      const Box box = grid.chunk_box(chunk);
      largest = std::max(largest, box.size());
      const Box back = grid.chunks_over(box);
      ASSERT_EQ(back.lo, chunk);
      ASSERT_EQ(back.size(), 1);
      Extents offset(box.rank(), 0);
      do {
        Extents element = box.lo;
        for (std::size_t k = 0; k < element.size(); ++k) element[k] += offset[k];
        ++covered[static_cast<std::size_t>(position_of(element, shape))];
      } while (next_coordinate(offset, box.shape()));
    }
    for (int times : covered) ASSERT_EQ(times, 1);
    ASSERT_EQ(grid.largest_chunk(), largest);
    ASSERT_EQ(from_bytes<ChunkGrid>(to_bytes(grid)), grid);
  }
}

TEST(ChunkGrid, AnArrayWithoutAxesIsOneChunk) {
  const ChunkGrid grid;
  EXPECT_EQ(grid.chunk_count(), 1);
  EXPECT_EQ(grid.largest_chunk(), 1);
  EXPECT_EQ(grid.chunk_box({}).size(), 1);
}

}  // namespace
}  // namespace rankine
