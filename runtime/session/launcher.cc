#include "runtime/session/launcher.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "runtime/base/hash.h"
#include "runtime/plan/saturate.h"
#include "runtime/session/fit.h"

namespace rankine::session {

std::vector<std::uint32_t> needs_of(const Work& work) {
  std::vector<expr::NodePtr> roots;
  for (const optimize::Target& target : work.targets) roots.push_back(target.node);
  std::vector<std::uint32_t> needs;
  for (const expr::NodePtr& node : expr::topological_order(roots)) {
    if (const auto* held = node->as<expr::FromHeld>()) needs.push_back(held->chunks->graph());
  }
  if (work.tasks != nullptr) {
    const std::vector<std::uint32_t>& graphs = work.tasks->held.graphs;
    needs.insert(needs.end(), graphs.begin(), graphs.end());
  }
  std::sort(needs.begin(), needs.end());
  needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
  return needs;
}

namespace {

void warn_of_embedded(const api::TaskGraph& tasks) {
  const auto [bytes, where] = api::embedded(tasks);
  if (bytes <= api::kManyEmbeddedBytes) return;
  std::fprintf(stderr,
               "rankine: warning: a graph embeds %.1f MB of arguments\n  at: %s\n  try: scatter "
               "them once, let the tasks make them or read them from a file (open)\n",
               static_cast<double>(bytes) * 1e-6, where.c_str());
}

}  // namespace

void Launcher::forget_finished() {
  std::erase_if(in_flight_, [&](const InFlight& one) { return engine_.is_done(one.job); });
}

std::int64_t Launcher::in_flight(std::int64_t InFlight::*bytes) const {
  std::int64_t sum = 0;
  for (const InFlight& one : in_flight_) sum = plan::plus(sum, one.*bytes);
  return sum;
}

std::int64_t Launcher::known_bytes() const {
  return plan::plus(engine_.known_graphs_bytes(), plans_.bytes() * RecentPlans::kMemoryPerByte);
}

void Launcher::leave_room(Machine& machine, std::int64_t client_bytes) const {
  machine.client_bytes = plan::plus(plan::plus(client_bytes, known_bytes()),
                                    plan::plus(held_bytes_, in_flight(&InFlight::bytes)));
  machine.scratch_bytes =
      std::max<std::int64_t>(0, machine.scratch_bytes - in_flight(&InFlight::spilled_bytes));
}

Started Launcher::launch(const Work& work, std::shared_ptr<const Prepared> prepared, int threads) {
  Started graph;
  graph.prepared = std::move(prepared);
  const PhysicalPlan& plan = graph.prepared->physical;
  graph.bound_bytes = plan.bound_bytes;
  Bytes index_bytes = to_bytes(read_maps(*plan.graph));
  graph.index_bytes = static_cast<std::int64_t>(index_bytes.size());
  // Nothing that depends on ranks or memory: who has the same layers can use the same states.
  const std::uint64_t graph_hash =
      work.log_folder.empty() ? 0 : std::max<std::uint64_t>(1, hash_bytes(to_bytes(*plan.graph)));
  graph.job = engine_.start({graph.prepared->graph_bytes, std::move(index_bytes),
                             plan.topology->task_count(), work.log_folder, work.first_log,
                             graph_hash, needs_of(work), work.on_over, work.part, work.shard});
  in_flight_.push_back({graph.job, plan.footprint.total(threads), plan.footprint.spilled_bytes});
  if (work.in_background) background_.push_back(graph);
  return graph;
}

std::optional<Started> Launcher::start_again(const RequestKey& key, PrepareOptions options) {
  const std::lock_guard lock(mutex_);
  const RecentPlan* known = plans_.find(key);
  if (known == nullptr) return std::nullopt;
  forget_finished();
  leave_room(options.machine, 0);
  const PhysicalPlan& plan = known->prepared->physical;
  const auto bound_bytes = bound_again(plan, known->options.machine, options.machine);
  if (!bound_bytes || known->options.reuse != options.reuse ||
      known->options.fuse != options.fuse) {
    return std::nullopt;
  }
  Started graph = launch({}, known->prepared, options.machine.threads);
  graph.again = true;
  graph.bound_bytes = *bound_bytes;
  return graph;
}

Started Launcher::start(const Work& work, PrepareOptions options) {
  if (work.tasks != nullptr && !quiet_) warn_of_embedded(*work.tasks);
  const Machine whole = options.machine;
  for (;;) {
    Engine::JobPtr oldest;
    try {
      const std::lock_guard lock(mutex_);
      forget_finished();
      if (!in_flight_.empty()) oldest = in_flight_.front().job;
      options.machine = whole;
      leave_room(options.machine, work.client_bytes);
      auto prepared = std::make_shared<const Prepared>(prepare(work.targets, options, work.tasks));
      Started graph = launch(work, prepared, options.machine.threads);
      if (work.key) {
        const auto bytes = static_cast<std::int64_t>(prepared->graph_bytes.size());
        plans_.drop(*work.key);
        plans_.add(*work.key, bytes, {options, prepared});
      }
      return graph;
    } catch (const Error& error) {
      if (error.exit_code != ExitCode::kRefused) throw;
      if (!oldest) {
        const std::lock_guard lock(mutex_);
        if (known_bytes() == 0) throw;
        engine_.forget_graphs();
        plans_.clear();
        continue;
      }
    }
    engine_.await(oldest);
  }
}

GraphOutcome Launcher::wait(const Started& graph) {
  GraphOutcome outcome = engine_.wait(graph.job);
  const std::lock_guard lock(mutex_);
  stages_.add(graph, outcome);
  return outcome;
}

void Launcher::account_finished() {
  const std::lock_guard lock(mutex_);
  std::erase_if(background_, [&](const Started& graph) {
    if (!engine_.is_done(graph.job)) return false;
    stages_.add(graph, engine_.outcome_of(*graph.job));
    return true;
  });
}

void Launcher::add_held(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  held_bytes_ += bytes;
}

}  // namespace rankine::session
