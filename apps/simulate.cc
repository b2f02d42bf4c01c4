// simulate: a graph on thousands of ranks that are not there, by the runtime's own state machines
// and a virtual clock.
#include <fmt/format.h>

#include <memory>

#include "apps/program.h"
#include "apps/simulate_report.h"
#include "apps/verbs.h"
#include "runtime/base/clock.h"
#include "runtime/base/resident_memory.h"
#include "runtime/session/prepare.h"
#include "runtime/session/store_plan.h"
#include "runtime/simulate/phantom.h"
#include "runtime/simulate/shapes.h"
#include "runtime/simulate/simulation.h"
#include "runtime/simulate/values.h"

namespace rankine::apps {
namespace {

struct SimulateOptions {
  SimulatedRun run;
  std::shared_ptr<ProgramOptions> program = std::make_shared<ProgramOptions>();
  std::int64_t chunk_kib = 8;
  bool check = false;
  std::string json;
};

// The same run with values; each must be what tasks give one after the other.
void compare_values(const graph::Topology& topology, const plan::Placement& placement,
                    const simulate::Machine& machine) {
  simulate::ValueWork work(topology);
  simulate::Draws draws(machine);
  simulate::World world{topology, placement, work, machine.ranks};
  world.threads = machine.threads;
  const simulate::Report report =
      simulate::Simulation(world, machine, draws, {.check = true}).run();
  if (report.failure) throw *report.failure;
  if (work.results() != simulate::run_serially(topology)) {
    throw Error(ExitCode::kDiffers,
                "the simulated ranks give other results than one task after "
                "the other");
  }
}

// What `eval -o` would run on such a machine, however much memory that takes.
std::shared_ptr<const graph::Graph> graph_of_program(const ProgramOptions& options,
                                                     const SimulatedRun& run) {
  session::PrepareOptions prepare;
  prepare.machine.ranks = run.machine.ranks;
  prepare.machine.threads = run.machine.threads;
  prepare.machine.first_worker = run.dedicated_scheduler ? 1 : 0;
  prepare.machine.refuses = false;
  const session::StorePlan store = session::plan_store(results_of(options), {}, {});
  return session::prepare(store.targets, prepare).physical.graph;
}

std::vector<std::string> program_arguments(const ProgramOptions& options) {
  std::vector<std::string> arguments{options.expression};
  for (const std::string& file : options.inputs.positional) arguments.push_back(file);
  for (const std::string& variable : options.inputs.variables) {
    arguments.insert(arguments.end(), {"-v", variable});
  }
  for (const std::string& hyperslab : options.inputs.hyperslabs) {
    arguments.insert(arguments.end(), {"-d", hyperslab});
  }
  return arguments;
}

int simulate_graph(const SimulateOptions& options) {
  const Stopwatch watch;
  SimulatedRun run = options.run;
  run.machine.check();
  if (run.dedicated_scheduler && run.machine.ranks < 2) {
    throw usage_error("--dedicated-scheduler needs two ranks", "use --ranks 2 or more");
  }
  run.shape.chunk_bytes = options.chunk_kib * 1024;
  const bool of_program = !options.program->expression.empty();
  if (of_program) run.program = program_arguments(*options.program);
  const graph::Topology topology(of_program ? graph_of_program(*options.program, run)
                                            : simulate::make_shape(run.shape_name, run.shape));
  plan::Placement placement(topology, run.machine.ranks, run.dedicated_scheduler ? 1 : 0);
  placement.set_moves(run.steal);
  simulate::Draws draws(run.machine);
  simulate::PhantomWork work(topology, draws, run.shape.chunk_bytes);
  simulate::World world{topology, placement, work, run.machine.ranks};
  world.threads = run.machine.threads;
  run.layers = static_cast<std::int64_t>(topology.layer_count());
  run.tasks = topology.task_count();
  run.report = simulate::Simulation(world, run.machine, draws, {.check = options.check}).run();
  run.critical_path_ns = work.critical_path_ns();
  run.work_ns = work.work_ns();
  run.cores = draws.cores_from(run.dedicated_scheduler ? 1 : 0);
  run.compared = options.check && topology.graph().outputs.empty();
  if (run.compared) compare_values(topology, placement, run.machine);
  if (!options.json.empty()) write_json(options.json, run);
  print_result(text_of(run));
  fmt::print(stderr, "simulated in {:.1f} s, with {} MiB\n", watch.seconds(),
             peak_resident_bytes() >> 20);
  return 0;
}

std::string names_of_shapes() {
  std::string text;
  for (const auto& [name, what] : simulate::shape_names()) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name, what);
  }
  return text;
}

void add_machine_options(CLI::App& verb, simulate::Machine& machine) {
  verb.add_option("--ranks", machine.ranks, "how many there would be")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  verb.add_option("--threads", machine.threads, "of each rank")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  verb.add_option("--seed", machine.seed, "decides everything that is random")
      ->capture_default_str();
  verb.add_option("--task-us", machine.task_us, "how long a task takes, microseconds")
      ->capture_default_str();
  verb.add_option("--imbalance", machine.imbalance, "tasks take from 1/X to X times that")
      ->capture_default_str();
  verb.add_option("--spread", machine.spread, "tasks take from 1-X to 1+X times that, evenly")
      ->capture_default_str();
  verb.add_option("--slow-ranks", machine.slow_ranks, "how many ranks are slow")
      ->capture_default_str();
  verb.add_option("--slow-factor", machine.slow_factor, "how many times slower they are")
      ->capture_default_str();
  verb.add_option("--latency", machine.latency_us, "of the network, microseconds")
      ->capture_default_str();
  verb.add_option("--bandwidth", machine.gigabytes_per_s, "of a rank, GB/s")->capture_default_str();
  verb.add_flag("--reorder", machine.reorder,
                "hold messages up at random, so that they overtake each other where they may");
}

}  // namespace

void add_simulate(Cli& cli) {
  const auto options = std::make_shared<SimulateOptions>();
  options->run.machine.ranks = 64;
  CLI::App& verb = cli.add_verb(
      {"simulate", "[EXPRESSION [FILE] | --shape NAME --tasks M] [--ranks N] [options]",
       "Runs a graph on ranks that are not there, by a virtual clock.",
       "rankine simulate --ranks 16384 --shape map-reduce --tasks 1000000 --slow-ranks 10"},
      Ranks::kFirstOnly, [options] {
        options->run.shape.seed = options->run.machine.seed;
        return simulate_graph(*options);
      });
  add_program_options(verb, options->program);
  verb.get_option("EXPRESSION")->required(false);
  add_machine_options(verb, options->run.machine);
  verb.add_option("--shape", options->run.shape_name, "of the graph: " + names_of_shapes())
      ->capture_default_str();
  verb.add_option("--tasks", options->run.shape.tasks, "about how many")->capture_default_str();
  verb.add_option("--chunk-kib", options->chunk_kib, "of a result or chunk, KiB")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
      ->capture_default_str();
  verb.add_flag("--dedicated-scheduler", options->run.dedicated_scheduler,
                "rank 0 runs no tasks but those that hand results over");
  verb.add_option_function<std::string>(
          "--steal", [options](const std::string& word) { options->run.steal = word == "on"; },
          "idle ranks run tasks of busy ones (default: on)")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
  verb.add_flag("--check", options->check,
                "look at every counter after every event, and compare what users' tasks give with "
                "a serial run");
  verb.add_option("--json", options->json, "also write the figures to this file")
      ->type_name("FILE");
}

}  // namespace rankine::apps
