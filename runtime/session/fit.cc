#include "runtime/session/fit.h"

#include <fmt/format.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/resident_memory.h"
#include "runtime/plan/key_order.h"
#include "runtime/plan/saturate.h"

namespace rankine::session {
namespace {

// What a process needs beside its chunks: program, libraries, stacks, MPI, caches of the pool.
constexpr std::int64_t kOverhead = std::int64_t{64} << 20;
// A process is not equally large each time. Its share is rounded up, so that a need that was told
// suffices when it is given.
constexpr std::int64_t kBaseStep = std::int64_t{32} << 20;

std::int64_t base_bytes() {
  return (resident_bytes() + kOverhead + kBaseStep - 1) / kBaseStep * kBaseStep;
}

// What no rank of this machine can hold, whatever the user allows.
std::int64_t physical_bytes() {
  struct sysinfo system {};
  if (::sysinfo(&system) != 0) return plan::kTooMuch;
  return plan::times(static_cast<std::int64_t>(system.totalram + system.totalswap),
                     system.mem_unit);
}

// Whatever is allowed, what a rank cannot do without must be there.
bool holdable(const PhysicalPlan& plan) {
  return plan.footprint.least_bytes <= physical_bytes() && plan.bound_bytes < plan::kTooMuch;
}

// Down to a multiple of a step, where that is enough: so that a graph that is run again is the same
// graph though a little more or less is left for it.
std::int64_t coarse(std::int64_t bytes, std::int64_t least) {
  constexpr std::int64_t kStep = std::int64_t{16} << 20;
  const std::int64_t rounded = bytes / kStep * kStep;
  return rounded >= least ? rounded : bytes;
}

std::string most_of(const PhysicalPlan& plan, int threads) {
  if (plan.reserve.bytes > plan.least_bytes / 2) {
    return plan.reserve.task_bytes >= plan.reserve.most_held_bytes
               ? "a task of layer '" + plan.reserve.largest_task + "'"
               : "what layer '" + plan.reserve.most_holding + "' leaves for others";
  }
  const std::int64_t tasks_and_chunks = plan.footprint.total(threads);
  return tasks_and_chunks <= plan.bound_bytes / 2 ? "the program itself"
                                                  : plan.footprint.largest(threads);
}

std::string remedy_for(const PhysicalPlan& plan, const Machine& machine) {
  const std::int64_t total = plan.footprint.total(machine.threads);
  if (plan.reserve.bytes > plan.least_bytes / 2) {
    return "use more ranks, smaller chunks, or allow more by --memory";
  }
  if (total <= plan.bound_bytes / 2) return "allow more by --memory";
  if (plan.footprint.result_bytes > total / 2) {
    return "write the result to a file with -o, take a part of it, or allow more by --memory";
  }
  return "use more ranks, fewer threads, smaller chunks, or allow more by --memory";
}

}  // namespace

std::string size_text(std::int64_t bytes) {
  if (bytes >= plan::kTooMuch) return "more than 2 EiB";
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024; ++unit) size /= 1024;
  const std::string exact = std::to_string(bytes) + " bytes";
  return unit == 0 ? exact : fmt::format("{} ({:.5g} {})", exact, size, kUnits[unit]);
}

void bound(PhysicalPlan& plan, const Machine& machine) {
  plan.footprint = plan::footprint(*plan.topology, plan.placement, machine.threads);
  plan.beside_bytes = plan::plus(base_bytes(), machine.client_bytes);
  plan.bound_bytes = plan::plus(plan.beside_bytes, plan.footprint.total(machine.threads));
  plan.least_bytes = plan.at_once_bytes = plan.bound_bytes;
}

bool fits(const PhysicalPlan& plan, const Machine& machine) {
  return holdable(plan) && plan.footprint.spilled_bytes <= machine.scratch_bytes &&
         (machine.memory_bytes == 0 || plan.bound_bytes <= machine.memory_bytes);
}

