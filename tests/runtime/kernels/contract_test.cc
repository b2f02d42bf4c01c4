#include "runtime/kernels/contract.h"

#include <gtest/gtest.h>

#include "runtime/kernels/simd.h"
#include "tests/runtime/kernels/support.h"

namespace rankine::kernels {
namespace {

struct Product {
  std::int64_t rows, columns, inner;
  testing::Array a, b;
  Matrix left() const { return {a.view().data, a.strides[0], a.strides[1]}; }
  Matrix right() const { return {b.view().data, b.strides[0], b.strides[1]}; }
};

Product random_product(testing::Random& random, DType dtype) {
  Product p;
  p.rows = static_cast<std::int64_t>(random.below(20));
  p.columns = static_cast<std::int64_t>(random.below(300));
  p.inner = static_cast<std::int64_t>(random.below(150));
  p.a = testing::Array::random(random, dtype, {p.rows, p.inner});
  p.b = testing::Array::random(random, dtype, {p.inner, p.columns});
  return p;
}

std::vector<std::byte> state_of(const ReduceSpec& spec, const Product& p) {
  std::vector<std::byte> state(state_bytes(spec, p.rows * p.columns));
  init_state(spec, p.rows * p.columns, state.data());
  matmul(spec, p.rows, p.columns, p.inner, p.left(), p.right(), state.data());
  return state;
}

// k strictly in order is the definition, so the plain triple loop has the same bits.
TEST(Matmul, HasTheBitsOfThePlainTripleLoopAtEveryVectorWidth) {
  testing::Random random(testing::seed());
  for (int round = 0; round < 150; ++round) {
    const DType dtype = random.dtype();
    const Product p = random_product(random, dtype);
    const ReduceSpec spec{.op = ReduceOp::kSum, .input = dtype};
    limit_simd(static_cast<Simd>(round % 3));
    const std::vector<std::byte> state = state_of(spec, p);
    visit_dtype(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      using A = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;
      for (std::int64_t i = 0; i < p.rows; ++i) {
        for (std::int64_t j = 0; j < p.columns; ++j) {
          A sum = 0, got = 0;
          for (std::int64_t k = 0; k < p.inner; ++k) {
            sum = sum + static_cast<A>(*reinterpret_cast<const T*>(p.a.at({i, k}))) *
                            static_cast<A>(*reinterpret_cast<const T*>(p.b.at({k, j})));
          }
          std::memcpy(&got, state.data() + (i * p.columns + j) * 8, sizeof got);
          ASSERT_TRUE(got == sum || (got != got && sum != sum))
              << name_of(dtype) << " " << i << "," << j << " seed " << testing::seed();
        }
      }
    });
  }
  limit_simd(Simd::kAvx512);
}

TEST(Matmul, ContinuesAState) {
  testing::Random random(testing::seed());
  const ReduceSpec spec{.op = ReduceOp::kSum, .input = DType::kFloat32};
  Product p = random_product(random, DType::kFloat32);
  p.rows = p.rows + 1;
  p.columns = p.columns + 1;
  p.inner = 100;
  std::vector<float> a(static_cast<std::size_t>(p.rows * p.inner)), b;
  for (float& x : a) x = static_cast<float>(random.normal());
  b.resize(static_cast<std::size_t>(p.inner * p.columns));
  for (float& x : b) x = static_cast<float>(random.normal());
  const auto run = [&](std::int64_t lo, std::int64_t hi, std::byte* state) {
    const Matrix left{reinterpret_cast<const std::byte*>(a.data() + lo), p.inner * 4, 4};
    const Matrix right{reinterpret_cast<const std::byte*>(b.data() + lo * p.columns), p.columns * 4,
                       4};
    matmul(spec, p.rows, p.columns, hi - lo, left, right, state);
  };
  const std::int64_t elements = p.rows * p.columns;
  std::vector<std::byte> whole(state_bytes(spec, elements)), parts(whole.size());
  init_state(spec, elements, whole.data());
  init_state(spec, elements, parts.data());
  run(0, 100, whole.data());
  run(0, 37, parts.data());
  run(37, 100, parts.data());
  EXPECT_EQ(whole, parts);
}

TEST(Matmul, RefusesAStateThatIsNoSum) {
  const ReduceSpec spec{.op = ReduceOp::kMean, .input = DType::kFloat32};
  EXPECT_THROW(matmul(spec, 0, 0, 0, {}, {}, nullptr), Error);
}

}  // namespace
}  // namespace rankine::kernels
