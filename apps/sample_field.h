// The temperature field that `rankine sample` writes: a zonal mean, a season, two travelling waves
// and noise, in steps of 1/64 K so that it compresses as packed reanalysis data do.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/shape.h"

namespace rankine::apps {

struct SampleGrid {
  std::vector<double> hours;  // since 2000-01-01, one per day
  std::vector<float> lat;     // degrees north, 90 to -90; 0 if there is one only
  std::vector<float> lon;     // degrees east, from 0
};

// shape: days, latitudes, longitudes.
SampleGrid sample_grid(const Extents& shape);

class SampleField {
 public:
  // missing: the fraction of elements that are NaN, 0 to 1.
  SampleField(std::uint64_t seed, const Extents& shape, double missing);

  // The elements of `box`, dense row-major, in kelvin. An element depends on seed, shape and its
  // coordinate only (the noise comes from a counter-based generator), so it is the same whoever
  // computes it. Thread-safe.
  void fill(const Box& box, float* out) const;

 private:
  // What a row of equal day and latitude adds up: constant + sum of weight[i] * wave_[i][x].
  struct Row {
    float constant;
    float weight[4];
  };
  Row row(std::int64_t day, std::int64_t y) const;
  void fill_row(const Row& row, std::int64_t x, std::uint64_t element, std::int64_t count,
                float* out) const;

  std::uint64_t key_;
  std::uint64_t missing_below_;  // of 2^53
  Extents shape_;
  std::vector<double> latitude_;  // radians
  std::vector<float> wave_[4];    // cos 5 lon, sin 5 lon, cos 9 lon, sin 9 lon
};

}  // namespace rankine::apps
