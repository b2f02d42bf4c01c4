#include "apps/bench_pattern.h"

#include <algorithm>
#include <bit>

namespace rankine::apps {
namespace {

constexpr std::int64_t kRadix = 5;
constexpr std::int64_t kPhases = 3;  // of spread and random

}  // namespace

double uniform(std::uint64_t seed, std::int64_t a, std::int64_t b, std::int64_t c) {
  std::uint64_t x = seed;
  for (const std::int64_t part : {a, b, c}) {
    x = (x ^ static_cast<std::uint64_t>(part)) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
  }
  return static_cast<double>(x >> 11) * 0x1p-53;
}

const std::vector<std::string>& Pattern::names() {
  static const std::vector<std::string> names = {"trivial", "stencil", "nearest",    "spread",
                                                 "fft",     "tree",    "all_to_all", "random"};
  return names;
}

Pattern::Kind Pattern::kind_of(const std::string& name) {
  const auto found = std::find(names().begin(), names().end(), name);
  if (found == names().end()) {
    throw usage_error("there is no pattern '" + name + "'",
                      "trivial, stencil, nearest, spread, fft, tree, all_to_all, random");
  }
  return static_cast<Kind>(found - names().begin());
}

Pattern::Pattern(Kind kind, std::int64_t width, std::uint64_t seed)
    : kind_(kind),
      width_(width),
      seed_(seed) {
  if (kind == Kind::kFft && width > 1) {
    period_ = std::bit_width(static_cast<std::uint64_t>(width - 1));
  }
  if (kind == Kind::kSpread || kind == Kind::kRandom) period_ = kPhases;
  for (std::int64_t phase = 0; phase < period_; ++phase) {
    std::vector<std::vector<std::int64_t>> users(static_cast<std::size_t>(width));
    for (std::int64_t column = 0; column < width; ++column) {
      const std::size_t first = inputs_.columns.size();
      add_inputs(phase, column, inputs_.columns);
      for (std::size_t i = first; i < inputs_.columns.size(); ++i) {
        users[static_cast<std::size_t>(inputs_.columns[i])].push_back(column);
      }
      inputs_.end_row();
    }
    for (const auto& row : users) {
      consumers_.columns.insert(consumers_.columns.end(), row.begin(), row.end());
      consumers_.end_row();
    }
  }
}

void Pattern::add_inputs(std::int64_t phase, std::int64_t column,
                         std::vector<std::int64_t>& to) const {
  const auto add = [&](std::int64_t from) {
    if (from >= 0 && from < width_) to.push_back(from);
  };
  const std::int64_t stride = std::int64_t{1} << phase;
  switch (kind_) {
    case Kind::kTrivial: break;
    case Kind::kStencil:
      for (std::int64_t d = -1; d <= 1; ++d) add(column + d);
      break;
    case Kind::kNearest:
      for (std::int64_t d = -(kRadix / 2); d <= kRadix / 2; ++d) add(column + d);
      break;
    case Kind::kSpread:
      for (std::int64_t i = 0; i < kRadix; ++i) {
        add((column + i * width_ / kRadix + (i > 0 ? phase : 0)) % width_);
      }
      break;
    case Kind::kFft:
      for (const std::int64_t d : {-stride, std::int64_t{0}, stride}) add(column + d);
      break;
    case Kind::kTree: add(column / 2); break;
    case Kind::kAllToAll:
      for (std::int64_t from = 0; from < width_; ++from) add(from);
      break;
    case Kind::kRandom:
      for (std::int64_t d = -(kRadix / 2); d <= kRadix / 2; ++d) {
        if (d == 0 || uniform(seed_, phase, column + d, column) < 0.5) add(column + d);
      }
      break;
  }
}

}  // namespace rankine::apps
