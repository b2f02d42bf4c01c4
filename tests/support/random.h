// Random numbers of a test, from a printed seed: RANKINE_TEST_SEED=N repeats a run.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "runtime/simulate/random.h"

namespace rankine::testing {

class Random : public simulate::Random {
 public:
  explicit Random(const char* what) : Random(what, chosen_seed()) {}
  Random(const char* what, std::uint64_t seed) : simulate::Random(seed) {
    std::printf("%s: RANKINE_TEST_SEED=%llu\n", what, static_cast<unsigned long long>(seed));
  }

  static std::uint64_t chosen_seed() {
    const char* text = std::getenv("RANKINE_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  }
};

}  // namespace rankine::testing
