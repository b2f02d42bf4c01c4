// Homes of users' tasks in irregular graphs: a task goes where most of its inputs are made, as long
// as no rank gets much more than its share.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/graph/explicit.h"

namespace rankine::plan {

// The tasks from position `lo` up to that of the next run are at home on a rank.
struct HomeRun {
  std::int64_t lo = 0;
  std::int32_t rank = 0;
  bool operator==(const HomeRun&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(lo, rank);
  }
};

// Tasks without inputs from other tasks are cut evenly, in their order, over the workers, of which
// number `shift` (and around) gets the first ones. One pass in the order of creation, in which
// inputs come before their users: O(tasks + arguments). No worker gets more than 1.1 times its share
// and one task. Returns the worker of each task.
std::vector<std::int32_t> follow_inputs(const graph::Explicit& tasks, int workers, int shift);

// The same as runs, if they are few beside `most`; else empty. homes: not empty.
std::vector<HomeRun> runs_of(const std::vector<std::int32_t>& homes, std::size_t most);

}  // namespace rankine::plan
