// bench: measures this machine. `bench graph`: what a graph costs before its first task runs;
// `bench tasks`: how many tasks that do nothing run in a second; `bench metg`: how small tasks may
// be; `bench hop`: from a rank to another one; `bench balance`: tasks of random lengths.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <variant>

#include "apps/bench_balance.h"
#include "apps/bench_graph.h"
#include "apps/bench_hop.h"
#include "apps/bench_metg.h"
#include "apps/bench_tasks.h"
#include "apps/figures.h"
#include "apps/program.h"
#include "apps/verbs.h"

namespace rankine::apps {
namespace {

constexpr double kMostTasks = 1e15;      // described in layers
constexpr double kMostNamedTasks = 1e8;  // one by one

struct BenchOptions {
  std::string what;
  std::vector<double> tasks;  // empty: what fits the benchmark
  int repeat = 0;             // 0: likewise
  bool check = false;
  std::string json;
  MetgOptions metg;
  std::int64_t imbalance = 0;
  std::int64_t bytes = 8;
  BalanceOptions balance;
};

struct Row {
  double tasks = 0;
  std::int64_t layers_before = 0, layers = 0, actual_tasks = 0;
  std::vector<double> construct_ms, optimize_ms, serialize_ms, communicate_ms, total_ms;
  std::size_t bytes = 0;
};

std::int64_t chunks_per_axis(double tasks) {
  return std::max<std::int64_t>(3, std::llround(std::cbrt(tasks)));
}

void measure_once(Session& session, Row& row) {
  const Stopwatch construct;
  const std::vector<Array> program = bench_program(chunks_per_axis(row.tasks));
  const double construct_ms = 1e3 * construct.seconds();
  session::PrepareOptions options;
  options.machine.ranks = session.ranks();
  options.machine.refuses = false;  // nothing will run
  const session::Prepared prepared = session::prepare(session::targets_of(program), options);
  const double communicate_ms = 1e3 * session.rehearse(prepared);
  row.layers_before = prepared.layers_before;
  row.layers = static_cast<std::int64_t>(prepared.physical.topology->layer_count());
  row.actual_tasks = prepared.physical.topology->task_count();
  row.bytes = prepared.graph_bytes.size();
  row.construct_ms.push_back(construct_ms);
  row.optimize_ms.push_back(1e3 * prepared.optimize.wall_s);
  row.serialize_ms.push_back(1e3 * prepared.serialize.wall_s);
  row.communicate_ms.push_back(communicate_ms);
  row.total_ms.push_back(
      construct_ms + 1e3 * (prepared.optimize.wall_s + prepared.serialize.wall_s) + communicate_ms);
}

using Pairs = std::vector<std::pair<graph::ChunkId, graph::TaskId>>;

// Every edge from the side of the tasks: what each one needs.
Pairs needed(const graph::Topology& topology) {
  Pairs pairs;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (std::int64_t position = 0; position < topology.task_count(layer); ++position) {
      const graph::TaskId task{layer, position};
      const std::size_t before = pairs.size();
      topology.for_each_input(
          task, [&](const graph::ChunkId& chunk) { pairs.emplace_back(chunk, task); });
      if (static_cast<std::int64_t>(pairs.size() - before) != topology.count_inputs(task)) {
        throw Error(ExitCode::kDiffers, "the inputs of a task are counted wrongly");
      }
    }
  }
  return pairs;
}

// The same from the side of the chunks: who needs each one, of every output of every layer.
Pairs used(const graph::Topology& topology) {
  Pairs pairs;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    const auto* map = std::get_if<graph::Map>(&topology.graph().layers[layer].kind);
    const auto outputs = static_cast<std::uint32_t>(map == nullptr ? 1 : map->heads.size());
    for (std::uint32_t output = 0; output < outputs; ++output) {
      for (std::int64_t position = 0; position < topology.task_count(layer); ++position) {
        const graph::ChunkId chunk{layer, output, position};
        topology.for_each_consumer(chunk,
                                   [&](graph::TaskId task) { pairs.emplace_back(chunk, task); });
      }
    }
  }
  return pairs;
}

std::size_t check_edges(const graph::Topology& topology) {
  const auto order = [](const Pairs::value_type& a, const Pairs::value_type& b) {
    const auto key = [](const Pairs::value_type& pair) {
      return std::tuple(pair.first.layer, pair.first.output, pair.first.position, pair.second.layer,
                        pair.second.position);
    };
    return key(a) < key(b);
  };
  Pairs inputs = needed(topology), consumers = used(topology);
  std::sort(inputs.begin(), inputs.end(), order);
  std::sort(consumers.begin(), consumers.end(), order);
  if (inputs != consumers) {
    throw Error(ExitCode::kDiffers, "inputs and consumers of chunks disagree");
  }
  return inputs.size();
}

