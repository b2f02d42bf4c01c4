// How much memory a graph takes on one rank, bounded in closed form from the layers.
#pragma once

#include <cstdint>

#include "runtime/plan/placement.h"

namespace rankine::plan {

struct Footprint {
  std::int64_t task_bytes = 0;    // the largest working memory of one running task
  std::int64_t held_bytes = 0;    // chunks that wait for their consumers, at most at one time
  std::int64_t result_bytes = 0;  // arrays fetched to rank 0
  std::string largest;            // the layer that holds most

  std::int64_t total(int threads) const {
    return task_bytes * threads + held_bytes + result_bytes;
  }
};

// The largest footprint of any rank. Partial states of a reduction are counted by the window of
// the tree if the layer's order keeps the chunks of one result together (fan-in x levels states),
// else all that may live on a rank; chunks of other layers are counted as a rank's whole share.
Footprint footprint(const graph::Topology& topology, const Placement& placement);

}  // namespace rankine::plan
