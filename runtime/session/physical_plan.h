// What depends on the machine: how shared producers are kept, homes, order and the memory bound.
// Built on a NumericPlan and unable to change it, so no choice made here touches a bit of output.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "runtime/api/task_arena.h"
#include "runtime/graph/topology.h"
#include "runtime/optimize/lower.h"
#include "runtime/plan/footprint.h"
#include "runtime/plan/placement.h"
#include "runtime/plan/reserve.h"

namespace rankine::session {

// Shared producers: held in memory, read or computed again by each consumer, spilled to scratch, or
// what fits: held before all, else whichever costs less.
enum class Reuse { kChoose, kHold, kReread, kSpill };

struct Machine {
  int ranks = 1;
  int threads = 1;                         // of a rank
  int first_worker = 0;                    // 1 if rank 0 only schedules
  std::int64_t memory_bytes = 0;           // of one rank; 0: no limit
  std::int64_t client_bytes = 0;           // what rank 0 will hold beside the plan
  std::int64_t scratch_bytes = INT64_MAX;  // room on disk for one rank
  // Of a job in shards, or that takes them over: all of these must have the same layers, whatever
  // their ranks, to use each other's states.
  bool sharded = false;
  bool refuses = true;  // false: plans that do not fit are made too, to be looked at
  // What each rank has of countable things (--resources); by rank, empty: nothing.
  std::vector<std::map<std::string, std::int64_t>> resources = {};
  int shift = 0;      // of users' tasks (plan/placement.h)
  bool steal = true;  // tasks may run on other ranks than their homes, if there is memory for it
  bool operator==(const Machine&) const = default;
};

struct PhysicalPlan {
  std::shared_ptr<graph::Graph> graph;
  std::shared_ptr<const graph::Topology> topology;
  plan::Placement placement;
  plan::Footprint footprint;
  std::int64_t beside_bytes = 0;   // what the process and its client take beside the graph
  std::int64_t bound_bytes = 0;    // resident memory of a rank that will not be passed
  std::int64_t at_once_bytes = 0;  // the same if every thread always had a task, in any order
  std::int64_t least_bytes = 0;    // with so much it would run, if need be one task at a time
  plan::Reserve reserve;           // what that takes; nothing if it was not needed or not possible
  plan::Budget budget;             // if tasks must be admitted, because all at once do not fit
  double cost_ns = 0;              // estimated (plan/cost.h), longer where tasks must wait
  std::string reuse;               // what was decided about shared producers, and why
};

// fuse: false leaves every operation in a layer of its own. tasks: of users, on top of the kept
// targets, which are their arrays in the order of both; null: none.
// Throws Error (refused) if no choice fits the memory, naming layer, bytes and remedy.
PhysicalPlan plan_physical(const optimize::NumericPlan& numeric, const Machine& machine,
                           Reuse reuse, bool fuse, const api::TaskGraph* tasks = nullptr);

}  // namespace rankine::session
