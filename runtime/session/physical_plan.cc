#include "runtime/session/physical_plan.h"

#include <unistd.h>

#include <fstream>

#include "runtime/base/error.h"

namespace rankine::session {
namespace {

// What a process needs beside its chunks: program, libraries, stacks, MPI, caches of the pool.
constexpr std::int64_t kOverhead = std::int64_t{64} << 20;

std::string mebibytes(std::int64_t bytes) {
  return std::to_string((bytes + (std::int64_t{1} << 20) - 1) >> 20) + " MiB";
}

std::string names_of(const std::vector<expr::NodePtr>& nodes) {
  std::string names;
  for (const expr::NodePtr& node : nodes) {
    names += (names.empty() ? "" : ", ") + expr::name_of(*node);
  }
  return names;
}

PhysicalPlan build(const optimize::NumericPlan& numeric, const optimize::LowerOptions& lowering,
                   const Machine& machine) {
  PhysicalPlan plan;
  plan.graph = optimize::lower(numeric, lowering);
  plan.topology = std::make_shared<const graph::Topology>(plan.graph);
  plan.placement = plan::Placement(*plan.topology, machine.ranks, machine.first_worker);
  plan.footprint = plan::footprint(*plan.topology, plan.placement);
  plan.bound_bytes = resident_bytes() + kOverhead + plan.footprint.total(machine.threads);
  return plan;
}

bool fits(const PhysicalPlan& plan, const Machine& machine) {
  return machine.memory_bytes == 0 || plan.bound_bytes <= machine.memory_bytes;
}

void require_fit(const PhysicalPlan& plan, const Machine& machine) {
  if (fits(plan, machine)) return;
  throw Error(ExitCode::kRefused,
              "the plan needs " + mebibytes(plan.bound_bytes) + " on a rank, allowed are " +
                  mebibytes(machine.memory_bytes),
              "layer '" + plan.footprint.largest + "' holds most",
              "use more ranks, fewer threads, smaller chunks, or --memory");
}

}  // namespace

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  if (!(statm >> total >> resident)) return 0;
  return resident * sysconf(_SC_PAGESIZE);
}

PhysicalPlan plan_physical(const optimize::NumericPlan& numeric, const Machine& machine,
                           Reuse reuse, bool fuse) {
  optimize::LowerOptions lowering;
  lowering.fuse = fuse;
  const std::vector<expr::NodePtr> shared =
      fuse ? optimize::shared_nodes(numeric) : std::vector<expr::NodePtr>();
  std::string reason = shared.empty() ? "nothing is shared"
                                      : "reread " + names_of(shared) + ": asked for";
  if (!shared.empty() && reuse != Reuse::kReread) {
    for (const expr::NodePtr& node : shared) lowering.held.insert(node.get());
    PhysicalPlan held = build(numeric, lowering, machine);
    if (reuse == Reuse::kHold) require_fit(held, machine);
    if (fits(held, machine)) {
      held.reuse = "hold " + names_of(shared) + ": read once, " +
                   mebibytes(held.footprint.held_bytes) + " held at most on a rank";
      return held;
    }
    lowering.held.clear();
    reason = "reread " + names_of(shared) + ": holding needs " + mebibytes(held.bound_bytes) +
             " on a rank";
  }
  PhysicalPlan again = build(numeric, lowering, machine);
  require_fit(again, machine);
  again.reuse = std::move(reason);
  return again;
}

}  // namespace rankine::session
