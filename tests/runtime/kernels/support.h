// Random arrays with odd strides, and the plainest possible interpreter, for this room's tests.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/kernels/convert.h"
#include "runtime/kernels/evaluate.h"
#include "runtime/kernels/op_functions.h"

namespace rankine::kernels::testing {

// RANKINE_SEED repeats a failed run.
inline std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("RANKINE_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  }();
  return value;
}

class Random {
 public:
  explicit Random(std::uint64_t start) : engine_(start) {}
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  double real() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double normal() { return std::normal_distribution<double>()(engine_); }
  DType dtype() { return static_cast<DType>(below(kDTypeCount)); }
  // 0 to 5 axes with at most `largest` elements; sometimes no elements.
  Extents shape(std::int64_t largest) {
    Extents shape;
    const auto rank = below(6);
    std::int64_t room = largest;
    for (std::uint64_t i = 0; i < rank; ++i) {
      const std::int64_t bound_on_axis = below(2) ? room : std::min<std::int64_t>(room, 5);
      const auto bound = static_cast<std::uint64_t>(bound_on_axis);
      const auto extent = static_cast<std::int64_t>(1 + below(bound));
      shape.push_back(extent);
      room /= extent;
    }
    if (!shape.empty() && below(40) == 0) shape[below(shape.size())] = 0;
    return shape;
  }
  // 2 to 4 axes, long and short ones mixed, a few tiles in all.
  Extents large_shape() {
    constexpr std::int64_t kExtents[] = {1, 2, 3, 5, 7, 8, 9, 17, 40, 63, 64, 100, 300, 1030};
    for (;;) {
      Extents shape;
      for (std::uint64_t i = 2 + below(3); i > 0; --i) {
        shape.push_back(kExtents[below(std::size(kExtents))]);
      }
      if (volume(shape) >= 3000 && volume(shape) <= 60000) return shape;
    }
  }

 private:
  std::mt19937_64 engine_;
};

// A random element: small numbers mostly, extremes, NaN and infinities now and then.
template <class T>
T random_element(Random& random) {
  if constexpr (std::is_same_v<T, bool>) {
    return random.below(2) != 0;
  } else if constexpr (std::is_floating_point_v<T>) {
    const T inf = std::numeric_limits<T>::infinity();
    switch (random.below(24)) {
      case 0: return std::numeric_limits<T>::quiet_NaN();
      case 1: return random.below(2) ? inf : -inf;
      case 2: return static_cast<T>(random.normal() * 1e12);
      case 3: return T(0);
      default: return static_cast<T>(random.normal() * 10);
    }
  } else {
    if (random.below(8) == 0) return static_cast<T>(random.below(~std::uint64_t{0}));
    if (random.below(16) == 0) return std::numeric_limits<T>::min();
    return static_cast<T>(random.below(20)) - (std::is_signed_v<T> ? T(10) : T(0));
  }
}

// Elements of a box somewhere in a buffer: broadcast, reversed, stepped or padded along each axis.
struct Array {
  DType dtype = DType::kFloat64;
  Extents shape;
  std::vector<std::byte> bytes;
  std::int64_t origin = 0;
  Extents strides;

  View view() const { return {bytes.data() + origin, strides}; }
  const std::byte* at(const Extents& coordinate) const {
    std::int64_t offset = origin;
    for (std::size_t i = 0; i < shape.size(); ++i) offset += coordinate[i] * strides[i];
    return bytes.data() + offset;
  }

  static Array random(Random& random, DType dtype, const Extents& shape) {
    Array array{.dtype = dtype, .shape = shape, .bytes = {}, .origin = 0, .strides = shape};
    auto room = static_cast<std::int64_t>(size_of(dtype));
    const bool plain = random.below(3) == 0;
    for (std::size_t i = shape.size(); i-- > 0;) {
      const auto choice = plain ? 9 : random.below(8);
      const std::int64_t extent = std::max<std::int64_t>(1, shape[i]);
      if (choice == 1) room += static_cast<std::int64_t>(size_of(dtype)) * 3;  // padded
      array.strides[i] = choice == 0 ? 0 : choice == 2 ? 2 * room : choice == 3 ? -room : room;
      if (choice == 3) array.origin += room * (extent - 1);
      if (choice != 0) room *= (choice == 2 ? 2 : 1) * extent;
    }
    array.bytes.resize(static_cast<std::size_t>(room));
    visit_dtype(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      for (std::size_t i = 0; i < array.bytes.size() / sizeof(T); ++i) {
        const T element = random_element<T>(random);
        std::memcpy(array.bytes.data() + i * sizeof(T), &element, sizeof element);
      }
    });
    return array;
  }
};

