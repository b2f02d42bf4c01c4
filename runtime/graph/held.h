// What an earlier graph left on the ranks, as a later one finds it.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/chunk_grid.h"
#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"

namespace rankine::graph {

// The name of a value that outlives its graph: a chunk that a Hold head left (slot: of the head),
// or the result of a task of an Explicit layer (kTaskSlot). Equal on every rank.
struct HeldName {
  static constexpr std::uint32_t kTaskSlot = UINT32_MAX;

  std::uint32_t graph = 0;
  std::uint32_t slot = 0;
  std::int64_t position = 0;
  bool operator==(const HeldName&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(graph, slot, position);
  }
};
struct HeldNameHash {
  std::size_t operator()(const HeldName& name) const {
    return static_cast<std::size_t>(name.position) * 0x9e3779b97f4a7c15u ^
           (std::size_t{name.graph} << 32 | name.slot);
  }
};

// An array that an earlier graph leaves in chunks. Task t hands on chunk t, on the rank that has
// it, as soon as it is there.
struct HeldArray {
  std::uint32_t graph = 0;
  std::uint32_t slot = 0;
  ChunkGrid grid;
  DType dtype = DType::kFloat64;
  Extents order;  // in which the chunks were cut among the ranks: axes, outermost first
  template <class Archive>
  void serialize(Archive& archive) {
    archive(graph, slot, grid, dtype, order);
  }
};

// Results of tasks of earlier graphs. Task t hands on the result of tasks[t] of graphs[t], on rank
// homes[t], as soon as it is there.
struct HeldValues {
  std::vector<std::uint32_t> graphs;
  std::vector<std::uint32_t> tasks;
  std::vector<std::int32_t> homes;
  std::size_t size() const { return graphs.size(); }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(graphs, tasks, homes);
  }
};

}  // namespace rankine::graph
