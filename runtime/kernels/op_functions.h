// What each operation of op_table.h does to one element, and for which compute types it exists.
// This header is compiled at every SIMD level, so everything is local to the file that includes it:
// the linker must not pick one level's copy for another. For the same reason it uses no standard
// library template beyond type traits.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "runtime/kernels/op_table.h"

namespace rankine::kernels {

[[noreturn]] void refuse_negative_power();  // throws; out of line, see above

namespace {

template <class T>
inline constexpr bool kIsBool = std::is_same_v<T, bool>;
template <class T>
inline constexpr bool kIsFloat = std::is_floating_point_v<T>;

// Unsigned and at least as wide as int: arithmetic wraps and never promotes to a signed type.
template <class T>
using Wrapping = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
template <class T>
inline Wrapping<T> wrap(T x) {
  return static_cast<Wrapping<T>>(x);
}

// The compute types that can reach an operation with this rule through infer_types.
template <class T>
constexpr bool has_loop(TypeRule rule) {
  switch (rule) {
    case TypeRule::kNoBool:
    case TypeRule::kBoolAsInt8: return !kIsBool<T>;
    case TypeRule::kDivision:
    case TypeRule::kFloating: return kIsFloat<T>;
    case TypeRule::kBitwise: return !kIsFloat<T>;
    default: return true;
  }
}

struct Add {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (kIsBool<T>) return a | b;
    else if constexpr (kIsFloat<T>) return a + b;
    else return static_cast<T>(wrap(a) + wrap(b));
  }
};
struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (kIsFloat<T>) return a - b;
    else return static_cast<T>(wrap(a) - wrap(b));
  }
};
struct Multiply {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (kIsBool<T>) return a & b;
    else if constexpr (kIsFloat<T>) return a * b;
    else return static_cast<T>(wrap(a) * wrap(b));
  }
};
struct Divide {
  template <class T>
  static T apply(T a, T b) {
    return a / b;
  }
};

// The result has the sign of the divisor; an integer modulo 0 is 0.
struct Remainder {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (kIsFloat<T>) {
      const T rest = std::fmod(a, b);
      if (b == 0) return rest;
      if (rest == 0) return std::copysign(T(0), b);
      return (b < 0) != (rest < 0) ? rest + b : rest;
    } else {
      if (b == 0) return 0;
      if constexpr (std::is_signed_v<T>) {
        if (b == -1) return 0;
      }
      const T rest = static_cast<T>(a % b);
      return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
    }
  }
};
struct Power {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (kIsFloat<T>) {
      return std::pow(a, b);
    } else {
      if (b < 0) refuse_negative_power();
      Wrapping<T> result = 1, factor = wrap(a);
      for (auto rest = wrap(b); rest != 0; rest >>= 1) {
        if (rest & 1) result *= factor;
        factor *= factor;
      }
      return static_cast<T>(result);
    }
  }
};
struct Negative {
  template <class T>
  static T apply(T a) {
    if constexpr (kIsFloat<T>) return -a;
    else return static_cast<T>(0 - wrap(a));
  }
};

struct Equal {
  template <class T>
  static bool apply(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a != b;
  }
};
struct Less {
  template <class T>
  static bool apply(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  static bool apply(T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <class T>
  static bool apply(T a, T b) {
    return a >= b;
  }
};

struct BitwiseAnd {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct BitwiseOr {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct Invert {
  template <class T>
  static T apply(T a) {
    if constexpr (kIsBool<T>) return !a;
    else return static_cast<T>(~a);
  }
};
struct LogicalNot {
  template <class T>
  static bool apply(T a) {
    return a == T(0);
  }
};

struct Absolute {
  template <class T>
  static T apply(T a) {
    if constexpr (kIsFloat<T>) return std::fabs(a);
    else if constexpr (std::is_signed_v<T>) return a < 0 ? Negative::apply(a) : a;
    else return a;
  }
};
struct Square {
  template <class T>
  static T apply(T a) {
    return Multiply::apply(a, a);
  }
};
struct Sign {
  template <class T>
  static T apply(T a) {
    if constexpr (kIsFloat<T>) {
      if (a != a) return a;
    }
    return static_cast<T>((a > 0) - (a < 0));
  }
};

// NaN wins; of equal operands (two zeros) the second is taken, as minps and NumPy do.
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    const T least = a < b ? a : b;
    return a != a ? a : least;
  }
};
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    const T greatest = a > b ? a : b;
    return a != a ? a : greatest;
  }
};
struct Where {
  template <class T>
  static T apply(bool condition, T a, T b) {
    return condition ? a : b;
  }
};
struct Clip {
  template <class T>
  static T apply(T a, T low, T high) {
    return Minimum::apply(Maximum::apply(a, low), high);
  }
};
struct IsNan {
  template <class T>
  static bool apply(T a) {
    return a != a;
  }
};
struct IsFinite {
  template <class T>
  static bool apply(T a) {
    if constexpr (kIsFloat<T>) return std::fabs(a) <= std::numeric_limits<T>::max();
    else return true;
  }
};

#define RANKINE_KERNEL_LIBM(Name, function) \
  struct Name {                             \
    template <class T>                      \
    static T apply(T a) {                   \
      return std::function(a);              \
    }                                       \
  };
RANKINE_KERNEL_LIBM(Sqrt, sqrt)
RANKINE_KERNEL_LIBM(Exp, exp)
RANKINE_KERNEL_LIBM(Log, log)
RANKINE_KERNEL_LIBM(Log10, log10)
RANKINE_KERNEL_LIBM(Log1p, log1p)
RANKINE_KERNEL_LIBM(Expm1, expm1)
RANKINE_KERNEL_LIBM(Sin, sin)
RANKINE_KERNEL_LIBM(Cos, cos)
RANKINE_KERNEL_LIBM(Tan, tan)
RANKINE_KERNEL_LIBM(Arcsin, asin)
RANKINE_KERNEL_LIBM(Arccos, acos)
RANKINE_KERNEL_LIBM(Arctan, atan)
RANKINE_KERNEL_LIBM(Sinh, sinh)
RANKINE_KERNEL_LIBM(Cosh, cosh)
RANKINE_KERNEL_LIBM(Tanh, tanh)
RANKINE_KERNEL_LIBM(Floor, floor)
RANKINE_KERNEL_LIBM(Ceil, ceil)
RANKINE_KERNEL_LIBM(Rint, rint)
#undef RANKINE_KERNEL_LIBM

struct Arctan2 {
  template <class T>
  static T apply(T a, T b) {
    return std::atan2(a, b);
  }
};

}  // namespace
}  // namespace rankine::kernels
