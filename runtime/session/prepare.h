// From targets to what is broadcast: optimize, plan, serialize. Needs no other rank and no MPI, so
// `plan` can show what a run would do.
#pragma once

#include <vector>

#include "io/parts.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"
#include "runtime/optimize/numeric_plan.h"
#include "runtime/session/physical_plan.h"

namespace rankine::session {

struct PrepareOptions {
  Machine machine;
  Reuse reuse = Reuse::kChoose;
  // false: the expressions as they were written, one layer per operation. The oracle of the
  // optimizer.
  bool fuse = true;
  bool operator==(const PrepareOptions&) const = default;
};

struct Prepared {
  std::uint64_t numeric_hash = 0;  // optimize::NumericPlan
  PhysicalPlan physical;
  std::int64_t layers_before = 0;
  std::int64_t tasks_before = 0;
  Bytes graph_bytes;
  StageTimes optimize;
  StageTimes serialize;
};

// Throws Error (refused) if no choice fits the memory, naming layer, bytes and remedy.
// tasks: of users; their arrays are the kept targets. Null: none.
Prepared prepare(const std::vector<optimize::Target>& targets, const PrepareOptions& options,
                 const api::TaskGraph* tasks = nullptr);

// Where the bytes of the graph's data sets lie, from the probe child. Throws Error (input).
std::vector<io::ChunkMap> read_maps(const graph::Graph& graph);

}  // namespace rankine::session
