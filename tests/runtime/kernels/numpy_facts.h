// All results of NumPy that the tests know.
#pragma once

#include <algorithm>
#include <array>

#include "tests/runtime/kernels/numpy_float_facts.h"
#include "tests/runtime/kernels/numpy_integer_facts.h"

namespace rankine::kernels::testing {

inline constexpr auto kFacts = [] {
  std::array<Fact, std::size(kFloatFacts) + std::size(kIntegerFacts)> all{};
  std::copy(std::begin(kIntegerFacts), std::end(kIntegerFacts),
            std::copy(std::begin(kFloatFacts), std::end(kFloatFacts), all.begin()));
  return all;
}();
static_assert(kFacts.size() == 817);

}  // namespace rankine::kernels::testing
