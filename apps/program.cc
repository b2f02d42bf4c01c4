#include "apps/program.h"

#include <algorithm>
#include <cstdio>

#include "apps/chunk_wish.h"
#include "apps/language/parse.h"
#include "apps/progress_line.h"
#include "io/codec/codec.h"
#include "io/join.h"
#include "runtime/base/error.h"
#include "runtime/expr/node.h"

namespace rankine::apps {
namespace {

Array to_array(const std::variant<Array, Literal>& value) {
  if (const auto* array = std::get_if<Array>(&value)) return *array;
  const Literal& literal = std::get<Literal>(value);
  return full({}, literal, dtype_of(literal));
}

std::map<std::string, Extents> wished_chunks(const std::string& text, const NamedArrays& results) {
  std::map<std::string, Extents> chunks;
  ChunkWish wish(text);
  for (const auto& [name, array] : results) {
    if (auto chunk = wish.of(array)) chunks.emplace(name, std::move(*chunk));
  }
  wish.check_used();
  return chunks;
}

}  // namespace

void add_program_options(CLI::App& verb, const std::shared_ptr<ProgramOptions>& options) {
  verb.add_option("EXPRESSION", options->expression,
                  "name = expression; several are joined by ';', a name that begins with _ is a "
                  "temporary")
      ->required();
  verb.add_option("FILE", options->inputs.positional,
                  "FILE[:/dataset or group]; several, or a pattern as 'data/t_*.nc', are one along "
                  "their record dimension");
  verb.add_option("-v", options->inputs.variables, "name=FILE:/path or name=/path")
      ->type_name("NAME=WHERE")
      ->allow_extra_args(false);
  verb.add_option(
          "-d", options->inputs.hyperslabs,
          "dim,from,to[,step]: to is inclusive; numbers with a point are coordinate values, "
          "2000-01-31 a date")
      ->type_name("DIM,FROM,TO")
      ->allow_extra_args(false);
}

void add_output_option(CLI::App& verb, const std::shared_ptr<ProgramOptions>& options,
                       const char* help) {
  verb.add_option("-o,--output", options->output, help)
      ->check([](const std::string& name) {
        return name.empty() ? std::string("the output has no file name") : std::string();
      })
      ->type_name("FILE");
}

std::string codec_problem(const std::string& text) {
  try {
    check(io::parse_codec(text));
  } catch (const Error& error) {
    return error.message + " (" + error.remedy + ")";
  }
  return {};
}

void show_progress(Session& session) {
  if (session.settings().quiet) return;
  const auto line = std::make_shared<ProgressLine>("rankine", stderr_is_terminal());
  session.on_progress([line](const RunProgress& progress) {
    const bool over = progress.phase == RunProgress::Phase::kOver;
    draw(over ? line->wipe() : line->update(progress.seconds, describe(progress)));
  });
}

void add_libver_option(CLI::App& verb, std::function<void(io::Libver)> set) {
  verb.add_option_function<std::string>(
          "--libver",
          [set = std::move(set)](const std::string& word) {
            set(word == "v110" ? io::Libver::kV110 : io::Libver::kV18);
          },
          "oldest HDF5 that reads the output: v110 makes smaller indexes of many chunks (default: "
          "v18)")
      ->check(CLI::IsMember({"v18", "v110"}))
      ->type_name("v18|v110");
}

void add_codec_options(CLI::App& verb, const std::shared_ptr<ProgramOptions>& options) {
  verb.add_option("--codec", options->codec,
                  "none, deflate-N, zstd-N, lz4, blosc[-lz4|-lz4hc|-blosclz|-snappy|-zlib|-zstd], "
                  "bitshuffle[-lz4|-zstd]: compression of the chunks; readers of others than none "
                  "and deflate need a plugin of HDF5")
      ->check([](const std::string& text) { return codec_problem(text); })
      ->capture_default_str()
      ->type_name("CODEC");
  verb.add_option_function<std::string>(
          "--shuffle", [options](const std::string& word) { options->shuffle = word == "on"; },
          "sort bytes by their place in the element before they are compressed (default: on)")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
  verb.add_flag("--fletcher32", options->fletcher32, "store a checksum behind every chunk");
  add_libver_option(verb, [options](io::Libver libver) { options->libver = libver; });
}

void add_run_options(CLI::App& verb, Runs runs) {
  const auto text = std::make_shared<std::string>();
  const auto flag = std::make_shared<bool>(false);
  const auto value = [&](const char* name, const char* type, const char* help) {
    verb.add_option_function<std::string>(
            name, [text](const std::string& s) { *text = s; }, help)
        ->type_name(type);
  };
  const auto on = [&](const char* name, const char* help) {
    verb.add_flag_callback(
        name, [flag] { *flag = true; }, help);
  };
  const bool runs_tasks = runs != Runs::kPlans;
  const bool computes = runs != Runs::kOnlyReads;
  value("--threads", "N", "threads of each rank (default: its cores)");
  value("--memory", "SIZE", "resident memory of each rank: bytes, KiB, MiB, GiB");
  if (runs_tasks) value("--stages", "FILE", "write what every stage and rank did, as JSON");
  if (computes) {
    value("--reuse", "hold|reread|spill", "what becomes of values several tasks need");
    value("--scratch", "DIR", "folder for what does not fit the memory (default: $TMPDIR)");
  }
  value("--steal", "on|off", "idle ranks run tasks of busy ones (default: on)");
  on("--quiet", runs_tasks ? "no stage table" : "no remarks");
  if (runs == Runs::kStores) {
    value(
        "--straight", "on|off",
        "chunks without filters go to their place at once, not through the journal (default: on)");
    on("--no-history", "copy the attribute history unchanged");
    on("--resume", "go on with what an earlier run of the same job finished");
    value("--shard", "I/N",
          "make the I-th of N parts of the output, counted from 1, as one of an array job; "
          "`rankine merge` makes one file of them");
    on("--merge", "do what `rankine merge` does for this command");
  }
  on("--dedicated-scheduler", "rank 0 runs no tasks");
  on("--no-fuse", "every operation in tasks of its own");
  on("--allow-plugins", "let HDF5 load filters from HDF5_PLUGIN_PATH");
  on("--allow-external", "let data sets and links refer to other files");
  on("--allow-missing", "sources of virtual data sets that are missing read as fill value");
  if (computes) {
    on("--default-fill",
       "netCDF's default fill values are missing where no _FillValue is declared");
  }
}

NamedArrays results_of(const ProgramOptions& options) {
  const language::Ast ast = language::parse(options.expression);
  NamedArrays results;
  for (const language::Binding& binding : language::bind(ast, options.inputs)) {
    if (!binding.temporary) results.emplace_back(binding.name, to_array(binding.value));
  }
  if (results.empty()) {
    throw usage_error("the program has no result: every name begins with _",
                      "a name that begins with _ is a temporary; name one without it");
  }
  return results;
}

StoreOptions store_options(const ProgramOptions& options, const NamedArrays& results) {
  StoreOptions store;
  store.overwrite = options.overwrite;
  store.inputs = files_of(options.inputs);
  store.codec = options.codec;
  store.shuffle = options.shuffle;
  store.fletcher32 = options.fletcher32;
  store.libver = options.libver;
  store.chunks_of = wished_chunks(options.chunks, results);
  return store;
}

std::vector<std::string> files_of(const language::Inputs& inputs) {
  std::vector<std::string> files;
  for (const std::string& file : api::split_locations(inputs.positional).files) {
    files.push_back(file);
  }
  for (const std::string& variable : inputs.variables) {
    const std::string where = variable.substr(variable.find('=') + 1);
    const std::string file = api::split_location(where).file;
    // "name=/path" names a data set of the positional file.
    if (file == where && where.starts_with('/')) continue;
    for (const std::string& one : api::files_named(file)) files.push_back(one);
  }
  return files;
}

void tell_remarks(const RunSettings& settings, const NamedArrays& results) {
  if (settings.quiet) return;
  std::vector<expr::NodePtr> nodes;
  for (const auto& [name, array] : results) nodes.push_back(array.node());
  std::vector<std::string> remarks;
  const auto add = [&](std::string remark) {
    if (std::ranges::find(remarks, remark) == remarks.end()) remarks.push_back(std::move(remark));
  };
  for (const expr::NodePtr& node : expr::topological_order(nodes)) {
    const auto* read = node->as<expr::FromDataset>();
    if (read == nullptr || !read->file) continue;
    const io::FileInfo& file = *read->file;
    if (file.joined) add(file.path + ": " + file.joined->word);
    const io::Variable* variable = file.variable(read->dataset->path);
    if (variable == nullptr || variable->missing_sources == 0) continue;
    add(file.path + ":" + variable->path + ": " + std::to_string(variable->missing_sources) +
        " of its virtual sources are missing, and read as fill value");
  }
  for (const std::string& remark : remarks) std::fprintf(stderr, "rankine: %s\n", remark.c_str());
}

RunSettings run_settings(Cli& cli) {
  std::vector<char*> arguments(cli.argv(), cli.argv() + cli.argc());
  arguments.push_back(nullptr);
  int count = cli.argc();
  return take_run_options(count, arguments.data());
}

}  // namespace rankine::apps