std::string check(Session& session) {
  const std::vector<Array> program = bench_program(10);
  session::PrepareOptions options;
  options.machine.ranks = session.ranks();
  const auto targets = session::targets_of(program);
  const session::Prepared fused = session::prepare(targets, options);
  options.fuse = false;
  const session::Prepared apart = session::prepare(targets, options);
  const std::size_t edges =
      check_edges(*fused.physical.topology) + check_edges(*apart.physical.topology);
  const bool fuse = session.settings().fuse;
  session.set_fuse(true);
  const std::vector<NdArray> first = session.compute_all(program);
  session.set_fuse(false);
  const std::vector<NdArray> second = session.compute_all(program);
  session.set_fuse(fuse);
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (second[i].bytes() != first[i].bytes()) {
      throw Error(ExitCode::kDiffers, "fused and unfused tasks give different bytes");
    }
  }
  return fmt::format(
      "check at 1e3: {} edges agree from both ends, {} fused and {} unfused tasks "
      "gave the same bytes\n",
      edges, fused.physical.topology->task_count(), apart.physical.topology->task_count());
}

std::string text_of(const std::vector<Row>& rows) {
  std::string text = fmt::format("{:>8} {:>16} {:>7} {:>13} {:>12} {:>13} {:>15} {:>10} {:>8}\n",
                                 "tasks", "of the graph", "layers", "construct ms", "optimize ms",
                                 "serialize ms", "communicate ms", "total ms", "bytes");
  for (const Row& row : rows) {
    text += fmt::format(
        "{:>8.0e} {:>16} {:>7} {:>13.3f} {:>12.3f} {:>13.3f} {:>15.3f} {:>10.3f} "
        "{:>8}\n",
        row.tasks, row.actual_tasks, fmt::format("{}>{}", row.layers_before, row.layers),
        median(row.construct_ms), median(row.optimize_ms), median(row.serialize_ms),
        median(row.communicate_ms), median(row.total_ms), row.bytes);
  }
  return text;
}

void write_json(const std::string& path, const std::vector<Row>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    json.push_back({{"tasks", row.tasks},
                    {"construct_ms", median(row.construct_ms)},
                    {"optimize_ms", median(row.optimize_ms)},
                    {"serialize_ms", median(row.serialize_ms)},
                    {"communicate_ms", median(row.communicate_ms)},
                    {"total_ms", median(row.total_ms)},
                    {"bytes", row.bytes}});
  }
  write_figures(path, json.dump(2));
}

void check_sizes(const std::vector<double>& sizes, double most) {
  for (const double tasks : sizes) {
    if (tasks >= 1 && tasks <= most) continue;  // false for NaN
    throw usage_error(fmt::format("--tasks {}: a graph has 1 to {:.0e} tasks here", tasks, most),
                      "rankine bench graph --tasks 1e3,1e6,1e9");
  }
}

void bench_graph(Session& session, const BenchOptions& options) {
  std::vector<Row> rows;
  for (double tasks : options.tasks) rows.emplace_back().tasks = tasks;
  // Sizes in turn, so that a change in the machine's speed meets all of them.
  for (int i = 0; i < options.repeat; ++i) {
    for (Row& row : rows) measure_once(session, row);
  }
  std::string text = text_of(rows);
  if (options.check) text += check(session);
  print_result(text);
  if (!options.json.empty()) write_json(options.json, rows);
}

void bench_tasks(Session& session, const BenchOptions& options) {
  const double most = *std::max_element(options.tasks.begin(), options.tasks.end());
  std::string resident = "resident bytes per task, by rank:";
  for (const double bytes : resident_per_task(session, std::llround(most))) {
    resident += fmt::format(" {:.1f}", bytes);
  }
  std::vector<TasksFigure> figures;
  for (const double tasks : options.tasks) {
    for (auto& figure : measure_tasks(session, std::llround(tasks), options.repeat)) {
      figures.push_back(std::move(figure));
    }
  }
  print_result(text_of(figures) + resident + "\n");
  if (!options.json.empty()) write_json(options.json, figures);
}

int bench_metg(const RunSettings& settings, BenchOptions options) {
  MetgOptions& metg = options.metg;
  if (metg.patterns.empty()) metg.patterns = Pattern::names();
  for (const std::string& name : metg.patterns) Pattern::kind_of(name);
  metg.imbalance = options.imbalance != 0;
  if (options.repeat > 0) metg.repeat = options.repeat;
  return run_world(settings, [&](World& world) {
    const MetgResult result = measure_metg(world, settings, metg);
    if (world.communicator().rank() != 0) return 0;
    if (result.code != 0) return result.code;
    print_result(text_of(result));
    if (!options.json.empty()) write_json(options.json, result.figures);
    return 0;
  });
}

