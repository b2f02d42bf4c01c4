#include "apps/language/literal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "runtime/base/error.h"
#include "runtime/kernels/evaluate.h"
#include "runtime/kernels/program.h"

namespace rankine::language {
namespace {

using kernels::Op;
using Kind = Literal::Kind;

constexpr std::array kOperators = {
    Op::kBitwiseOr, Op::kBitwiseAnd, Op::kEqual,        Op::kNotEqual, Op::kLess,
    Op::kLessEqual, Op::kGreater,    Op::kGreaterEqual, Op::kAdd,      Op::kSubtract,
    Op::kMultiply,  Op::kDivide,     Op::kRemainder,    Op::kPower};

Error too_large() {
  return usage_error("a whole number goes beyond 64 bits", "write it with a point, as a float64");
}
Error division_by_zero() { return usage_error("a number is divided by zero", "write inf or nan"); }

// One step of integer arithmetic that must not wrap.
std::int64_t add(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) throw too_large();
  return result;
}
std::int64_t subtract(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(a, b, &result)) throw too_large();
  return result;
}
std::int64_t multiply(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) throw too_large();
  return result;
}

std::int64_t remainder(std::int64_t a, std::int64_t b) {
  if (b == 0) throw division_by_zero();
  if (b == -1) return 0;  // the quotient of the smallest integer does not exist
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double remainder(double a, double b) {
  if (b == 0) throw division_by_zero();
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : std::copysign(rest, rest == 0 ? b : rest);
}

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  std::int64_t result = 1;
  for (;;) {
    if (exponent % 2 != 0) result = multiply(result, base);
    exponent /= 2;
    if (exponent == 0) return result;
    base = multiply(base, base);
  }
}
double power(double base, double exponent) {
  if (base == 0 && exponent < 0) throw division_by_zero();
  const double result = std::pow(base, exponent);
  if (std::isnan(result) && !std::isnan(base) && !std::isnan(exponent)) {
    throw usage_error("a broken power of a negative number is not real", "write nan");
  }
  return result;
}

// Both hold every int64 and every float64, so mixed comparisons are exact.
long double exact(const Literal& x) {
  return x.kind == Kind::kFloat ? static_cast<long double>(x.real)
                                : static_cast<long double>(x.integer);
}

Literal compare(BinaryOp op, const Literal& x, const Literal& y) {
  const long double a = exact(x), b = exact(y);
  switch (op) {
    case BinaryOp::kEqual: return Literal::of(a == b);
    case BinaryOp::kNotEqual: return Literal::of(a != b);
    case BinaryOp::kLess: return Literal::of(a < b);
    case BinaryOp::kLessEqual: return Literal::of(a <= b);
    case BinaryOp::kGreater: return Literal::of(a > b);
    default: return Literal::of(a >= b);
  }
}

Literal bitwise(BinaryOp op, const Literal& a, const Literal& b) {
  if (a.kind == Kind::kFloat || b.kind == Kind::kFloat) {
    throw usage_error(std::string(spelling(op)) + " needs bool or whole numbers",
                      "compare first: (a > 0) & (b > 0)");
  }
  const std::int64_t bits = op == BinaryOp::kAnd ? a.integer & b.integer : a.integer | b.integer;
  if (a.kind == Kind::kBool && b.kind == Kind::kBool) return Literal::of(bits != 0);
  return Literal::of(bits);
}

Literal arithmetic(BinaryOp op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case BinaryOp::kAdd: return Literal::of(add(a, b));
    case BinaryOp::kSubtract: return Literal::of(subtract(a, b));
    case BinaryOp::kMultiply: return Literal::of(multiply(a, b));
    case BinaryOp::kRemainder: return Literal::of(remainder(a, b));
    default: return Literal::of(power(a, b));
  }
}

Literal arithmetic(BinaryOp op, double a, double b) {
  const auto value = [&] {
    switch (op) {
      case BinaryOp::kAdd: return a + b;
      case BinaryOp::kSubtract: return a - b;
      case BinaryOp::kMultiply: return a * b;
      case BinaryOp::kRemainder: return remainder(a, b);
      case BinaryOp::kPower: return power(a, b);
      default: break;
    }
    if (b == 0) throw division_by_zero();
    return a / b;
  }();
  if (std::isinf(value) && std::isfinite(a) && std::isfinite(b)) {
    throw usage_error("a number goes beyond the range of float64", "write inf");
  }
  return Literal::of(value);
}

}  // namespace

Op operation_of(BinaryOp op) { return kOperators[static_cast<std::size_t>(op)]; }

Literal fold(UnaryOp op, const Literal& x) {
  if (op == UnaryOp::kNot) {
    if (x.kind == Kind::kFloat) {
      throw usage_error("! needs bool or whole numbers", "compare first: !(a > 0)");
    }
    return x.kind == Kind::kBool ? Literal::of(x.integer == 0) : Literal::of(~x.integer);
  }
  if (x.kind == Kind::kFloat) return Literal::of(op == UnaryOp::kMinus ? -x.real : x.real);
  return Literal::of(op == UnaryOp::kMinus ? subtract(0, x.integer) : x.integer);
}

Literal fold(BinaryOp op, const Literal& a, const Literal& b) {
  if (op == BinaryOp::kOr || op == BinaryOp::kAnd) return bitwise(op, a, b);
  if (op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterEqual) return compare(op, a, b);
  const bool broken = op == BinaryOp::kPower && b.kind != Kind::kFloat && b.integer < 0;
  if (a.kind == Kind::kFloat || b.kind == Kind::kFloat || op == BinaryOp::kDivide || broken) {
    return arithmetic(op, a.real, b.real);
  }
  return arithmetic(op, a.integer, b.integer);
}

Literal fold(Op op, const std::vector<Literal>& operands) {
  const auto same = std::find(kOperators.begin(), kOperators.end(), op);
  if (same != kOperators.end() && operands.size() == 2) {
    return fold(static_cast<BinaryOp>(same - kOperators.begin()), operands[0], operands[1]);
  }
  kernels::Program program;
  std::vector<int> arguments;
  for (const Literal& operand : operands) {
    arguments.push_back(program.add_constant(operand, dtype_of(operand)));
  }
  const int value = program.add(op, arguments);
  const DType own = program.dtype(value);
  const DType wide = is_float(own) ? DType::kFloat64 : DType::kInt64;
  program.add_output(program.add_cast(value, wide));
  std::array<std::byte, 8> bytes{};
  const kernels::Sink sink = kernels::DenseSink{bytes.data()};
  kernels::Scratch scratch;
  kernels::evaluate(program, Extents(), {}, std::span(&sink, 1), scratch);
  double real = 0;
  std::int64_t integer = 0;
  std::memcpy(&real, bytes.data(), sizeof(real));
  std::memcpy(&integer, bytes.data(), sizeof(integer));
  if (own == DType::kBool) return Literal::of(integer != 0);
  return is_float(own) ? Literal::of(real) : Literal::of(integer);
}

}  // namespace rankine::language
