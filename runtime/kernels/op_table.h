// The one table of elementwise operations: the expression layer, the `eval` language and the
// evaluator all read it. Type rules and results are those of NumPy 1.24, except that float32 stands
// where NumPy would use float16.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/base/dtype.h"

namespace rankine::kernels {

// id, NumPy's name, our name, number of operands, type rule, scalar function (op_functions.h)
#define RANKINE_KERNEL_OPS(X)                                                     \
  X(kAdd, "add", "add", 2, kArithmetic, Add)                                      \
  X(kSubtract, "subtract", "subtract", 2, kNoBool, Subtract)                      \
  X(kMultiply, "multiply", "multiply", 2, kArithmetic, Multiply)                  \
  X(kDivide, "true_divide", "divide", 2, kDivision, Divide)                       \
  X(kRemainder, "remainder", "mod", 2, kBoolAsInt8, Remainder)                    \
  X(kPower, "power", "pow", 2, kBoolAsInt8, Power)                                \
  X(kNegative, "negative", "negative", 1, kNoBool, Negative)                      \
  X(kEqual, "equal", "equal", 2, kPredicate, Equal)                               \
  X(kNotEqual, "not_equal", "not_equal", 2, kPredicate, NotEqual)                 \
  X(kLess, "less", "less", 2, kPredicate, Less)                                   \
  X(kLessEqual, "less_equal", "less_equal", 2, kPredicate, LessEqual)             \
  X(kGreater, "greater", "greater", 2, kPredicate, Greater)                       \
  X(kGreaterEqual, "greater_equal", "greater_equal", 2, kPredicate, GreaterEqual) \
  X(kBitwiseAnd, "bitwise_and", "and", 2, kBitwise, BitwiseAnd)                   \
  X(kBitwiseOr, "bitwise_or", "or", 2, kBitwise, BitwiseOr)                       \
  X(kInvert, "bitwise_not", "invert", 1, kBitwise, Invert)                        \
  X(kLogicalNot, "logical_not", "not", 1, kPredicate, LogicalNot)                 \
  X(kAbsolute, "absolute", "abs", 1, kArithmetic, Absolute)                       \
  X(kSqrt, "sqrt", "sqrt", 1, kFloating, Sqrt)                                    \
  X(kSquare, "square", "square", 1, kBoolAsInt8, Square)                          \
  X(kExp, "exp", "exp", 1, kFloating, Exp)                                        \
  X(kLog, "log", "log", 1, kFloating, Log)                                        \
  X(kLog10, "log10", "log10", 1, kFloating, Log10)                                \
  X(kLog1p, "log1p", "log1p", 1, kFloating, Log1p)                                \
  X(kExpm1, "expm1", "expm1", 1, kFloating, Expm1)                                \
  X(kSin, "sin", "sin", 1, kFloating, Sin)                                        \
  X(kCos, "cos", "cos", 1, kFloating, Cos)                                        \
  X(kTan, "tan", "tan", 1, kFloating, Tan)                                        \
  X(kArcsin, "arcsin", "asin", 1, kFloating, Arcsin)                              \
  X(kArccos, "arccos", "acos", 1, kFloating, Arccos)                              \
  X(kArctan, "arctan", "atan", 1, kFloating, Arctan)                              \
  X(kArctan2, "arctan2", "atan2", 2, kFloating, Arctan2)                          \
  X(kSinh, "sinh", "sinh", 1, kFloating, Sinh)                                    \
  X(kCosh, "cosh", "cosh", 1, kFloating, Cosh)                                    \
  X(kTanh, "tanh", "tanh", 1, kFloating, Tanh)                                    \
  X(kFloor, "floor", "floor", 1, kFloating, Floor)                                \
  X(kCeil, "ceil", "ceil", 1, kFloating, Ceil)                                    \
  X(kRint, "rint", "round", 1, kFloating, Rint)                                   \
  X(kSign, "sign", "sign", 1, kNoBool, Sign)                                      \
  X(kMinimum, "minimum", "minimum", 2, kArithmetic, Minimum)                      \
  X(kMaximum, "maximum", "maximum", 2, kArithmetic, Maximum)                      \
  X(kWhere, "where", "where", 3, kSelect, Where)                                  \
  X(kIsNan, "isnan", "isnan", 1, kPredicate, IsNan)                               \
  X(kIsFinite, "isfinite", "isfinite", 1, kPredicate, IsFinite)                   \
  X(kClip, "clip", "clip", 3, kArithmetic, Clip)

enum class Op : std::uint8_t {
#define RANKINE_KERNEL_ID(id, ...) id,
  RANKINE_KERNEL_OPS(RANKINE_KERNEL_ID)
#undef RANKINE_KERNEL_ID
};
inline constexpr int kOpCount = 0
#define RANKINE_KERNEL_ONE(...) +1
    RANKINE_KERNEL_OPS(RANKINE_KERNEL_ONE);
#undef RANKINE_KERNEL_ONE

// How the operands' types make the compute type and the result type.
enum class TypeRule : std::uint8_t {
  kArithmetic,  // promoted; the result is the same type
  kNoBool,      // the same, but only-bool operands are a usage error
  kBoolAsInt8,  // the same, but only-bool operands compute in int8
  kDivision,    // promoted; what is not floating becomes float64
  kFloating,    // each operand becomes floating (8 and 16 bits, bool: float32), then promoted
  kBitwise,     // promoted; floating is a usage error
  kPredicate,   // promoted; the result is bool
  kSelect,      // the first operand is bool, the others promoted
};

std::string_view numpy_name(Op op);  // "arcsin"
std::string_view name_of(Op op);     // "asin": as the `eval` language says it
int arity(Op op);
TypeRule type_rule(Op op);

// Accepts our names and NumPy's.
std::optional<Op> find_op(std::string_view name);

struct OpTypes {
  DType compute;  // operands are cast to it (the first operand of `where` to bool)
  DType result;
  bool operator==(const OpTypes&) const = default;
};

// Throws a usage Error where NumPy raises TypeError, and for a wrong number of operands.
OpTypes infer_types(Op op, std::span<const DType> operands);

// The type that operand `index` of an operation is cast to.
DType operand_dtype(Op op, int index, DType compute);

}  // namespace rankine::kernels
