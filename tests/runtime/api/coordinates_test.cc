#include "runtime/api/coordinates.h"

#include <numeric>
#include <random>

#include "runtime/api/reduction.h"
#include "runtime/base/error.h"
#include "runtime/expr/build.h"
#include "tests/runtime/api/support.h"

namespace rankine::api::test {
namespace {

// Element numbers in the data set, one by one.
std::vector<std::int64_t> expanded(const AxisSegments& segments) {
  std::vector<std::int64_t> elements;
  for (const AxisSegment& segment : segments) {
    for (std::int64_t i = 0; i < segment.count; ++i) {
      elements.push_back(segment.start + i * segment.step);
    }
  }
  return elements;
}

TEST_F(Climate, TracesWhatSlicesAndConcatenationsDoToAnAxis) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto upto = [&](std::int64_t n) { return static_cast<std::int64_t>(random() % n); };
  const Array tas = get("tas");
  for (int round = 0; round < 300; ++round) {
    Array array = tas;
    std::vector<std::int64_t> expected(6);
    std::iota(expected.begin(), expected.end(), 0);
    for (int step = 0; step < 6; ++step) {
      const auto length = static_cast<std::int64_t>(expected.size());
      std::vector<std::int64_t> next;
      switch (upto(4)) {
        case 0: {  // any slice, backwards too
          const std::int64_t stride = (upto(2) == 0 ? 1 : -1) * (1 + upto(3));
          const std::int64_t start = length == 0 ? 0 : upto(length);
          const std::int64_t room =
              length == 0 ? 0 : (stride > 0 ? (length - 1 - start) / stride : start / -stride) + 1;
          const std::int64_t count = upto(room + 1);
          for (std::int64_t i = 0; i < count; ++i) next.push_back(expected[start + i * stride]);
          const Extents starts{start, 0, 0}, steps{stride, 1, 1}, counts{count, 4, 5};
          array = Array(expr::slice(array.node(), starts, steps, counts, Location::current()));
          expected = next;
          break;
        }
        case 1:
          if (length > 200) break;
          array = concatenate({array, array[{Range{0, length / 2}}]}, "time");
          next = expected;
          next.insert(next.end(), expected.begin(), expected.begin() + length / 2);
          expected = next;
          break;
        case 2: array = array * 2 + array.mean({"lat", "lon"}); break;
        default: array = array.shift({{"lat", 1}}).rechunk({{"time", 2}}); break;
      }
    }
    EXPECT_EQ(expanded(trace_axis(array.node(), 0)), expected);
    EXPECT_EQ(expanded(trace_axis(array.mean("lon").transpose().node(), 1)), expected);
    EXPECT_EQ(expanded(trace_axis(array.node(), 2)), (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  }
}

TEST_F(Climate, PutsPartsThatFollowEachOtherTogether) {
  const Array tas = get("tas");
  const Array whole = concatenate({tas[{Range{0, 2}}], tas[{Range{2, 2}}], tas[{Range{2, 6}}]}, 0);
  const AxisSegments segments = trace_axis(whole.node(), 0);
  ASSERT_EQ(segments.size(), 1U);
  EXPECT_EQ(segments[0].dataset, "/tas");
  EXPECT_EQ(segments[0].count, 6);
  const AxisSegments none = trace_axis(tas[{Range{3, 3}}].node(), 0);
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none[0].count, 0);
}

TEST_F(Climate, TracesTheOperandThatGoesAlongTheAxis) {
  const Array tas = get("tas");
  const Array lat = get("lat");
  EXPECT_EQ(trace_axis((lat * tas).node(), 0).at(0).dataset, "/lat");
  EXPECT_EQ(trace_axis((lat * tas).node(), 1).at(0).dataset, "/tas");
  EXPECT_EQ(trace_axis((arange(5) + tas).node(), 2).at(0).dataset, "/tas");
  EXPECT_TRUE(trace_axis(tas.mean("lat", {.keepdims = true}).node(), 1).empty());
  EXPECT_TRUE(trace_axis(concatenate({tas, zeros({1, 4, 5})}, 0).node(), 0).empty());
  EXPECT_TRUE(trace_axis(arange(3).node(), 0).empty());
  const auto same = [](Block<const float> x, Block<float> y) { y[0] = x[0]; };
  const auto join = [](Block<float> x, Block<const float> y) { x[0] += y[0]; };
  const Array shorter = map_blocks(
      BlockOptions{.drop_axes = {"lat"}, .new_axes = {{0, 2, ""}}, .chunks = {{"lon", {1}}}}, same,
      tas);
  EXPECT_TRUE(trace_axis(shorter.node(), 0).empty());
  EXPECT_EQ(trace_axis(shorter.node(), 1).at(0).axis, 0);
  EXPECT_TRUE(trace_axis(shorter.node(), 2).empty());
  EXPECT_EQ(trace_axis(map_overlap(same, tas, {{"lat", 1}}).node(), 1).at(0).axis, 1);
  EXPECT_EQ(trace_axis(reduction(tas, "lat", same, join).node(), 1).at(0).axis, 2);
  const Array product =
      matmul(tas[{Range{}, std::int64_t{0}}], tas[{Range{}, std::int64_t{0}}].transpose());
  EXPECT_EQ(trace_axis(product.node(), 0).at(0).axis, 0);
  EXPECT_EQ(trace_axis(product.node(), 1).at(0).axis, 0);
}

TEST_F(Climate, TracesDeepAndSharedExpressionsInNoTime) {
  Array x = get("tas");
  for (int i = 0; i < 5'000; ++i) x = x + x;
  EXPECT_EQ(trace_axis(x.node(), 0).at(0).count, 6);
  EXPECT_EQ(text(describe({{"x", x}}), "x", "units"), "K");
}

TEST_F(Climate, GivesCoordinateValuesDecoded) {
  const auto file = file_info(folder / "climate.nc");
  EXPECT_EQ(coordinate_values(*file, "lon"), (std::vector<double>{10, 60, 110, 160, 210}));
  EXPECT_EQ(coordinate_values(*file, "/time"), (std::vector<double>{0, 10, 20, 30, 40, 50}));
  EXPECT_THROW(coordinate_values(*file, "bnds"), Error);
  EXPECT_THROW(coordinate_values(*file, "nothing"), Error);
  EXPECT_THROW(coordinate_values(*file, "tlat"), Error);
  EXPECT_THROW(coordinate_values(*file, "region"), Error);
}

TEST_F(Climate, FindsCoordinatesInGroups) {
  EXPECT_PYTHON(R"(
d = nc.Dataset('groups.nc', 'w')
g = d.createGroup('model'); d.createDimension('y', 3); g.createDimension('x', 2)
d.createVariable('y', 'f8', ('y',))[:] = [1, 2, 3]
g.createVariable('x', 'f8', ('x',))[:] = [7, 8]
d.createVariable('crs', 'i4').note = 'root'
v = g.createVariable('v', 'f8', ('y', 'x')); v.grid_mapping = 'crs'; v[:] = 0
)");
  const auto info = file_info(folder / "groups.nc");
  EXPECT_EQ(coordinate_values(*info, "x"), (std::vector<double>{7, 8}));
  const io::OutputFile file = describe({{"v", get("model/v", "groups.nc")}});
  EXPECT_NE(find(file, "x"), nullptr);
  EXPECT_NE(find(file, "y"), nullptr);
  EXPECT_EQ(text(file, "v", "grid_mapping"), "crs");
  EXPECT_EQ(text(file, "crs", "note"), "root");
}

}  // namespace
}  // namespace rankine::api::test
