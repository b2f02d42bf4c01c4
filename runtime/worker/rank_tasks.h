// The tasks at home on a rank, in the order of keys, and the first of them that is not complete.
// What is complete is marked one by one only beyond that one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/plan/key_order.h"
#include "runtime/worker/page_table.h"

namespace rankine::worker {

class RankTasks {
 public:
  RankTasks(const graph::Topology& topology, const plan::Placement& placement,
            const plan::KeyOrder& keys, int rank);

  // Once per task at home here. O(1) on average.
  void complete(const graph::TaskId& task);
  // The lowest key that is not complete, which never falls; nothing if all are. O(layers).
  std::optional<OrderKey> lowest() const;

 private:
  // The tasks of one layer: positions in pieces, or the nodes of trees, and how far they are done
  // from the front.
  struct Line {
    std::vector<Interval> pieces;
    std::vector<std::int64_t> nodes;
    std::size_t piece = 0;
    std::int64_t next = 0;             // ordered position, or index into nodes
    PageTable<std::uint8_t> complete;  // by ordered position, or by position of a node
    std::optional<OrderKey> lowest;
  };
  bool is_tree(std::uint32_t layer) const {
    return std::holds_alternative<graph::Reduce>(topology_.graph().layers[layer].kind);
  }
  std::optional<graph::TaskId> first(std::uint32_t layer) const;
  std::int64_t mark_of(const graph::TaskId& task) const;
  void go_on(std::uint32_t layer);
  void look_up(std::uint32_t layer);

  const graph::Topology& topology_;
  const plan::Placement& placement_;
  const plan::KeyOrder* keys_;
  std::vector<Line> lines_;  // by layer
};

}  // namespace rankine::worker
