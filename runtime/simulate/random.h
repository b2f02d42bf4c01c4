// Random numbers that a seed decides, alike in every build (unlike the distributions of <random>).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/base/chunk_grid.h"

namespace rankine::simulate {

// The finalizer of splitmix64: neighbouring words give unrelated ones.
constexpr std::uint64_t mixed(std::uint64_t word) {
  word += 0x9e3779b97f4a7c15U;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9U;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebU;
  return word ^ (word >> 31);
}
// [0, 1) from a word of mixed().
constexpr double unit(std::uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(mixed(seed)) {}

  std::uint64_t word() { return mixed(state_++); }
  // lo <= result <= hi.
  std::int64_t between(std::int64_t lo, std::int64_t hi) {
    const auto count = static_cast<unsigned __int128>(static_cast<std::uint64_t>(hi - lo)) + 1;
    return lo + static_cast<std::int64_t>((count * word()) >> 64);
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
  std::uint64_t state_;
};

}  // namespace rankine::simulate
