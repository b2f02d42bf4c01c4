// From targets to what is broadcast: optimize, plan, serialize. Needs no other rank and no MPI, so
// `plan` can show what a run would do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/archive.h"
#include "runtime/graph/topology.h"
#include "runtime/optimize/lower.h"
#include "runtime/plan/footprint.h"
#include "runtime/plan/placement.h"

namespace rankine::session {

enum class Reuse { kChoose, kHold, kReread };

struct PrepareOptions {
  int ranks = 1;
  int threads = 1;
  int first_worker = 0;
  std::int64_t memory_bytes = 0;  // of one rank; 0: no limit
  Reuse reuse = Reuse::kChoose;
  bool fuse = true;
};

struct Prepared {
  std::shared_ptr<graph::Graph> graph;
  std::shared_ptr<const graph::Topology> topology;
  plan::Placement placement;
  plan::Footprint footprint;
  std::int64_t bound_bytes = 0;  // resident memory of a rank that will not be passed
  std::string reuse;             // what was decided about shared producers, and why
  std::int64_t layers_before = 0;
  std::int64_t tasks_before = 0;
  Bytes graph_bytes;
  double optimize_s = 0, optimize_cpu_s = 0;
  double serialize_s = 0, serialize_cpu_s = 0;
};

// Throws Error (refused) if no choice fits the memory, naming layer, bytes and remedy.
Prepared prepare(const std::vector<optimize::Target>& targets, const PrepareOptions& options);

// The chunk indexes of the graph's data sets, from the probe child. Throws Error (input).
std::vector<io::ChunkIndex> read_indexes(const graph::Graph& graph);

// Memory of this process now, in bytes (resident).
std::int64_t resident_bytes();

}  // namespace rankine::session
