// The minimum effective task granularity (METG): from runs with tasks of several lengths to the
// length at which a runtime reaches half of the peak.
#pragma once

#include <vector>

namespace rankine::apps {

struct MetgPoint {
  double granularity_us = 0;  // microseconds of a core per task
  double efficiency = 0;      // share of the peak
};

// Points in the order of growing tasks. Interpolates between the last point below one half and the
// next one; 0 if the largest tasks stay below one half.
double metg_of(const std::vector<MetgPoint>& points);

}  // namespace rankine::apps