void admit(PhysicalPlan& plan, const Machine& machine) {
  if (!plan::KeyOrder::supports(*plan.topology, plan.placement)) return;
  const plan::KeyOrder keys(*plan.topology, plan.placement);
  plan.reserve = plan::reserve(*plan.topology, plan.placement, keys);
  plan::Footprint footprint = plan.footprint;
  footprint.noted_bytes =
      plan::plus(plan::times(plan.reserve.thread_bytes, machine.threads), plan.reserve.note_bytes);
  const std::int64_t beside = plan::plus(plan.beside_bytes, footprint.beside_budget());
  plan.least_bytes = std::min(plan.bound_bytes, plan::plus(beside, plan.reserve.bytes));
  if (!holdable(plan) || plan.least_bytes > machine.memory_bytes) return;
  plan.budget = {coarse(machine.memory_bytes - beside, plan.reserve.bytes), plan.reserve.bytes};
  if (plan.budget.bytes < plan.budget.reserve) return void(plan.budget = {});
  footprint.budget_bytes = plan.budget.bytes;
  plan.footprint = footprint;
  plan.bound_bytes = machine.memory_bytes;
}

double slowness(const PhysicalPlan& plan, const Machine& machine) {
  if (plan.budget.bytes == 0) return 1;
  const auto slack = static_cast<double>(plan.budget.bytes - plan.budget.reserve);
  const double more =
      slack / static_cast<double>(std::max<std::int64_t>(1, plan.reserve.task_bytes));
  const double ranks = machine.ranks - machine.first_worker;
  // Of the tasks at the frontier there is one among all ranks.
  const double at_a_time = std::min<double>(machine.threads, std::floor(more) + 1 / ranks);
  return machine.threads / at_a_time;
}

void spill(PhysicalPlan& plan, const Machine& machine, bool all) {
  std::vector<std::pair<std::int64_t, std::uint32_t>> layers;
  for (std::uint32_t layer = 0; layer < plan.topology->layer_count(); ++layer) {
    const std::int64_t bytes =
        plan::spillable_bytes(*plan.topology, plan.placement, layer, machine.threads);
    if (bytes > 0) layers.emplace_back(-bytes, layer);
  }
  std::sort(layers.begin(), layers.end());
  for (const auto& [order, layer] : layers) {
    if (!all && fits(plan, machine)) return;
    plan.placement.set_spilled(layer, true);
    bound(plan, machine);
  }
}

void let_tasks_move(PhysicalPlan& plan, const Machine& machine) {
  if (!machine.steal || machine.ranks == 1 || plan.budget.bytes > 0) return;
  plan.placement.set_moves(true);
  bound(plan, machine);
  if (fits(plan, machine)) return;
  plan.placement.set_moves(false);
  bound(plan, machine);
}

void require_fit(const PhysicalPlan& plan, const Machine& machine) {
  if (fits(plan, machine) || !machine.refuses) return;
  if (plan.footprint.spilled_bytes > machine.scratch_bytes) {
    throw Error(ExitCode::kRefused,
                "what does not fit the memory needs " + size_text(plan.footprint.spilled_bytes) +
                    " on disk for a rank, there is room for " + size_text(machine.scratch_bytes),
                "the scratch folder (one that keeps its files in memory has no room)",
                "name a folder on a disk by --scratch, use more ranks, or allow more by --memory");
  }
  const std::string limit = holdable(plan) ? "allowed are " + size_text(machine.memory_bytes)
                                           : "this machine has " + size_text(physical_bytes());
  throw Error(ExitCode::kRefused,
              "the plan needs " + size_text(plan.least_bytes) + " on a rank, " + limit,
              "most of it goes to " + most_of(plan, machine.threads), remedy_for(plan, machine));
}

// More room for the rest of the process is less for the plan. One that still fits would be chosen
// again: whatever was preferred to it did not fit then, and what fits now fitted then. With less
// beside it something better might fit; and a budget is what is left.
std::optional<std::int64_t> bound_again(const PhysicalPlan& plan, const Machine& before,
                                        const Machine& now) {
  Machine same = now;
  same.client_bytes = before.client_bytes;
  same.scratch_bytes = before.scratch_bytes;
  if (same != before || now.scratch_bytes > before.scratch_bytes) return std::nullopt;
  PhysicalPlan again;
  again.footprint = plan.footprint;
  again.beside_bytes = plan::plus(base_bytes(), now.client_bytes);
  const std::int64_t more = again.beside_bytes - plan.beside_bytes;
  again.bound_bytes = plan::plus(plan.bound_bytes, more);
  if (more < 0 || (more > 0 && plan.budget.bytes > 0) || !fits(again, now)) return std::nullopt;
  return again.bound_bytes;
}

}  // namespace rankine::session
