// The order in which all ranks go on when memory is short: a key for every task, a pure function of
// the plan, that linearly extends the dependencies.
//
// Layers fall into phases. Inside of a phase the outermost axis of a layer's order cuts it into
// slabs, and what is not finished in a slab by tasks of the same slab belongs to a later phase. So
// key = (phase, wave, slab, inner, depth, layer, order):
//   wave   how many whole slabs of the same rank come before this one: ranks advance together.
//          Slabs that are cut between ranks come after all whole ones.
//   inner  inside of a slab: of a task whose inputs lie at its own position (or in earlier phases)
//          that position, counted from the start of its rank's block; of a node of a reduction tree
//          the last of its leaves; of all others the end of the slab.
// It is simpler than (graph, wave, last, depth, layer, position): `last` is only looked at inside
// of a slab, and a task that needs more of another layer than its slab waits for the whole phase.
//
// Proof that it extends the dependencies. Take an edge from P to C. Either C is of a later phase;
// or both have the same slab, so the same wave (a function of the slab), and C has at least the
// inner place of P: the same position, a node above that leaf, or the end of the slab; or C is a
// node of a tree over several slabs, of which the time (wave, slab, inner) is at least that of each
// leaf: it is that of the last leaf if all of them lie in whole slabs of one rank, where time grows
// with the position, and else later than all waves. Then depth decides, which is less for P; inside
// of one tree the position, and children are numbered before their parents.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/base/order_key.h"
#include "runtime/plan/placement.h"

namespace rankine::plan {

class KeyOrder {
 public:
  // Users' tasks, whose memory nobody knows, have no keys; nor have graphs of so many nodes of
  // trees that a rank should not count them one by one (reduce_nodes).
  static bool supports(const graph::Topology& topology, const Placement& placement);
  // Both must outlive it. O(layers).
  KeyOrder(const graph::Topology& topology, const Placement& placement);

  OrderKey key(const graph::TaskId& task) const;
  // The range of a rank in a layer that is no tree, as ordered positions: at most three pieces, in
  // the order of keys, as are the positions in each.
  std::vector<Interval> pieces(std::uint32_t layer, int rank) const;
  // The nodes of a tree at home on a rank, in the order of keys.
  std::vector<std::int64_t> nodes(std::uint32_t layer, int rank) const;

  // What bounds of memory look at. Whether a consumer takes chunks in the phase that makes them;
  // whether it takes each at the consumer's own position only, at once.
  std::int32_t phase(std::uint32_t layer) const { return layers_[layer].phase; }
  bool at_once(const graph::Topology::LeafEdge& edge) const {
    return layers_[edge.consumer].by_position && at_own_position(edge);
  }
  // Tasks of a slab of a layer, on all ranks together; of a tree nodes.
  std::int64_t slab_tasks(std::uint32_t layer) const { return layers_[layer].slab_tasks; }
  std::int64_t slabs(std::uint32_t layer) const { return layers_[layer].slabs; }
  // Of a tree: its nodes come right after the last of their leaves.
  bool is_post_order(std::uint32_t layer) const { return layers_[layer].post_order; }

 private:
  struct LayerOrder {
    std::int32_t phase = 0;
    // 0: the nodes of a tree over several slabs, or one that waits for a whole phase.
    std::int64_t slabs = 1;
    std::int64_t slab_tasks = 0;
    std::int32_t axis = -1;    // of the slabs, in the grid of tasks; of a tree among the kept ones
    bool by_position = false;  // inner is the position
    bool post_order = false;
  };
  struct Time {
    std::int64_t wave = 0;
    std::int64_t slab = 0;
    std::int64_t inner = 0;
  };
  static constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

  void add_grid(std::uint32_t layer);
  void add_tree(std::uint32_t layer, const graph::Reduce& tree);
  bool at_own_position(const graph::Topology::LeafEdge& edge) const;
  bool same_slab(const graph::Topology::LeafEdge& edge) const;
  std::int32_t axis_of_output(const graph::LayerOutput& output) const;
  bool is_cut(std::int64_t slab, std::int64_t slabs) const;
  std::int64_t wave(std::int64_t slab, std::int64_t slabs) const;
  int block(std::uint32_t layer, std::int64_t ordered) const;
  std::int64_t inner(std::uint32_t layer, std::int64_t ordered) const;
  Time time_of_leaves(std::uint32_t source, std::int64_t first, std::int64_t last) const;
  Time tree_time(const graph::TaskId& task, const graph::Reduce& tree) const;

  const graph::Topology& topology_;
  const Placement& placement_;
  std::vector<LayerOrder> layers_;
};

}  // namespace rankine::plan