template <class T>
T load(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
std::uint64_t store(T value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class F, class T, int kArity>
std::uint64_t apply(const std::array<std::uint64_t, 3>& x) {
  if constexpr (kArity == 1) return store(F::apply(load<T>(x[0])));
  else if constexpr (kArity == 2) return store(F::apply(load<T>(x[0]), load<T>(x[1])));
  else if constexpr (std::is_same_v<F, Where>)
    return store(F::apply(load<bool>(x[0]), load<T>(x[1]), load<T>(x[2])));
  else return store(F::apply(load<T>(x[0]), load<T>(x[1]), load<T>(x[2])));
}

// The scalar functions of op_functions.h, one element at a time (op_functions_test.cc holds them
// against NumPy's results).
inline std::uint64_t apply(Op op, DType compute, const std::array<std::uint64_t, 3>& arguments) {
  return visit_dtype(compute, [&](auto tag) -> std::uint64_t {
    using T = typename decltype(tag)::type;
    switch (op) {
#define RANKINE_KERNEL_CASE(id, numpy, ours, operands, rule, function)                         \
  case Op::id:                                                                                 \
    if constexpr (has_loop<T>(TypeRule::rule)) return apply<function, T, operands>(arguments); \
    break;
      RANKINE_KERNEL_OPS(RANKINE_KERNEL_CASE)
#undef RANKINE_KERNEL_CASE
    }
    ADD_FAILURE() << "no loop for " << name_of(op);
    return 0;
  });
}

// Elementwise operations that never throw.
inline constexpr std::array kSafeOps{
    Op::kAdd,       Op::kSubtract, Op::kMultiply,   Op::kDivide,       Op::kRemainder,
    Op::kNegative,  Op::kEqual,    Op::kLess,       Op::kGreaterEqual, Op::kBitwiseAnd,
    Op::kBitwiseOr, Op::kInvert,   Op::kLogicalNot, Op::kAbsolute,     Op::kSqrt,
    Op::kSquare,    Op::kFloor,    Op::kRint,       Op::kSign,         Op::kMinimum,
    Op::kMaximum,   Op::kWhere,    Op::kIsNan,      Op::kIsFinite,     Op::kClip,
    Op::kExp,       Op::kArctan2};

// All elements of one output, row-major.
inline std::vector<std::byte> interpret(const Program& program, int output, const Extents& shape,
                                        const std::vector<Array>& leaves) {
  const DType dtype = program.output_dtype(output);
  std::vector<std::byte> result;
  if (volume(shape) == 0) return result;
  std::vector<std::uint64_t> values(static_cast<std::size_t>(program.value_count()));
  Extents at(shape.size(), 0);
  do {
    for (int n = 0; n < program.value_count(); ++n) {
      const Program::Value& v = program.value(n);
      std::uint64_t bits = v.bits;
      std::array<std::uint64_t, 3> arguments{};
      for (int k = 0; k < Program::argument_count(v); ++k) {
        const auto index = static_cast<std::size_t>(k);
        arguments[index] = values[v.arguments[index]];
      }
      if (v.kind == Program::Kind::kLeaf) {
        const Array& leaf = leaves[v.bits];
        bits = 0;
        std::memcpy(&bits, leaf.at(at), size_of(leaf.dtype));
      } else if (v.kind == Program::Kind::kCast) {
        bits = 0;
        convert(program.dtype(v.arguments[0]), v.dtype, 1,
                reinterpret_cast<const std::byte*>(arguments.data()), 0,
                reinterpret_cast<std::byte*>(&bits), 0);
      } else if (v.kind == Program::Kind::kOp) {
        bits = apply(v.op, v.compute, arguments);
      }
      values[static_cast<std::size_t>(n)] = bits;
    }
    const auto* element = reinterpret_cast<const std::byte*>(
        &values[program.outputs()[static_cast<std::size_t>(output)]]);
    result.insert(result.end(), element, element + size_of(dtype));
  } while (next_coordinate(at, shape));
  return result;
}

// The same bytes, any NaN for any NaN.
inline ::testing::AssertionResult same_values(DType dtype, const std::vector<std::byte>& expected,
                                              const std::vector<std::byte>& actual) {
  if (expected.size() != actual.size()) {
    return ::testing::AssertionFailure() << actual.size() << " bytes, not " << expected.size();
  }
  return visit_dtype(dtype, [&](auto tag) -> ::testing::AssertionResult {
    using T = typename decltype(tag)::type;
    for (std::size_t i = 0; i < expected.size(); i += sizeof(T)) {
      T e, a;
      std::memcpy(&e, &expected[i], sizeof e);
      std::memcpy(&a, &actual[i], sizeof a);
      if (e != e && a != a) continue;
      if (std::memcmp(&e, &a, sizeof e) != 0) {
        return ::testing::AssertionFailure()
               << "element " << i / sizeof(T) << ": " << +a << ", not " << +e;
      }
    }
    return ::testing::AssertionSuccess();
  });
}

}  // namespace rankine::kernels::testing
