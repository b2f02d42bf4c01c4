// Random numbers of a test, from a printed seed: RANKINE_TEST_SEED=N repeats a run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "runtime/base/chunk_grid.h"

namespace rankine::testing {

class Random {
 public:
  explicit Random(const char* what) : Random(what, chosen_seed()) {}
  Random(const char* what, std::uint64_t seed) : engine_(seed) {
    std::printf("%s: RANKINE_TEST_SEED=%llu\n", what, static_cast<unsigned long long>(seed));
  }

  // lo <= result <= hi.
  std::int64_t between(std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(engine_);
  }
  bool one_in(int n) { return between(1, n) == 1; }

  // Any cut of `length` elements: regular, a short end, or irregular.
  AxisChunks cut(std::int64_t length) {
    if (length == 0) return AxisChunks();
    if (one_in(2)) return AxisChunks::regular(length, between(1, length));
    std::vector<std::int64_t> lengths;
    const std::int64_t longest = between(1, length);
    for (std::int64_t left = length; left > 0; left -= lengths.back()) {
      lengths.push_back(between(1, std::min(longest, left)));
    }
    return AxisChunks::of(lengths);
  }

 private:
  static std::uint64_t chosen_seed() {
    const char* text = std::getenv("RANKINE_TEST_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : std::random_device{}();
  }
  std::mt19937_64 engine_;
};

}  // namespace rankine::testing
