#include "apps/metg_point.h"

#include <algorithm>

namespace rankine::apps {

// Between two points the overhead of a task, granularity x (1 - efficiency), is taken as a line; at
// one half the granularity is twice the overhead.
double metg_of(const std::vector<MetgPoint>& points) {
  for (std::size_t i = points.size(); i-- > 1;) {
    const MetgPoint& above = points[i];
    const MetgPoint& below = points[i - 1];
    if (above.efficiency < 0.5) return 0;
    if (below.efficiency >= 0.5) continue;
    const double low = below.granularity_us * (1 - below.efficiency);
    const double high = above.granularity_us * (1 - above.efficiency);
    const double width = above.granularity_us - below.granularity_us;
    if (width <= 0) return above.granularity_us;
    const double slope = (high - low) / width;
    const double metg = 2 * (low - slope * below.granularity_us) / (1 - 2 * slope);
    return std::clamp(metg, below.granularity_us, above.granularity_us);
  }
  return points.empty() || points[0].efficiency < 0.5 ? 0 : points[0].granularity_us;
}

}  // namespace rankine::apps
