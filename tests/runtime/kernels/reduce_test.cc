#include "runtime/kernels/reduce.h"

#include <gtest/gtest.h>

#include <numeric>

#include "runtime/kernels/simd.h"
#include "tests/runtime/kernels/reduce_support.h"

namespace rankine::kernels {
namespace {

using testing::Random;
using testing::Reduction;

constexpr ReduceOp kAllOps[] = {ReduceOp::kSum, ReduceOp::kProd, ReduceOp::kMean, ReduceOp::kVar,
                                ReduceOp::kStd, ReduceOp::kMin,  ReduceOp::kMax,  ReduceOp::kAny,
                                ReduceOp::kAll, ReduceOp::kCount};

// Where the order of operations shows.
constexpr ReduceOp kSensitiveOps[] = {ReduceOp::kProd, ReduceOp::kMean, ReduceOp::kVar};

ReduceSpec random_spec(Random& random, DType dtype) {
  return {kAllOps[random.below(std::size(kAllOps))], dtype, random.below(2) == 0,
          static_cast<std::int64_t>(random.below(3))};
}

std::string describe(const ReduceSpec& spec, const Extents& shape, std::uint32_t reduced) {
  return "op " + std::to_string(static_cast<int>(spec.op)) + " of " +
         std::string(name_of(spec.input)) + (spec.skipna ? " skipna" : "") + " over " +
         std::to_string(reduced) + " of " + to_string(shape) + ", seed " +
         std::to_string(testing::seed());
}

TEST(Reduce, AgreesWithLongDoubleForAnyAxesTypesAndLayouts) {
  Random random(testing::seed());
  for (int round = 0; round < 600; ++round) {
    const Extents shape = random.shape(round % 20 == 0 ? 40000 : 1000);
    const auto array = testing::Array::random(random, random.dtype(), shape);
    const ReduceSpec spec = random_spec(random, array.dtype);
    const auto reduced = static_cast<std::uint32_t>(random.below(1u << shape.size()));
    Reduction result(spec, shape, reduced);
    result.add(array);
    testing::expect_close(result, array, describe(spec, shape, reduced));
    if (::testing::Test::HasFailure()) return;
  }
}

// The promise behind "same bytes for any ranks and threads": see evaluate.h.
TEST(Reduce, HasTheSameBitsHoweverTheKeptAxesAreCutAtEveryVectorWidthAndLayout) {
  Random random(testing::seed());
  for (int round = 0; round < 400; ++round) {
    const Extents shape = round % 2 ? random.shape(1000) : random.large_shape();
    if (volume(shape) == 0) continue;
    const DType dtype = random.below(4) ? DType::kFloat64 : random.dtype();
    ReduceSpec spec = random_spec(random, dtype);
    if (random.below(3)) spec.op = kSensitiveOps[random.below(std::size(kSensitiveOps))];
    const auto array = testing::calm_array(random, dtype, shape, spec.skipna);
    const auto reduced = static_cast<std::uint32_t>(random.below(1u << shape.size()));
    limit_simd(Simd::kBaseline);
    Reduction whole(spec, shape, reduced);
    whole.add(array);
    limit_simd(random.below(2) ? Simd::kAvx512 : Simd::kAvx2);
    std::vector<std::byte> cut(state_bytes(spec, whole.kept()));
    testing::for_each_cut(random, shape, reduced, [&](const Box& box) {
      Reduction part(spec, box.shape(), reduced);
      part.add(random.below(2) ? testing::sub_array(array, box)
                               : testing::packed(testing::sub_array(array, box)));
      testing::paste_state(part, shape, box, cut);
    });
    ASSERT_EQ(std::memcmp(whole.state(), cut.data(), cut.size()), 0)
        << describe(spec, shape, reduced);
  }
  limit_simd(Simd::kAvx512);
}

TEST(Reduce, MergesStatesOfPartsAlongReducedAxes) {
  Random random(testing::seed());
  for (int round = 0; round < 200; ++round) {
    const Extents shape = random.shape(2000);
    if (volume(shape) == 0 || shape.empty()) continue;
    const auto array = testing::Array::random(random, random.dtype(), shape);
    const ReduceSpec spec = random_spec(random, array.dtype);
    const std::size_t axis = random.below(shape.size());
    const std::uint32_t reduced = 1u << axis;
    Box head = Box::whole(shape), tail = Box::whole(shape);
    head.hi[axis] = tail.lo[axis] =
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(shape[axis]) + 1));
    Reduction left(spec, head.shape(), reduced), right(spec, tail.shape(), reduced);
    left.add(testing::sub_array(array, head));
    right.add(testing::sub_array(array, tail));
    left.combine(right);
    testing::expect_close(left, array, shape, describe(spec, shape, reduced));
    // A box folded into a state that holds earlier values is the same, up to rounding.
    Reduction both(spec, head.shape(), reduced);
    both.add(testing::sub_array(array, head));
    both.add(testing::sub_array(array, tail));
    testing::expect_close(both, array, shape, describe(spec, shape, reduced));
    if (::testing::Test::HasFailure()) return;
  }
}

