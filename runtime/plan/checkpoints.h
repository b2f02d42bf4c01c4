// Which results between tasks are logged, so that a run that takes over (outstanding.h) need not
// make them again: those that are small beside what was computed for them. A mean of ten hours is
// one chunk of output; its states are what would be lost.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/topology.h"

namespace rankine::plan {

// Bytes computed, element by element and 8 bytes each, for a byte that is logged: what logging
// costs is at most this part of the work.
inline constexpr std::int64_t kWorkPerByte = 32;

// A function of the graph alone. Map and Reduce layers only: only their work is known. O(layers x
// levels of trees).
class Checkpoints {
 public:
  explicit Checkpoints(const graph::Topology& topology);
  // Whether chunks of the layer may be logged at all: those of Map and Reduce layers.
  static bool may_log(const graph::Topology& topology, std::uint32_t layer);
  // Whether the task's chunks are logged.
  bool has(const graph::Topology& topology, const graph::TaskId& task) const;

 private:
  // By layer; of a Reduce by level of its tree, else one entry. Work since the last checkpoint.
  std::vector<std::vector<std::int64_t>> work_;
  std::vector<std::vector<bool>> logged_;
};

}  // namespace rankine::plan
