// One random graph with its right results, and one random way in which ranks run it: how many there
// are, in which order messages arrive, who is slow, what fails. A seed decides all of it.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph/append_tasks.h"
#include "runtime/simulate/simulation.h"
#include "runtime/simulate/tasks.h"
#include "runtime/simulate/values.h"
#include "tests/support/random_program.h"

namespace rankine::testing {

// Null: some task fails.
using Expected = std::optional<simulate::Results>;

struct RandomCase {
  std::shared_ptr<const graph::Graph> graph;
  Expected expected;
};

// Users' tasks alone, evaluated in a plain loop: no graph, no executor.
class RandomTasks {
 public:
  RandomTasks(simulate::Random& random, std::int64_t count, bool may_fail) : random_(random) {
    for (std::int64_t i = 0; i < count; ++i) add(may_fail && random.one_in(40));
    for (std::uint32_t task = 0; task < values_.size(); ++task) {
      if (task + 1 == values_.size() || random.one_in(4)) collected_.push_back(task);
    }
  }

  RandomCase finish() {
    auto graph = std::make_shared<graph::Graph>();
    graph::append_collect(*graph, graph::append_tasks(*graph, list_.take()), collected_);
    if (fails_) return {graph, std::nullopt};
    simulate::Results results;
    for (const std::uint32_t task : collected_) results.push_back(values_[task]);
    return {graph, results};
  }

 private:
  void add(bool fails) {
    const std::uint64_t own = random_.word();
    std::vector<std::uint32_t> takes;
    for (std::int64_t k = values_.empty() ? 0 : random_.between(0, 4); k > 0; --k) {
      takes.push_back(static_cast<std::uint32_t>(random_.between(0, std::ssize(values_) - 1)));
    }
    list_.add(own, takes, fails);
    fails_ = fails_ || fails;
    std::vector<std::span<const std::byte>> arguments{std::as_bytes(std::span(&own, 1))};
    for (const std::uint32_t task : takes) arguments.emplace_back(values_[task]);
    values_.push_back(simulate::digest_of(arguments));
  }

  simulate::Random& random_;
  simulate::TaskList list_;
  simulate::Results values_;
  std::vector<std::uint32_t> collected_;
  bool fails_ = false;
};

// 2 to the power of -1 where x < limit, which fails, and of 0 elsewhere.
inline expr::NodePtr failing_below(const expr::NodePtr& x, double limit) {
  const auto here = expr::Location::current();
  using kernels::Op;
  const auto below = expr::elementwise(Op::kLess, {{x, {}}, {nullptr, Literal::of(limit)}}, here);
  const auto power =
      expr::elementwise(Op::kNegative, {{expr::cast(below, DType::kInt64, here), {}}}, here);
  const auto two = expr::full(ChunkGrid(), DType::kInt64, Literal::of(std::int64_t{2}), here);
  return expr::elementwise(Op::kPower, {{two, {}}, {power, {}}}, here);
}

// Equal bytes, but that a NaN is a NaN: its sign depends on which operand of a product the compiler
// takes first, so on what was fused.
inline bool same_values(DType dtype, const std::vector<std::byte>& a,
                        const std::vector<std::byte>& b) {
  if (a.size() != b.size()) return false;
  const auto same = [&]<class T>(T) {
    for (std::size_t at = 0; at + sizeof(T) <= a.size(); at += sizeof(T)) {
      T x, y;
      std::memcpy(&x, a.data() + at, sizeof(T));
      std::memcpy(&y, b.data() + at, sizeof(T));
      if (std::memcmp(&x, &y, sizeof(T)) != 0 && !(x != x && y != y)) return false;
    }
    return true;
  };
  if (dtype == DType::kFloat64) return same(double());
  if (dtype == DType::kFloat32) return same(float());
  return a == b;
}
inline bool same_results(const graph::Graph& graph, const simulate::Results& a,
                         const simulate::Results& b) {
  for (std::size_t i = 0; i < graph.results.size(); ++i) {
    if (!same_values(graph.results[i].dtype, a[i], b[i])) return false;
  }
  return true;
}

// Arrays, and sometimes users' tasks on top of them, which see every bit. Ranks run the optimized
// plan; the oracle is the plan as it was written, an operation a layer, run serially (with tasks:
// the same plan).
class RandomArrays {
 public:
  RandomArrays(simulate::Random& random, bool may_fail)
      : random_(random),
        program_(random, static_cast<int>(random.between(1, random.one_in(4) ? 20 : 8)), 300) {
    with_tasks_ = random.one_in(3);
    for (const auto& node : program_.roots()) targets_.push_back({node, std::nullopt, with_tasks_});
    if (may_fail && random.one_in(2)) {
      const double limit = static_cast<double>(random.between(-9, 3));
      targets_.push_back({failing_below(targets_.front().node, limit), std::nullopt, false});
    }
    task_seed_ = random.word();
  }

  RandomCase finish() {
    optimize::LowerOptions unfused;
    unfused.fuse = false;
    const auto plain = graph_of(optimize::plan_numbers(targets_), unfused);
    const auto better = optimize::plan_numbers(optimize::rewrite(targets_));
    optimize::LowerOptions fused;
    const bool hold = random_.one_in(2);
    for (const auto& node : optimize::shared_nodes(better)) {
      if (hold) fused.held.insert(node.get());
    }
    for (const auto& node : optimize::fetched_nodes(better)) {
      if (random_.one_in(2)) fused.held.insert(node.get());
    }
    RandomCase made{graph_of(better, fused), std::nullopt};
    try {
      made.expected = simulate::run_serially(graph::Topology(with_tasks_ ? made.graph : plain));
    } catch (const Error&) {
      made.expected = std::nullopt;
    }
    return made;
  }