template <class T>
std::vector<std::byte> reduced_all(const ReduceSpec& spec, const std::vector<T>& values,
                                   const Extents& shape, std::uint32_t reduced) {
  Reduction reduction(spec, shape, reduced);
  reduction.add(testing::dense_array(values, shape));
  return reduction.result();
}

template <class R, class T>
R reduced_to_one(const ReduceSpec& spec, const std::vector<T>& values) {
  const auto bytes = reduced_all(spec, values, {static_cast<std::int64_t>(values.size())}, 1);
  R result;
  EXPECT_EQ(bytes.size(), sizeof result);
  std::memcpy(&result, bytes.data(), sizeof result);
  return result;
}

TEST(Reduce, SumsMillionsOfNumbersWithinFourEpsilonOfTheSumOfTheirSizes) {
  Random random(testing::seed());
  for (const bool cancel : {false, true}) {
    std::vector<double> values(1'000'001);
    long double exact = 0, size = 0;
    for (double& x : values) {
      x = cancel ? random.normal() * std::exp(10 * random.normal()) : random.real();
      exact += x;
      size += std::abs(x);
    }
    const ReduceSpec spec{.op = ReduceOp::kSum, .input = DType::kFloat64};
    const double tolerance = static_cast<double>(4 * 0x1p-52L * size);
    EXPECT_NEAR(static_cast<double>(reduced_to_one<double>(spec, values) - exact), 0, tolerance);
    const auto columns = reduced_all(spec, values, {1'000'001, 1}, 1);
    EXPECT_EQ(columns, reduced_all(spec, values, {1'000'001}, 1));
  }
}

TEST(Reduce, KeepsTheVarianceOfASmallSpreadAroundALargeMean) {
  Random random(testing::seed());
  for (const std::size_t count : {10, 1000, 1'000'000}) {
    for (const double outlier : {0.0, 1e9}) {
      std::vector<double> values(count);
      for (double& x : values) x = 1e6 + random.normal();
      values[0] += outlier;
      long double mean = 0, m2 = 0;
      for (double x : values) mean += x;
      mean /= static_cast<long double>(count);
      for (double x : values) m2 += (x - mean) * (x - mean);
      const auto expected = static_cast<double>(m2 / static_cast<long double>(count));
      const ReduceSpec spec{.op = ReduceOp::kVar, .input = DType::kFloat64};
      EXPECT_NEAR(reduced_to_one<double>(spec, values) / expected, 1, 1e-12)
          << count << " outlier " << outlier << " seed " << testing::seed();
    }
    std::vector<float> narrow(count);
    long double mean = 0, m2 = 0;
    for (float& x : narrow) mean += x = static_cast<float>(1e6 + random.normal());
    mean /= static_cast<long double>(count);
    for (float x : narrow) m2 += (x - mean) * (x - mean);
    const ReduceSpec spec{.op = ReduceOp::kStd, .input = DType::kFloat32};
    const auto expected = static_cast<double>(std::sqrt(m2 / static_cast<long double>(count)));
    EXPECT_NEAR(reduced_to_one<float>(spec, narrow) / expected, 1, 1e-6);
  }
}

TEST(Reduce, GivesNeutralResultsForNoValuesAndForNothingButMissingOnes) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& values : {std::vector<float>{}, std::vector<float>(11, nan)}) {
    const auto result = [&](ReduceOp op) {
      return reduced_to_one<float>({.op = op, .input = DType::kFloat32}, values);
    };
    EXPECT_EQ(result(ReduceOp::kSum), 0);
    EXPECT_EQ(result(ReduceOp::kProd), 1);
    for (ReduceOp op :
         {ReduceOp::kMean, ReduceOp::kVar, ReduceOp::kStd, ReduceOp::kMin, ReduceOp::kMax}) {
      EXPECT_TRUE(std::isnan(result(op)));
    }
    const ReduceSpec count{.op = ReduceOp::kCount, .input = DType::kFloat32};
    EXPECT_EQ(reduced_to_one<std::int64_t>(count, values), 0);
  }
  EXPECT_FALSE(reduced_to_one<bool>({.op = ReduceOp::kAny, .input = DType::kInt8},
                                    std::vector<std::int8_t>{}));
  EXPECT_TRUE(reduced_to_one<bool>({.op = ReduceOp::kAll, .input = DType::kInt8},
                                   std::vector<std::int8_t>{}));
}

