#include "runtime/session/physical_plan.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/graph/append_tasks.h"
#include "runtime/plan/cost.h"
#include "runtime/session/fit.h"

namespace rankine::session {
namespace {

std::string names_of(const std::vector<expr::NodePtr>& nodes) {
  std::string names;
  for (const expr::NodePtr& node : nodes) {
    names += (names.empty() ? "" : ", ") + expr::name_of(*node);
  }
  return names;
}

// What may be kept as chunks instead of being made again by every task that needs it. No choice
// touches a bit of output.
using Nodes = std::vector<expr::NodePtr>;
struct Choice {
  std::vector<const Nodes*> kept;
  bool holds(const Nodes& nodes) const {
    return nodes.empty() || std::find(kept.begin(), kept.end(), &nodes) != kept.end();
  }
};
struct Choices {
  Nodes shared;   // used by several layers
  Nodes recut;    // used in other chunks than their own, so that each would be read many times
  Nodes fetched;  // asked for on rank 0: kept, so that all ranks make them and rank 0 copies

  // The first is taken if it fits.
  std::vector<Choice> in_order(Reuse reuse) const {
    if (reuse == Reuse::kHold || reuse == Reuse::kSpill) return {{{&shared, &recut, &fetched}}};
    if (reuse == Reuse::kReread) return {{{&fetched}}, {{}}};
    std::vector<Choice> order = {{{&shared, &recut, &fetched}}};
    if (!shared.empty()) order.push_back({{&recut, &fetched}});
    if (!recut.empty()) order.push_back({{&shared, &fetched}});
    order.push_back({{&fetched}});
    order.push_back({{}});
    return order;
  }
};

std::string text_of(const std::vector<std::pair<std::string, std::int64_t>>& resources) {
  std::string text;
  for (const auto& [name, amount] : resources) {
    text += (text.empty() ? "" : ",") + name + "=" + std::to_string(amount);
  }
  return text;
}

// Where a function's tasks may run, once what each rank has is known. Throws Error (usage) if there
// is no such rank: they would wait for ever.
void choose_ranks(graph::UserFunction& function, const Machine& machine) {
  if (function.ranks.empty() && function.resources.empty()) return;
  std::vector<std::int32_t> wanted = function.ranks;
  if (wanted.empty()) {
    wanted.resize(static_cast<std::size_t>(machine.ranks));
    std::iota(wanted.begin(), wanted.end(), 0);
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::erase_if(wanted, [&](std::int32_t rank) {
    if (rank < machine.first_worker || rank >= machine.ranks) return true;
    return std::any_of(function.resources.begin(), function.resources.end(), [&](const auto& need) {
      if (need.second <= 0) return false;
      const auto at = static_cast<std::size_t>(rank);
      if (at >= machine.resources.size()) return true;
      const auto has = machine.resources[at].find(need.first);
      return has == machine.resources[at].end() || has->second < need.second;
    });
  });
  function.ranks = std::move(wanted);
  if (!function.ranks.empty()) return;
  const std::string where = function.name + ", " + function.location;
  if (function.resources.empty()) {
    throw Error(ExitCode::kUsage, "a task may run on no rank of this run", where,
                "name ranks from " + std::to_string(machine.first_worker) + " to " +
                    std::to_string(machine.ranks - 1));
  }
  throw Error(ExitCode::kUsage,
              "no rank that it may run on has what a task needs: " + text_of(function.resources),
              where, "start with --resources " + text_of(function.resources));
}

// The user's tasks on top of the other layers, and what brings their results to rank 0.
void add_named_tasks(graph::Graph& graph, const api::TaskGraph& tasks, const Machine& machine) {
  auto number = static_cast<std::uint32_t>(graph.layers.size());
  if (tasks.held.size() > 0) graph.layers.push_back({"futures", "", tasks.held});
  std::vector<std::uint32_t> results = tasks.results;
  if (tasks.collects_futures) {
    results.resize(tasks.held.size());
    std::iota(results.begin(), results.end(), 0);
  } else {
    graph::Explicit layer = tasks.tasks;
    layer.held_layer = number;
    for (graph::UserFunction& function : layer.functions) choose_ranks(function, machine);
    number = graph::append_tasks(graph, std::move(layer));
    if (tasks.tasks.holds_results) return;
  }
  graph::append_collect(graph, number, std::move(results));
}

// The grids, each with what collects of it.
void add_grids(graph::Graph& graph, const api::TaskGraph& tasks) {
  const auto first_layer = static_cast<std::uint32_t>(graph.layers.size());
  const auto first_result = static_cast<std::uint32_t>(graph.results.size());
  for (graph::Layer layer : tasks.grids) {
    for (graph::GridInput& input : std::get<graph::Grid>(layer.kind).inputs) {
      input.layer += first_layer;
    }
    graph.layers.push_back(std::move(layer));
  }
  for (graph::GridCollect collect : tasks.collected) {
    const std::int64_t count = collect.box.size();
    if (collect.item_bytes > 0) {
      graph.results.push_back({DType::kUInt8, {count * collect.item_bytes}});
    } else {
      graph.results.resize(graph.results.size() + static_cast<std::size_t>(count),
                           {DType::kUInt8, {0}});
    }
    collect.layer += first_layer;
    collect.first_result += first_result;
    graph.layers.push_back({"collect", "", std::move(collect)});
  }
}

void add_tasks(graph::Graph& graph, const api::TaskGraph& tasks, const Machine& machine) {
  if (tasks.tasks.task_count() > 0 || tasks.collects_futures) {
    add_named_tasks(graph, tasks, machine);
  }
  add_grids(graph, tasks);
}

PhysicalPlan build(const optimize::NumericPlan& numeric, const optimize::LowerOptions& lowering,
                   const Machine& machine, const api::TaskGraph* tasks) {
  PhysicalPlan plan;
  plan.graph = optimize::lower(numeric, lowering);
  if (tasks != nullptr) add_tasks(*plan.graph, *tasks, machine);
  plan.topology = std::make_shared<const graph::Topology>(plan.graph);
  plan.placement =
      plan::Placement(*plan.topology, machine.ranks, machine.first_worker, machine.shift);
  bound(plan, machine);
  return plan;
}

std::int64_t held_bytes(const PhysicalPlan& plan) {
  return plan.budget.bytes > 0 ? std::min(plan.footprint.held_bytes, plan.budget.bytes)
                               : plan.footprint.held_bytes;
}

// What was decided about shared producers, and why.
std::string explain(const Choices& choices, const Choice& choice, const PhysicalPlan& plan,
                    const std::string& why) {
  std::string names, text;
  for (std::uint32_t layer = 0; layer < plan.topology->layer_count(); ++layer) {
    if (!plan.placement.layer(layer).spilled) continue;
    names += (names.empty() ? "" : ", ") + plan.graph->layers[layer].name;
  }
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : "; ") + what; };
  if (plan.budget.bytes > 0) {
    add("admit tasks as there is memory: all at once need " + size_text(plan.at_once_bytes) +
        " on a rank, one at a time " + size_text(plan.least_bytes));
  }
  if (!names.empty()) {
    add("spill " + names + ": " + why + ", at most " + size_text(plan.footprint.spilled_bytes) +
        " of a rank in scratch");
  }
  const auto say = [&](const Nodes& nodes, const char* cause) {
    Nodes others;  // names of layers join those of their nodes by " + "
    std::copy_if(nodes.begin(), nodes.end(), std::back_inserter(others), [&](const auto& node) {
      const std::string name = expr::name_of(*node);
      return !choice.holds(nodes) || names.find(name) == std::string::npos;
    });
    if (others.empty()) return;
    add(choice.holds(nodes) ? "hold " + names_of(others) + ": " + cause + "read once, " +
                                  size_text(held_bytes(plan)) + " held at most on a rank"
                            : "reread " + names_of(others) + ": " + why);
  };
  say(choices.shared, "");
  say(choices.recut, "used in other chunks, ");
  return text.empty() ? "nothing is shared" : text;
}

struct Candidate {
  const Choice* choice;
  PhysicalPlan plan;
  bool spread = false;  // all ranks make what is fetched
  bool fits = false;
  double cost = 0;
  // What fits before what does not, what all ranks make before what rank 0 makes alone, the cheaper
  // before the dearer; the smaller of what is too large.
  bool better_than(const Candidate& other) const {
    if (fits != other.fits) return fits;
    if (fits && spread != other.spread) return spread;
    return fits ? cost < other.cost : plan.least_bytes < other.plan.least_bytes;
  }
};

}  // namespace

