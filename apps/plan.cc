// plan: what a run would do, without doing it and without MPI.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/preflight.h"
#include "apps/program.h"
#include "apps/verbs.h"
#include "io/output.h"

namespace rankine::apps {
namespace {

// A plan that does not fit was refused.
std::string text_of(const PlanReport& report, const Preflight& preflight, int ranks) {
  std::string text = inputs_line(preflight);
  text += fmt::format(
      "layers   {} before optimization, {} after\n"
      "tasks    {} before optimization, {} after\n"
      "graph    {} bytes to broadcast, whatever the number of tasks\n"
      "memory   at most {} MiB resident on each of {} ranks, of {} allowed: OK\n",
      report.layers_before, report.layers_after, report.tasks_before, report.tasks, report.bytes,
      (report.memory_bound_bytes + 1048575) / 1048576, ranks, size_words(preflight.memory_bytes));
  text += disk_line(preflight) + time_line(preflight);
  text += fmt::format(
      "reuse    {}\n"
      "numbers  plan {:016x}: equal plans give equal bytes\n",
      report.reuse, report.numeric_hash);
  return text + advice_lines(preflight) + report.text;
}

std::string json_of(const PlanReport& report, const Preflight& preflight) {
  nlohmann::ordered_json json{{"layers_before", report.layers_before},
                              {"layers_after", report.layers_after},
                              {"tasks", report.tasks},
                              {"bytes", report.bytes},
                              {"memory_bound_bytes", report.memory_bound_bytes},
                              {"reuse", report.reuse}};
  add_preflight(preflight, json);
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int plan(Cli& cli, const ProgramOptions& options) {
  const RunSettings settings = run_settings(cli);
  io::set_access(settings.access);
  const session::PrepareOptions prepare = session::prepare_options(settings, options.ranks);
  const NamedArrays results = results_of(options);
  tell_remarks(settings, results);
  std::optional<session::StorePlan> store;
  if (!options.output.empty()) {
    io::check_output(options.output, files_of(options.inputs), options.overwrite);
    store = session::plan_store(results, {}, {});
  }
  const PlanReport report =
      session::describe_plan(store ? store->targets : session::targets_of(results), prepare);
  const Preflight sizes = preflight(results, report, settings, options.ranks,
                                    store ? &*store : nullptr, options.output);
  print_result(options.json ? json_of(report, sizes) : text_of(report, sizes, options.ranks));
  return 0;
}

}  // namespace

void add_plan(Cli& cli) {
  const auto options = std::make_shared<ProgramOptions>();
  CLI::App& verb =
      cli.add_verb({"plan", "EXPRESSION [FILE] [-o OUT] [--ranks N] [--json]",
                    "Shows what a program would cost, without running it.",
                    "rankine plan 'anom = t2m - mean(t2m, time)' era5.nc -o anom.nc --ranks 8"},
                   Ranks::kFirstOnly, [&cli, options] { return plan(cli, *options); });
  add_program_options(verb, options);
  add_output_option(verb, options, "plan writing this file instead of printing");
  verb.add_flag("--overwrite", options->overwrite, "plan replacing the output if it exists");
  verb.add_option("--ranks", options->ranks, "ranks to plan for")->check(CLI::Range(1, 1 << 20));
  verb.add_flag("--json", options->json, "as JSON");
  add_run_options(verb, Runs::kPlans);
}

}  // namespace rankine::apps
