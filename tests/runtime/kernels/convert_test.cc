#include "runtime/kernels/convert.h"

#include <gtest/gtest.h>

#include "tests/runtime/kernels/support.h"

namespace rankine::kernels {
namespace {

template <class To, class From>
To converted(From value) {
  From source[2] = {From{}, value};
  To target[3] = {};
  convert(dtype_for<From>(), dtype_for<To>(), 1, reinterpret_cast<const std::byte*>(source + 1), 0,
          reinterpret_cast<std::byte*>(target + 1), 0);
  To contiguous{};
  convert(dtype_for<From>(), dtype_for<To>(), 1, reinterpret_cast<const std::byte*>(source + 1),
          sizeof(From), reinterpret_cast<std::byte*>(&contiguous), sizeof(To));
  EXPECT_EQ(std::memcmp(&contiguous, target + 1, sizeof(To)), 0);
  return target[1];
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr auto kInt32Min = std::numeric_limits<std::int32_t>::min();
constexpr auto kInt64Min = std::numeric_limits<std::int64_t>::min();

TEST(Convert, TreatsWhatDoesNotFitAsNumpyOnX86Does) {
  for (double bad : {kNan, kInf, -kInf, 1e30, -1e30}) {
    EXPECT_EQ(converted<std::int32_t>(bad), kInt32Min);
    EXPECT_EQ(converted<std::int64_t>(bad), kInt64Min);
    EXPECT_EQ(converted<std::int8_t>(bad), 0);
    EXPECT_EQ(converted<std::uint8_t>(bad), 0);
    EXPECT_EQ(converted<std::int16_t>(static_cast<float>(bad)), 0);
    EXPECT_EQ(converted<std::int32_t>(static_cast<float>(bad)), kInt32Min);
    EXPECT_TRUE(converted<bool>(bad));
  }
  EXPECT_EQ(converted<std::int8_t>(300.0), 44);
  EXPECT_EQ(converted<std::uint8_t>(-1.0), 255);
  EXPECT_EQ(converted<std::int16_t>(70000.0f), 4464);
  EXPECT_EQ(converted<std::int32_t>(3e9), kInt32Min);
  EXPECT_EQ(converted<std::int32_t>(-2147483648.9), kInt32Min);
  EXPECT_EQ(converted<std::int32_t>(2147483647.5), 2147483647);
  EXPECT_EQ(converted<std::uint32_t>(3e9), 3000000000u);
  EXPECT_EQ(converted<std::uint32_t>(-3e9), 1294967296u);
  EXPECT_EQ(converted<std::uint32_t>(kNan), 0u);
  EXPECT_EQ(converted<std::uint64_t>(-1.0), ~std::uint64_t{0});
  EXPECT_EQ(converted<std::uint64_t>(1.5e19), 15000000000000000000u);
  EXPECT_EQ(converted<std::uint64_t>(1e30), 0u);
  EXPECT_EQ(converted<std::uint64_t>(kNan), std::uint64_t{1} << 63);
  EXPECT_EQ(converted<std::uint64_t>(-1e30), std::uint64_t{1} << 63);
}

TEST(Convert, WrapsIntegersAndRoundsFloats) {
  EXPECT_EQ(converted<std::int8_t>(std::int32_t{300}), 44);
  EXPECT_EQ(converted<std::uint64_t>(std::int8_t{-1}), ~std::uint64_t{0});
  EXPECT_EQ(converted<std::int64_t>(~std::uint64_t{0}), -1);
  EXPECT_EQ(converted<float>(std::int32_t{16777217}), 16777216.0f);
  EXPECT_EQ(converted<float>(0.1), 0.1f);
  EXPECT_EQ(converted<float>(1e300), std::numeric_limits<float>::infinity());
  EXPECT_EQ(converted<double>(std::uint64_t{1} << 63), 9223372036854775808.0);
  EXPECT_EQ(converted<std::int32_t>(-2.9f), -2);
  EXPECT_TRUE(converted<bool>(0.5));
  EXPECT_FALSE(converted<bool>(-0.0));
  EXPECT_EQ(converted<double>(true), 1.0);
}

TEST(Convert, GivesTheSameBytesForRunsAndForSingleElements) {
  testing::Random random(testing::seed());
  for (int round = 0; round < 300; ++round) {
    const DType from = random.dtype(), to = random.dtype();
    const auto n = static_cast<std::int64_t>(random.below(70));
    const auto source = testing::Array::random(random, from, {n});
    const auto size = static_cast<std::ptrdiff_t>(size_of(to));
    const std::ptrdiff_t step = random.below(2) ? size : -2 * size;
    std::vector<std::byte> together(200 * 8), single(200 * 8);
    std::byte* start = together.data() + (step < 0 ? -step * n : 0);
    convert(from, to, n, source.view().data, source.strides[0], start, step);
    std::byte* other = single.data() + (start - together.data());
    for (std::int64_t i = 0; i < n; ++i) {
      convert(from, to, 1, source.at({i}), 0, other + i * step, 0);
    }
    EXPECT_EQ(together, single) << name_of(from) << " to " << name_of(to) << " seed "
                                << testing::seed();
  }
}

TEST(CopyStrided, MovesEveryElementOfRandomLayouts) {
  testing::Random random(testing::seed());
  for (int round = 0; round < 500; ++round) {
    const Extents shape = random.shape(2000);
    const DType dtype = random.dtype();
    const auto source = testing::Array::random(random, dtype, shape);
    auto target = testing::Array::random(random, dtype, shape);
    while (std::find(target.strides.begin(), target.strides.end(), 0) != target.strides.end()) {
      target = testing::Array::random(random, dtype, shape);
    }
    std::vector<std::byte> untouched = target.bytes;
    copy_strided(size_of(dtype), shape, source.view().data, source.strides,
                 target.bytes.data() + target.origin, target.strides);
    if (volume(shape) == 0) continue;
    Extents at(shape.size(), 0);
    do {
      const auto offset = target.at(at) - target.bytes.data();
      ASSERT_EQ(std::memcmp(target.at(at), source.at(at), size_of(dtype)), 0)
          << to_string(shape) << " seed " << testing::seed();
      std::memcpy(untouched.data() + offset, target.at(at), size_of(dtype));
    } while (next_coordinate(at, shape));
    EXPECT_EQ(untouched, target.bytes) << "wrote outside, seed " << testing::seed();
  }
}

TEST(CopyStrided, TakesElementsOfAnySize) {
  const char source[] = "abcdefghi";
  char target[] = "---------";
  copy_strided(3, {3}, reinterpret_cast<const std::byte*>(source), {3},
               reinterpret_cast<std::byte*>(target + 6), {-3});
  EXPECT_STREQ(target, "ghidefabc");
}

TEST(FillStrided, ConvertsTheLiteralOnce) {
  std::int16_t values[6] = {1, 1, 1, 1, 1, 1};
  fill_strided(DType::kInt16, Literal::of(-7.9), {2, 2}, reinterpret_cast<std::byte*>(values),
               {6, 4});
  EXPECT_EQ(std::vector<std::int16_t>(values, values + 6),
            (std::vector<std::int16_t>{-7, 1, -7, -7, 1, -7}));
}

}  // namespace
}  // namespace rankine::kernels
