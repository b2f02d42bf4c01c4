#include "runtime/kernels/op_loops.h"

#include <gtest/gtest.h>

#include "runtime/kernels/simd.h"
#include "tests/runtime/kernels/numpy_facts.h"
#include "tests/runtime/kernels/support.h"

namespace rankine::kernels {
namespace {

using testing::kFacts;

double as_double(DType dtype, const std::byte* data) {
  return visit_dtype(dtype, [&](auto tag) {
    typename decltype(tag)::type value;
    std::memcpy(&value, data, sizeof value);
    return static_cast<double>(value);
  });
}

constexpr int kLength = 37;  // a few vectors and a tail at every width

// All results of a loop over kLength copies of the arguments, those in `splat` given once.
std::vector<double> run(Op op, DType dtype, const double* arguments, unsigned splat) {
  const std::vector<DType> operands(static_cast<std::size_t>(arity(op)), dtype);
  const OpTypes types = infer_types(op, operands);
  std::vector<std::vector<std::byte>> data;
  std::vector<const std::byte*> pointers;
  for (int k = 0; k < arity(op); ++k) {
    const DType type = operand_dtype(op, k, types.compute);
    data.emplace_back(kLength * size_of(type));
    fill_strided(type, Literal::of(arguments[k]), {kLength}, data.back().data(),
                 {static_cast<std::int64_t>(size_of(type))});
  }
  for (const auto& one : data) pointers.push_back(one.data());
  std::vector<std::byte> out(kLength * size_of(types.result));
  find_loop(op, types.compute, splat)(kLength, pointers.data(), out.data());
  std::vector<double> results;
  for (std::size_t i = 0; i < kLength; ++i) {
    results.push_back(as_double(types.result, &out[i * size_of(types.result)]));
  }
  return results;
}

TEST(OpLoops, GiveNumpysResultsAtEveryVectorWidthWithEveryArgumentSplat) {
  for (int level = 0; level < 3; ++level) {
    limit_simd(static_cast<Simd>(level));
    for (const testing::Fact& fact : kFacts) {
      const auto op = find_op(fact.op);
      ASSERT_TRUE(op) << fact.op;
      for (unsigned splat = 0; splat + 1 < 1u << arity(*op); ++splat) {
        for (double result : run(*op, fact.dtype, fact.arguments, splat)) {
          const bool same = std::memcmp(&result, &fact.result, sizeof result) == 0;
          ASSERT_TRUE(same || (std::isnan(result) && std::isnan(fact.result)))
              << fact.op << "." << name_of(fact.dtype) << "(" << fact.arguments[0] << ", "
              << fact.arguments[1] << ", " << fact.arguments[2] << ") = " << result << ", not "
              << fact.result << "; splat " << splat << " level " << level;
        }
      }
    }
  }
}

TEST(OpLoops, KeepAllDigitsOf64BitIntegers) {
  const auto apply = [](Op op, std::int64_t a, std::int64_t b) {
    const std::byte* arguments[] = {reinterpret_cast<const std::byte*>(&a),
                                    reinterpret_cast<const std::byte*>(&b)};
    std::int64_t out = 0;
    find_loop(op, DType::kInt64, 0)(1, arguments, reinterpret_cast<std::byte*>(&out));
    return out;
  };
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(apply(Op::kAdd, kMax, 1), kMin);
  EXPECT_EQ(apply(Op::kMultiply, kMax, kMax), 1);
  EXPECT_EQ(apply(Op::kNegative, kMin, 0), kMin);
  EXPECT_EQ(apply(Op::kAbsolute, kMin, 0), kMin);
  EXPECT_EQ(apply(Op::kRemainder, kMin, -1), 0);
  EXPECT_EQ(apply(Op::kRemainder, kMax, 0), 0);
  EXPECT_EQ(apply(Op::kRemainder, kMin, kMax), kMax - 1);
  EXPECT_EQ(apply(Op::kPower, 3, 39), 4052555153018976267);
  EXPECT_EQ(apply(Op::kPower, 3, 41), static_cast<std::int64_t>(4052555153018976267u * 9u));
}

TEST(OpLoops, RefuseANegativeIntegerPower) {
  const double one_to_minus_one[] = {1, -1};
  for (DType dtype : {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64}) {
    try {
      run(Op::kPower, dtype, one_to_minus_one, 0);
      ADD_FAILURE() << name_of(dtype);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kTaskFailed);
    }
  }
}

struct Function {
  Op op;
  long double (*exact)(long double);
  double low, high;
};

TEST(OpLoops, ComputeTranscendentalsWithinFourUlp) {
  const Function functions[] = {
      {Op::kExp, std::exp, -80, 80},       {Op::kLog, std::log, 1e-3, 1e6},
      {Op::kLog10, std::log10, 1e-3, 1e6}, {Op::kLog1p, std::log1p, -0.9, 10},
      {Op::kExpm1, std::expm1, -5, 5},     {Op::kSin, std::sin, -100, 100},
      {Op::kCos, std::cos, -100, 100},     {Op::kTan, std::tan, -1.5, 1.5},
      {Op::kArcsin, std::asin, -1, 1},     {Op::kArccos, std::acos, -1, 1},
      {Op::kArctan, std::atan, -50, 50},   {Op::kSinh, std::sinh, -20, 20},
      {Op::kCosh, std::cosh, -20, 20},     {Op::kTanh, std::tanh, -5, 5},
      {Op::kSqrt, std::sqrt, 0, 1e9}};
  testing::Random random(testing::seed());
  for (const Function& f : functions) {
    for (int i = 0; i < 300; ++i) {
      const double x = f.low + random.real() * (f.high - f.low);
      const auto narrow = static_cast<float>(x);
      const double given[] = {x, narrow};
      for (DType dtype : {DType::kFloat64, DType::kFloat32}) {
        const double at = given[dtype == DType::kFloat32];
        const auto exact = static_cast<double>(f.exact(static_cast<long double>(at)));
        const double eps = dtype == DType::kFloat32 ? 0x1p-23 : 0x1p-52;
        EXPECT_NEAR(run(f.op, dtype, &at, 0)[0], exact, 4 * eps * std::abs(exact) + 1e-300)
            << name_of(f.op) << "(" << at << ") in " << name_of(dtype);
      }
    }
  }
}

// The scalar functions are the same source at every width; what could differ is the compilation.
TEST(OpLoops, HaveTheSameBitsAtEveryVectorWidthForEveryOperationAndType) {
  testing::Random random(testing::seed());
  for (int i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    for (int t = 0; t < kDTypeCount; ++t) {
      const DType compute = static_cast<DType>(t);
      if (find_loop(op, compute, 0) == nullptr || op == Op::kPower) continue;
      const std::int64_t n = 1 + static_cast<std::int64_t>(random.below(200));
      std::vector<testing::Array> arguments;
      std::vector<const std::byte*> data;
      for (int k = 0; k < arity(op); ++k) {
        auto array = testing::Array::random(random, operand_dtype(op, k, compute), {n});
        array.bytes.resize(static_cast<std::size_t>(n) * 8);
        arguments.push_back(array);
      }
      for (const auto& argument : arguments) data.push_back(argument.bytes.data());
      const DType result = infer_types(op, std::vector(data.size(), compute)).result;
      std::vector<std::byte> bits[3];
      for (int level = 0; level < 3; ++level) {
        limit_simd(static_cast<Simd>(level));
        bits[level].resize(static_cast<std::size_t>(n) * size_of(result));
        find_loop(op, compute, 0)(n, data.data(), bits[level].data());
      }
      EXPECT_TRUE(testing::same_values(result, bits[0], bits[1])) << name_of(op);
      EXPECT_TRUE(testing::same_values(result, bits[0], bits[2])) << name_of(op);
    }
  }
}

}  // namespace
}  // namespace rankine::kernels