int bench_hop(const RunSettings& settings, const BenchOptions& options) {
  return run_world(settings, [&](World& world) {
    const std::int64_t rounds = options.metg.steps > 0 ? options.metg.steps : 2000;
    HopFigure figure;
    const int code = measure_hop(world, settings, options.bytes, rounds,
                                 options.repeat > 0 ? options.repeat : 5, figure);
    if (world.communicator().rank() != 0) return 0;
    if (code != 0) return code;
    print_result(text_of(figure, options.bytes));
    if (!options.json.empty()) write_json(options.json, figure);
    return 0;
  });
}

int bench_balance(const RunSettings& settings, const BenchOptions& options) {
  BalanceOptions balance = options.balance;
  if (options.repeat > 0) balance.repeat = options.repeat;
  if (!options.tasks.empty()) {
    check_sizes(options.tasks, kMostNamedTasks);
    balance.tasks = std::llround(options.tasks.front());
  }
  return run_with(settings, [&](Session& session) {
    const std::vector<BalanceFigure> figures = measure_balance(session, balance);
    print_result(text_of(figures));
    if (!options.json.empty()) write_json(options.json, figures);
  });
}

int bench(Cli& cli, BenchOptions options) {
  RunSettings settings = run_settings(cli);
  settings.quiet = true;
  if (options.check && options.what != "graph") {
    throw usage_error("--check belongs to bench graph", "leave it out");
  }
  if (options.what == "metg") return bench_metg(settings, options);
  if (options.what == "hop") return bench_hop(settings, options);
  if (options.what == "balance") return bench_balance(settings, options);
  const bool graph = options.what == "graph";
  if (!graph && options.what != "tasks") {
    throw usage_error("there is no benchmark '" + options.what + "'",
                      "rankine bench graph, tasks, metg, hop or balance");
  }
  if (options.tasks.empty()) {
    options.tasks = graph ? std::vector<double>{1e3, 1e6, 1e9} : std::vector<double>{1e6};
  }
  if (options.repeat == 0) options.repeat = graph ? 31 : 3;
  check_sizes(options.tasks, graph ? kMostTasks : kMostNamedTasks);
  return run_with(settings, [&](Session& session) {
    graph ? bench_graph(session, options) : bench_tasks(session, options);
  });
}

void add_metg_options(CLI::App& verb, BenchOptions& options) {
  constexpr std::int64_t kMost = 1'000'000'000;
  verb.add_option("--patterns", options.metg.patterns,
                  "metg: trivial, stencil, nearest, spread, fft, tree, all_to_all, random")
      ->delimiter(',');
  verb.add_option("--width", options.metg.widths, "metg: columns of a graph")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}));
  verb.add_option("--steps", options.metg.steps, "metg: steps of a graph; hop: rounds")
      ->check(CLI::Range(std::int64_t{1}, kMost));
  verb.add_option("--graphs", options.metg.graphs, "metg: graphs at one time")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{32}));
  verb.add_option("--imbalance", options.imbalance, "metg: 1 gives tasks random lengths")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1}));
  verb.add_option("--task-us", options.balance.task_us, "balance: length of a task, in the mean")
      ->check(CLI::Range(0.0, 1e8));
  verb.add_option("--bytes", options.bytes, "hop: of a result, 8, 1024 or 65536");
}

}  // namespace

void add_bench(Cli& cli) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App& verb = cli.add_verb(
      {"bench", "graph|tasks|metg|hop|balance [--tasks N,N,...] [--check] [--json FILE]",
       "Measures graphs before their first task, small tasks, hops, balance.",
       "mpirun -n 2 rankine bench metg --patterns stencil,fft --threads 1"},
      Ranks::kAll, [&cli, options] { return bench(cli, *options); });
  verb.add_option("WHAT", options->what, "graph, tasks, metg, hop, balance")->required();
  verb.add_option("--tasks", options->tasks,
                  "graph, tasks: sizes of the graph, in tasks; balance: tasks for each thread")
      ->delimiter(',');
  verb.add_option("--repeat", options->repeat, "runs of each size, the median is printed")
      ->check(CLI::Range(1, 10000));
  verb.add_flag("--check", options->check, "graph: enumerate all edges, execute fused and unfused");
  verb.add_option("--json", options->json, "write the figures as JSON");
  add_metg_options(verb, *options);
  add_run_options(verb, Runs::kComputes);
}

}  // namespace rankine::apps
