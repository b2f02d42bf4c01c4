// What one shard of a job does of a graph (io/shards.h): with what all shards leave in their logs,
// the run that takes them over has little left to do.
//
// A layer that stores chunks is cut among the shards as it would be among so many ranks, so that a
// shard reads what belongs together. Of a result in fewer chunks than there are shards (the mean
// over a long time) the trees of its reductions are cut instead: at the highest level that has two
// nodes for every shard, or at their leaves. What those nodes leave is logged as states.
#pragma once

#include <cstdint>
#include <vector>

#include "io/shard.h"
#include "runtime/graph/topology.h"
#include "runtime/plan/placement.h"

namespace rankine::plan {

// A pure function of the graph and the shard. A chunk that is stored is of one shard at most, a
// state likewise; what is fetched, or stored by few tasks above a tree that is cut, is of none: it
// is made by who takes over.
class ShardTasks {
 public:
  ShardTasks(const graph::Topology& topology, const io::Shard& shard);

  // Whether what the task stores is for this shard to store.
  bool stores(const graph::Topology& topology, const graph::TaskId& task) const;
  // Whether what the task leaves for others is for this shard to log.
  bool logs(const graph::Topology& topology, const graph::TaskId& task) const;

 private:
  struct Cut {
    bool stores = false;
    bool states = false;
    Interval nodes;  // of each tree of a Reduce layer, whose states are logged
    std::int64_t trees = 0;
  };
  // Whether there was anything to cut.
  bool cut_reductions(const graph::Topology& topology, std::uint32_t layer);
  bool cut_tree(const graph::Topology& topology, std::uint32_t layer);
  bool is_mine(const graph::Topology& topology, const graph::TaskId& task) const;

  const io::Shard shard_;
  const Placement placement_;         // as if every shard were a rank
  std::vector<Cut> cuts_;             // by layer
  std::vector<std::int8_t> visited_;  // layers, by cut_reductions: 0 not yet, 1 nothing, 2 cut
};

}  // namespace rankine::plan
