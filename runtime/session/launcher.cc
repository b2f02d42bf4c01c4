#include "runtime/session/launcher.h"

#include <algorithm>
#include <utility>

#include "runtime/plan/saturate.h"

namespace rankine::session {
namespace {

// The graphs whose values the targets and tasks take.
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

}  // namespace

void Launcher::forget_finished() {
  std::erase_if(in_flight_, [&](const InFlight& one) { return engine_.is_done(one.job); });
}

std::int64_t Launcher::in_flight(std::int64_t InFlight::*bytes) const {
  std::int64_t sum = 0;
  for (const InFlight& one : in_flight_) sum = plan::plus(sum, one.*bytes);
  return sum;
}

Started Launcher::start(const Work& work, PrepareOptions options) {
  const std::int64_t scratch_bytes = options.machine.scratch_bytes;
  for (;;) {
    Engine::JobPtr oldest;
    try {
      const std::lock_guard lock(mutex_);
      forget_finished();
      if (!in_flight_.empty()) oldest = in_flight_.front().job;
      options.machine.client_bytes =
          plan::plus(plan::plus(work.client_bytes, engine_.known_graphs_bytes()),
                     plan::plus(held_bytes_, in_flight(&InFlight::bytes)));
      options.machine.scratch_bytes =
          std::max<std::int64_t>(0, scratch_bytes - in_flight(&InFlight::spilled_bytes));
      Started graph;
      graph.prepared = std::make_shared<const Prepared>(prepare(work.targets, options, work.tasks));
      const PhysicalPlan& plan = graph.prepared->physical;
      Bytes index_bytes = to_bytes(read_indexes(*plan.graph));
      graph.index_bytes = static_cast<std::int64_t>(index_bytes.size());
      graph.job = engine_.start({graph.prepared->graph_bytes, std::move(index_bytes),
                                 plan.topology->task_count(), work.log_folder, needs_of(work),
                                 work.on_over});
      in_flight_.push_back(
          {graph.job, plan.footprint.total(options.machine.threads), plan.footprint.spilled_bytes});
      if (work.in_background) background_.push_back(graph);
      return graph;
    } catch (const Error& error) {
      if (error.exit_code != ExitCode::kRefused) throw;
      if (!oldest && engine_.known_graphs_bytes() == 0) throw;
      if (!oldest) {
        engine_.forget_graphs();
        continue;
      }
    }
    engine_.await(oldest);
  }
}

GraphOutcome Launcher::wait(const Started& graph) {
  GraphOutcome outcome = engine_.wait(graph.job);
  const std::lock_guard lock(mutex_);
  stages_.add(*graph.prepared, graph.index_bytes, outcome);
  return outcome;
}

void Launcher::account_finished() {
  const std::lock_guard lock(mutex_);
  std::erase_if(background_, [&](const Started& graph) {
    if (!engine_.is_done(graph.job)) return false;
    stages_.add(*graph.prepared, graph.index_bytes, engine_.outcome_of(*graph.job));
    return true;
  });
}

void Launcher::add_held(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  held_bytes_ += bytes;
}

}  // namespace rankine::session