TEST(Reduce, PropagatesMissingAndInfiniteValuesAsNumpyDoes) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const auto plain = [&](ReduceOp op, std::vector<double> values) {
    return reduced_to_one<double>({.op = op, .input = DType::kFloat64, .skipna = false}, values);
  };
  for (ReduceOp op : {ReduceOp::kSum, ReduceOp::kProd, ReduceOp::kMean, ReduceOp::kVar,
                      ReduceOp::kMin, ReduceOp::kMax}) {
    for (std::size_t at = 0; at < 11; ++at) {
      std::vector<double> values(11, 2.0);
      values[at] = nan;
      EXPECT_TRUE(std::isnan(plain(op, values)));
    }
  }
  EXPECT_EQ(plain(ReduceOp::kSum, {1, inf, 2}), inf);
  EXPECT_EQ(plain(ReduceOp::kMean, {1, -inf, 2}), -inf);
  EXPECT_TRUE(std::isnan(plain(ReduceOp::kSum, {inf, -inf})));
  EXPECT_TRUE(std::isnan(plain(ReduceOp::kVar, {1, inf})));
  EXPECT_EQ(plain(ReduceOp::kMax, {1, inf}), inf);
  EXPECT_EQ(plain(ReduceOp::kMin, {inf, inf}), inf);
  EXPECT_TRUE(reduced_to_one<bool>({.op = ReduceOp::kAny, .input = DType::kFloat64},
                                   std::vector<double>{0, nan}));
}

TEST(Reduce, WrapsIntegersAndDividesByCountMinusDdof) {
  const std::vector<std::int64_t> large(3, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(reduced_to_one<std::int64_t>({.op = ReduceOp::kSum, .input = DType::kInt64}, large),
            std::numeric_limits<std::int64_t>::max() - 2);
  EXPECT_EQ(reduced_to_one<std::uint64_t>({.op = ReduceOp::kProd, .input = DType::kUInt8},
                                          std::vector<std::uint8_t>(9, 200)),
            [] {
              std::uint64_t p = 1;
              for (int i = 0; i < 9; ++i) p *= 200;
              return p;
            }());
  const std::vector<std::int8_t> few{1, 2, 4};
  EXPECT_NEAR(reduced_to_one<double>({.op = ReduceOp::kVar, .input = DType::kInt8, .ddof = 1}, few),
              7.0 / 3, 1e-15);
  EXPECT_TRUE(std::isnan(
      reduced_to_one<double>({.op = ReduceOp::kVar, .input = DType::kInt8, .ddof = 3}, few)));
}

TEST(Reduce, FoldsSeveralOutputsOfOneProgramOverDifferentAxes) {
  Random random(testing::seed());
  const Extents shape{7, 33, 70};
  const auto array = testing::Array::random(random, DType::kFloat32, shape);
  Program program;
  const int x = program.add_leaf(DType::kFloat32);
  const int root = program.add(Op::kSqrt, {program.add(Op::kAbsolute, {x})});
  for (int value : {root, root, x, root}) program.add_output(value);
  const ReduceSpec mean{.op = ReduceOp::kMean, .input = DType::kFloat32};
  Reduction over_time(mean, shape, 1), over_space(mean, shape, 6), plain(mean, shape, 6);
  std::vector<std::byte> dense(static_cast<std::size_t>(volume(shape)) * 4), alone(dense.size());
  const View view = array.view();
  const Sink sinks[] = {over_time.sink(), DenseSink{dense.data()}, plain.sink(), over_space.sink()};
  Scratch scratch;
  evaluate(program, shape, {&view, 1}, sinks, scratch);

  Program single;
  const int y = single.add_leaf(DType::kFloat32);
  single.add_output(single.add(Op::kSqrt, {single.add(Op::kAbsolute, {y})}));
  const Sink store = DenseSink{alone.data()};
  evaluate(single, shape, {&view, 1}, {&store, 1}, scratch);
  EXPECT_EQ(dense, alone);
  const auto roots = testing::from_bytes(alone, DType::kFloat32, shape);
  testing::expect_close(over_time, roots, "time");
  testing::expect_close(over_space, roots, "space");
  testing::expect_close(plain, array, "plain");
}

TEST(Reduce, NamesItsResultTypes) {
  const auto result = [](ReduceOp op, DType input) {
    return result_dtype({.op = op, .input = input});
  };
  EXPECT_EQ(result(ReduceOp::kSum, DType::kBool), DType::kInt64);
  EXPECT_EQ(result(ReduceOp::kProd, DType::kInt8), DType::kInt64);
  EXPECT_EQ(result(ReduceOp::kSum, DType::kUInt16), DType::kUInt64);
  EXPECT_EQ(result(ReduceOp::kSum, DType::kFloat32), DType::kFloat32);
  EXPECT_EQ(result(ReduceOp::kMean, DType::kFloat32), DType::kFloat32);
  EXPECT_EQ(result(ReduceOp::kVar, DType::kInt16), DType::kFloat64);
  EXPECT_EQ(result(ReduceOp::kMin, DType::kInt16), DType::kInt16);
  EXPECT_EQ(result(ReduceOp::kCount, DType::kFloat32), DType::kInt64);
  EXPECT_EQ(result(ReduceOp::kAll, DType::kFloat32), DType::kBool);
}

}  // namespace
}  // namespace rankine::kernels
