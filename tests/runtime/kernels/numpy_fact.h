// One result of NumPy 1.24.2 on x86-64 that fits a double, made with
//   numpy.<op>(numpy.array([a], dtype), ...)
#pragma once

#include <limits>
#include <string_view>

#include "runtime/base/dtype.h"

namespace rankine::kernels::testing {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf = std::numeric_limits<double>::infinity();

struct Fact {
  std::string_view op;
  DType dtype;  // of all arguments
  double arguments[3];
  double result;
};

}  // namespace rankine::kernels::testing
