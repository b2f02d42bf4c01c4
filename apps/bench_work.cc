#include "apps/bench_work.h"

#include "runtime/base/error.h"

namespace rankine::apps {

double multiply_add(std::int64_t iterations, double start) {
  if (iterations == 0) return start;
  constexpr int kLanes = 32;
  static_assert(kFlopsPerIteration == 2 * kLanes);
  double lanes[kLanes];
  for (int k = 0; k < kLanes; ++k) lanes[k] = start + k;
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (double& lane : lanes) lane = lane * 0.999999 + 1e-6;
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum / kLanes;
}

void wrong_inputs(std::int64_t step, std::int64_t column) {
  throw Error(ExitCode::kDiffers, "task (" + std::to_string(step) + ", " + std::to_string(column) +
                                      ") has other inputs than its pattern says");
}

}  // namespace rankine::apps
