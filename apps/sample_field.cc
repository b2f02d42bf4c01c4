#include "apps/sample_field.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace rankine::apps {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kYear = 365.25;           // days
constexpr float kNoise = 0.5f / 37837.0f;  // 0.5 K / deviation of the sum of four 16-bit words
constexpr float kStepsPerKelvin = 64;
constexpr std::uint64_t kWeyl = 0x9e3779b97f4a7c15;

// The output function of SplitMix64 (Steele, Lea, Flood 2014): with kWeyl * counter as its state it
// is a counter-based generator.
inline std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

// Nearly normal, mean 0: the sum of four 16-bit words.
inline float noise(std::uint64_t bits) {
  const auto sum = static_cast<std::int32_t>((bits & 0xffff) + ((bits >> 16) & 0xffff) +
                                             ((bits >> 32) & 0xffff) + (bits >> 48));
  return static_cast<float>(sum - 2 * 65535) * kNoise;
}

}  // namespace

SampleGrid sample_grid(const Extents& shape) {
  SampleGrid grid;
  for (std::int64_t t = 0; t < shape[0]; ++t) grid.hours.push_back(24.0 * static_cast<double>(t));
  const auto last = static_cast<double>(shape[1] - 1);
  for (std::int64_t y = 0; y < shape[1]; ++y) {
    grid.lat.push_back(last == 0 ? 0.0f
                                 : static_cast<float>(90 - 180 * static_cast<double>(y) / last));
  }
  for (std::int64_t x = 0; x < shape[2]; ++x) {
    grid.lon.push_back(
        static_cast<float>(360 * static_cast<double>(x) / static_cast<double>(shape[2])));
  }
  return grid;
}

SampleField::SampleField(std::uint64_t seed, const Extents& shape, double missing)
    : key_(mixed(seed + kWeyl)),
      missing_below_(static_cast<std::uint64_t>(missing * 0x1p53)),
      shape_(shape) {
  const SampleGrid grid = sample_grid(shape);
  for (const float lat : grid.lat) latitude_.push_back(static_cast<double>(lat) / 360 * kTurn);
  for (const float lon : grid.lon) {
    const double angle = static_cast<double>(lon) / 360 * kTurn;
    wave_[0].push_back(static_cast<float>(std::cos(5 * angle)));
    wave_[1].push_back(static_cast<float>(std::sin(5 * angle)));
    wave_[2].push_back(static_cast<float>(std::cos(9 * angle)));
    wave_[3].push_back(static_cast<float>(std::sin(9 * angle)));
  }
}

// A wave cos(k lon - w t) is cos(k lon) cos(w t) + sin(k lon) sin(w t).
SampleField::Row SampleField::row(std::int64_t day, std::int64_t y) const {
  const auto t = static_cast<double>(day);
  const double latitude = latitude_[static_cast<std::size_t>(y)];
  const double sine = std::sin(latitude);
  const double cosine = std::cos(latitude);
  const double season = -14 * sine * std::cos(kTurn * (t - 15) / kYear);
  const double slow = kTurn * t / 11;
  const double fast = -kTurn * t / 5;
  return {static_cast<float>(301 - 48 * sine * sine + season),
          {static_cast<float>(5 * cosine * std::cos(slow)),
           static_cast<float>(5 * cosine * std::sin(slow)),
           static_cast<float>(3 * cosine * sine * std::cos(fast)),
           static_cast<float>(3 * cosine * sine * std::sin(fast))}};
}

void SampleField::fill_row(const Row& row, std::int64_t x, std::uint64_t element,
                           std::int64_t count, float* out) const {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto column = static_cast<std::size_t>(x + i);
    float value = row.constant;
    for (std::size_t wave = 0; wave < 4; ++wave) value += row.weight[wave] * wave_[wave][column];
    value += noise(mixed(key_ + (element + static_cast<std::uint64_t>(i)) * kWeyl));
    // Temperatures are positive, so adding a half and cutting rounds.
    out[i] = static_cast<float>(static_cast<std::int32_t>(value * kStepsPerKelvin + 0.5f)) /
             kStepsPerKelvin;
  }
  if (missing_below_ == 0) return;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto counter = element + static_cast<std::uint64_t>(i);
    if (mixed(~key_ + counter * kWeyl) >> 11 < missing_below_) {
      out[i] = std::numeric_limits<float>::quiet_NaN();
    }
  }
}

void SampleField::fill(const Box& box, float* out) const {
  const std::int64_t count = box.hi[2] - box.lo[2];
  for (std::int64_t day = box.lo[0]; day < box.hi[0]; ++day) {
    for (std::int64_t y = box.lo[1]; y < box.hi[1]; ++y, out += count) {
      const std::int64_t element = position_of({day, y, box.lo[2]}, shape_);
      fill_row(row(day, y), box.lo[2], static_cast<std::uint64_t>(element), count, out);
    }
  }
}

}  // namespace rankine::apps