 private:
  std::shared_ptr<graph::Graph> graph_of(const optimize::NumericPlan& plan,
                                         const optimize::LowerOptions& options) {
    auto graph = optimize::lower(plan, options);
    if (with_tasks_) add_tasks(*graph);
    return graph;
  }
  // The same for both plans.
  void add_tasks(graph::Graph& graph) const {
    simulate::Random random(task_seed_);
    simulate::TaskList list;
    const auto arrays = static_cast<std::int64_t>(graph.kept.size());
    for (std::int64_t i = random.between(1, 6); i > 0; --i) {
      std::vector<std::uint32_t> takes;
      if (list.size() > 0 && random.one_in(2)) {
        takes.push_back(static_cast<std::uint32_t>(
            random.between(0, static_cast<std::int64_t>(list.size()) - 1)));
      }
      const auto array = static_cast<std::uint32_t>(random.between(0, arrays - 1));
      list.add(random.word(), takes, false, {{array}});
    }
    const auto last = static_cast<std::uint32_t>(list.size() - 1);
    graph::append_collect(graph, graph::append_tasks(graph, list.take()), {last});
  }

  simulate::Random& random_;
  RandomProgram program_;
  std::vector<optimize::Target> targets_;
  bool with_tasks_ = false;
  std::uint64_t task_seed_ = 0;
};

inline RandomCase random_case(simulate::Random& random) {
  const bool may_fail = random.one_in(5);
  if (random.one_in(2)) return RandomArrays(random, may_fail).finish();
  return RandomTasks(random, random.between(1, random.one_in(8) ? 300 : 40), may_fail).finish();
}

// How ranks run it.
struct RandomRun {
  explicit RandomRun(simulate::Random& random) {
    machine.ranks = static_cast<int>(random.between(1, 8));
    machine.threads = static_cast<int>(random.between(1, 3));
    machine.seed = random.word();
    machine.task_us = static_cast<double>(random.between(0, 10));
    machine.imbalance = static_cast<double>(random.between(1, 50));
    machine.slow_ranks = random.one_in(3) ? random.between(0, machine.ranks) : 0;
    machine.latency_us = static_cast<double>(random.between(0, 20));
    machine.reorder = !random.one_in(4);
    dedicated_scheduler = machine.ranks > 1 && random.one_in(4);
    constexpr std::int64_t kLimits[] = {0, 32, protocol::kEagerLimit};
    constexpr std::int64_t kWindows[] = {1, 2 * protocol::kEagerCost, protocol::kEagerWindow};
    eager_limit = kLimits[random.between(0, 2)];
    window = kWindows[random.between(0, 2)];
    bulk_sends = random.one_in(2) ? 1 : plan::kBulkSends;
    moves = random.one_in(2);
    if (random.one_in(2)) steal = {0, 0, random.between(0, 5) * 4000, 0};  // whatever it is worth
    options.check = random.one_in(4);
    if (random.one_in(20)) {
      options.broken_rank = static_cast<int>(random.between(0, machine.ranks - 1));
    }
    if (random.one_in(20)) options.stop_ns = random.between(0, 500'000);
    if (!random.one_in(3)) slack = random.one_in(2) ? 0 : random.between(0, 20'000);
  }

  simulate::Machine machine;
  simulate::SimulationOptions options;
  bool dedicated_scheduler = false;
  std::int64_t eager_limit = 0;
  std::int64_t window = 0;
  std::int64_t bulk_sends = 0;
  bool moves = false;
  worker::StealRules steal = {20'000, 1'000, 5'000, 0};  // tasks take some microseconds
  std::optional<std::int64_t> slack;  // bytes beside the reserve; nothing: memory is plentiful
};

inline plan::Budget budget_of(const graph::Topology& topology, const plan::Placement& placement,
                              const std::optional<std::int64_t>& slack) {
  if (!slack || !plan::KeyOrder::supports(topology, placement)) return {};
  const std::int64_t reserve =
      plan::reserve(topology, placement, plan::KeyOrder(topology, placement)).bytes;
  return {reserve + *slack, reserve};
}

enum class Outcome { kRight, kFailed, kStopped };

// Throws what is wrong with how it ended: any exception but a failure that had to come.
inline Outcome run_case(const RandomCase& wanted, const RandomRun& how,
                        std::int64_t* moved = nullptr) {
  const graph::Topology topology(wanted.graph);
  plan::Placement placement(topology, how.machine.ranks, how.dedicated_scheduler ? 1 : 0);
  const plan::Budget budget = budget_of(topology, placement, how.slack);
  placement.set_moves(how.moves && budget.bytes == 0);  // no plan has both
  simulate::ValueWork work(topology);
  simulate::Draws draws(how.machine);
  const simulate::World world{topology,
                              placement,
                              work,
                              how.machine.ranks,
                              how.eager_limit,
                              how.window,
                              how.bulk_sends,
                              how.machine.threads,
                              how.steal,
                              budget};
  const simulate::Report report =
      simulate::Simulation(world, how.machine, draws, how.options).run();
  if (moved != nullptr) *moved += report.tasks_moved;
  if (!report.failure) {
    if (!wanted.expected || how.options.broken_rank >= 0) {
      throw std::logic_error("a failure was lost");
    }
    if (!same_results(*wanted.graph, work.results(), *wanted.expected)) {
      throw std::logic_error("the results are wrong");
    }
    return Outcome::kRight;
  }
  if (how.options.broken_rank < 0 && !how.options.stop_ns && wanted.expected) {
    throw std::logic_error("it failed without a cause: " + report.failure->message);
  }
  return wanted.expected ? Outcome::kStopped : Outcome::kFailed;
}

}  // namespace rankine::testing
