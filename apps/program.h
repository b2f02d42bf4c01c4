// What `eval` and `plan` have in common: an expression, its inputs, and the options of a run.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli.h"
#include "apps/language/bind.h"
#include "runtime/rankine.h"

namespace rankine::apps {

struct ProgramOptions {
  std::string expression;
  language::Inputs inputs;
  std::string output;
  bool overwrite = false;
  std::string chunks;  // of the output, as ChunkWish takes them
  std::string codec = StoreOptions().codec;
  bool shuffle = true;
  bool fletcher32 = false;
  io::Libver libver = io::Libver::kV18;
  bool json = false;
  int ranks = 1;  // of `plan`
};

// EXPRESSION, FILE, -v, -d.
void add_program_options(CLI::App& verb, const std::shared_ptr<ProgramOptions>& options);

// -o. An empty name is refused: it would mean to print.
void add_output_option(CLI::App& verb, const std::shared_ptr<ProgramOptions>& options,
                       const char* help);

// --libver: set(version) is called if it is given.
void add_libver_option(CLI::App& verb, std::function<void(io::Libver)> set);

// --codec, --shuffle, --fletcher32, --libver: how the chunks of the output are stored.
void add_codec_options(CLI::App& verb, const std::shared_ptr<ProgramOptions>& options);

// Why there is no such codec; "" if there is.
std::string codec_problem(const std::string& text);

// Draws how far compute and store are, unless --quiet.
void show_progress(Session& session);

// What a verb does with the options of rankine::run.
enum class Runs {
  kStores,     // writes an output, or may
  kComputes,   // writes none
  kOnlyReads,  // computes nothing with what it reads
  kPlans,      // runs nothing
};
// Shows those of them in --help that do something there, and lets CLI11 accept them; their values
// are taken by take_run_options.
void add_run_options(CLI::App& verb, Runs runs);

// The arrays that the program's statements name, temporaries left out, in order. Throws Error.
NamedArrays results_of(const ProgramOptions& options);

// How the results are stored in the output.
StoreOptions store_options(const ProgramOptions& options, const NamedArrays& results);

// The verb `eval`, whose options others may look at once it was parsed.
void add_eval(Cli& cli, const std::shared_ptr<ProgramOptions>& options);

// The files that the command line names as inputs, whether a result reads them or not.
std::vector<std::string> files_of(const language::Inputs& inputs);

// What people should know about what these results read: which files are one, what is not there.
// On stderr, unless the run is to be quiet.
void tell_remarks(const RunSettings& settings, const NamedArrays& results);

// The options of a run, from a copy of the command line.
RunSettings run_settings(Cli& cli);

}  // namespace rankine::apps
