// eval: the main job. One expression over HDF5 files, alone or on many ranks.
#include "apps/print_array.h"
#include "apps/program.h"
#include "apps/verbs.h"

namespace rankine::apps {
namespace {

void print(Session& session, const NamedArrays& results) {
  std::vector<Array> arrays;
  for (const auto& [name, array] : results) arrays.push_back(array);
  const std::vector<NdArray> values = session.compute_all(arrays);
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    text += to_text(results[i].first, results[i].second.dims(), values[i]);
  }
  print_result(text);
}

// How an output is written means nothing where there is none.
void check_output_options(const CLI::App& verb) {
  if (verb.count("--output") > 0) return;
  std::string given;
  for (const char* name : {"--codec", "--shuffle", "--fletcher32", "--chunks", "--overwrite",
                           "--resume", "--libver", "--straight", "--shard", "--merge"}) {
    if (verb.count(name) > 0) given += (given.empty() ? "" : ", ") + std::string(name);
  }
  if (given.empty()) return;
  throw usage_error(given + ": needs an output", "name one by -o; without it results are printed");
}

int eval(Cli& cli, const ProgramOptions& options) {
  return run_with(run_settings(cli), [&](Session& session) {
    show_progress(session);
    const auto results = results_of(options);
    tell_remarks(session.settings(), results);
    if (options.output.empty()) {
      print(session, results);
    } else {
      session.store(results, options.output, store_options(options, results));
    }
  });
}

}  // namespace

void add_eval(Cli& cli) { add_eval(cli, std::make_shared<ProgramOptions>()); }

void add_eval(Cli& cli, const std::shared_ptr<ProgramOptions>& options) {
  CLI::App& verb =
      cli.add_verb({"eval", "EXPRESSION [FILE] [-o OUT] [options]",
                    "Computes an expression over HDF5 and netCDF-4 files.",
                    "mpirun -n 4 rankine eval 'anom = t2m - mean(t2m, time)' era5.nc -o anom.nc"},
                   Ranks::kAll, [&cli, options] { return eval(cli, *options); });
  add_program_options(verb, options);
  add_output_option(verb, options,
                    "the netCDF-4 file to write; without it the results are printed");
  add_codec_options(verb, options);
  verb.add_option(
      "--chunks", options->chunks,
      "chunk lengths of the output by dimension, as time=100,lat=-1 (-1: the whole axis)");
  verb.add_flag("--overwrite", options->overwrite, "replace the output if it exists");
  add_run_options(verb, Runs::kStores);
  verb.final_callback([&verb] { check_output_options(verb); });
}

}  // namespace rankine::apps