PhysicalPlan plan_physical(const optimize::NumericPlan& numeric, const Machine& machine,
                           Reuse reuse, bool fuse, const api::TaskGraph* tasks) {
  Choices choices;
  if (fuse) {
    choices.shared = optimize::shared_nodes(numeric);
    choices.recut = optimize::recut_nodes(numeric);
    if (machine.ranks > 1 || machine.sharded) choices.fetched = optimize::fetched_nodes(numeric);
  }
  std::vector<Choice> order = choices.in_order(reuse);
  if (machine.sharded) order.resize(1);  // the layers must not depend on what fits
  std::optional<Candidate> best;
  std::int64_t wanted = 0;  // by the first choice
  int fitting = 0;
  const auto consider = [&](Candidate next) {
    next.fits = fits(next.plan, machine);
    next.cost =
        plan::cost_ns(*next.plan.topology, next.plan.placement) * slowness(next.plan, machine);
    fitting += next.fits ? 1 : 0;
    if (!best || next.better_than(*best)) best = std::move(next);
  };
  for (const Choice& choice : order) {
    optimize::LowerOptions lowering;
    lowering.fuse = fuse;
    for (const auto* nodes : choice.kept) {
      for (const expr::NodePtr& node : *nodes) lowering.held.insert(node.get());
    }
    Candidate next{&choice, build(numeric, lowering, machine, tasks),
                   choice.holds(choices.fetched)};
    if (wanted == 0) wanted = next.plan.bound_bytes;
    if (fits(next.plan, machine) && reuse != Reuse::kSpill) {
      const bool simple = &choice == &order.front();
      consider(std::move(next));
      if (simple) break;
      continue;
    }
    if (reuse == Reuse::kChoose || reuse == Reuse::kSpill) {
      Candidate spilled = next;
      spill(spilled.plan, machine, reuse == Reuse::kSpill);
      consider(std::move(spilled));
    }
    if (reuse == Reuse::kSpill) continue;
    admit(next.plan, machine);
    consider(std::move(next));
  }
  require_fit(best->plan, machine);
  best->plan.cost_ns = best->cost;
  let_tasks_move(best->plan, machine);
  const bool asked = reuse == Reuse::kReread || reuse == Reuse::kSpill;
  const std::string why = asked ? std::string("asked for")
                                : "holding needs " + size_text(wanted) + " on a rank" +
                                      (fitting > 1 ? ", nothing else costs less" : "");
  best->plan.reuse = explain(choices, *best->choice, best->plan, why);
  return std::move(best->plan);
}

}  // namespace rankine::session
