// Where tasks run and in which order: pure functions of layer and position.
//
// A layer has one order of its axes, outermost first, used for two things: the tasks of a layer in
// that order are cut into one contiguous range per rank (home), and a rank takes its range from
// front to back. Axes along which a consumer collects (reduced axes, long inputs) or a producer
// repeats (broadcast) come last, so what belongs to one result is made close together, mostly on
// one rank. A node of a reduction tree lives where the middle of its leaves live.
//
// A grid of users' tasks that goes on in time is not cut along that axis: the other axes, in
// row-major order, are cut into one block per rank, so neighbours are mostly on one rank and no
// rank waits for another one to have finished its part of time. A rank takes its block step by
// step.
//
// Users' tasks in irregular graphs follow their inputs (follow_inputs.h): as runs of positions
// where these are few, else by a table.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/graph/topology.h"
#include "runtime/plan/follow_inputs.h"

namespace rankine::plan {

struct LayerPlacement {
  Extents order;             // axes of the task grid, outermost first (Map and Grid layers)
  bool stepped = false;      // order[0] is an axis of time: never cut
  std::int32_t pinned = -1;  // the rank of every task; -1: by position
  std::int32_t depth = 0;    // longest path from a source; deeper ready tasks run first
  std::int32_t shift = 0;    // the first range goes to this worker, and so on around
  bool scattered = false;    // some tasks (users') have ranks of their own: no rank has one range
  bool spilled = false;      // what its Keep heads leave waits in scratch, on every rank
  // Of users' tasks that follow their inputs: runs of positions, or, if these would be many, a
  // table of ranks by position (the layer is scattered then).
  std::vector<HomeRun> runs;
  std::shared_ptr<const std::vector<std::int32_t>> homes;
  template <class Archive>
  void save(Archive& archive) const {
    archive(order, stepped, pinned, depth, shift, scattered, spilled, runs,
            homes ? *homes : std::vector<std::int32_t>());
  }
  template <class Archive>
  void load(Archive& archive) {
    std::vector<std::int32_t> table;
    archive(order, stepped, pinned, depth, shift, scattered, spilled, runs, table);
    if (!table.empty()) homes = std::make_shared<const std::vector<std::int32_t>>(std::move(table));
  }
};

class Placement {
 public:
  Placement() = default;
  // Chooses orders; results are fetched on rank 0. first_worker: 1 if rank 0 only schedules (it
  // still hands over fetched results), else 0. shift: of users' tasks; few of them would all go to
  // the first ranks without it.
  Placement(const graph::Topology& topology, int ranks, int first_worker = 0, int shift = 0);

  int ranks() const { return ranks_; }
  int first_worker() const { return first_worker_; }
  int workers() const { return ranks_ - first_worker_; }  // ranks that have ranges
  int home(const graph::Topology& topology, graph::TaskId task) const;
  std::int32_t depth(std::uint32_t layer) const { return layers_[layer].depth; }
  const LayerPlacement& layer(std::uint32_t layer) const { return layers_[layer]; }

  // The ordered positions [lo, hi) of a Map, HeldArray, Explicit or Grid layer that are at home on
  // `rank`; all of them if the layer is scattered. Of runs from the first to the last one.
  Interval range(const graph::Topology& topology, std::uint32_t layer, int rank) const;
  // Those of them, from the front, outside of which every task certainly has inputs; run by run.
  Interval source_range(const graph::Topology& topology, std::uint32_t layer, int rank) const;
  std::vector<Interval> source_pieces(const graph::Topology& topology, std::uint32_t layer,
                                      int rank) const;
  // ordered position <-> row-major position of a Map or Grid layer.
  std::int64_t position_at(const graph::Topology& topology, std::uint32_t layer,
                           std::int64_t ordered) const;
  std::int64_t ordered_of(const graph::Topology& topology, graph::TaskId task) const;

  // The output is not kept in memory, neither where it is made nor where it is received.
  bool is_spilled(const graph::Topology& topology, graph::LayerOutput output) const;
  std::vector<bool> spilled_layers() const;
  void set_spilled(std::uint32_t layer, bool spilled) { layers_[layer].spilled = spilled; }

  // Tasks may run on other ranks than their homes (plan/moves.h).
  bool moves() const { return moves_; }
  void set_moves(bool moves) { moves_ = moves; }

  // The uses of a chunk by tasks at home on `rank`, found without looking at those of other ranks
  // where the consumer is a Map layer.
  void for_each_use_on(const graph::Topology& topology, const graph::ChunkId& chunk, int rank,
                       graph::Topology::VisitUse visit) const;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(layers_, ranks_, first_worker_, moves_);
  }

 private:
  void let_follow_inputs(const graph::Explicit& tasks, LayerPlacement& placement) const;
  // A block of a stepped grid: coordinates off the axis of time, row-major.
  struct Block {
    std::int64_t lo = 0;
    std::int64_t hi = 0;
    int worker = 0;
    std::int64_t length() const { return hi - lo; }
  };
  std::int64_t steps(const graph::Topology& topology, std::uint32_t layer) const {
    return topology.counts(layer)[layers_[layer].order[0]];
  }
  std::int64_t columns(const graph::Topology& topology, std::uint32_t layer) const;
  Block block_of(std::int64_t column, std::int64_t columns) const;

  std::vector<LayerPlacement> layers_;
  std::int32_t ranks_ = 1;
  std::int32_t first_worker_ = 0;
  bool moves_ = false;
};

}  // namespace rankine::plan
