#include "apps/copy_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "apps/chunk_wish.h"
#include "apps/joined_file.h"
#include "apps/language/hyperslab.h"
#include "apps/program.h"
#include "apps/rechunk_plan.h"
#include "io/output.h"
#include "io/probe.h"
#include "io/publish.h"
#include "runtime/api/history.h"
#include "runtime/api/open.h"
#include "runtime/expr/build.h"

namespace rankine::apps {
namespace {

// Where to read and where to write.
struct Places {
  std::vector<std::string> inputs;  // patterns among them
  std::vector<std::string> variables;
  std::string output;
};

// "a.nc:/t2m" chooses as "a.nc -v t2m" does.
Places places_of(const CopyOptions& options) {
  Places places{options.files, options.variables, options.output};
  if (places.output.empty() && places.inputs.size() > 1) {
    places.output = places.inputs.back();
    places.inputs.pop_back();
  }
  if (places.output.empty()) {
    throw usage_error("there is no output", "name it last, or by -o");
  }
  for (std::string& input : places.inputs) {
    const api::FileAndVariable parts = api::split_location(input);
    const bool known = std::ranges::count(places.variables, parts.variable) > 0;
    if (!parts.variable.empty() && !known) places.variables.push_back(parts.variable);
    input = parts.file;
  }
  return places;
}

// -d, of all variables that have the dimension.
void cut(JoinedFile& joined, const std::vector<std::string>& hyperslabs) {
  language::LabelReader reader;
  std::set<std::string> seen;
  for (const std::string& text : hyperslabs) {
    const language::Hyperslab slab = language::parse_hyperslab(text);
    if (!seen.insert(slab.dimension).second) {
      throw usage_error("-d " + text + ": the dimension is given twice");
    }
    bool used = false;
    for (JoinedVariable& variable : joined.variables) {
      const auto& dims = variable.array.dims();
      const auto axis = std::find(dims.begin(), dims.end(), slab.dimension);
      if (axis == dims.end()) continue;
      used = true;
      const auto number = static_cast<std::size_t>(axis - dims.begin());
      try {
        variable.array =
            variable.array.isel(static_cast<std::int64_t>(number),
                                language::index_of(variable.array, number, slab, reader));
      } catch (Error& error) {
        throw std::move(error).at(joined.files.front()->path + ":/" + variable.name + ", -d " +
                                  text);
      }
    }
    if (used) continue;
    throw input_error(
        "-d " + text + ": no variable that is copied has the dimension " + slab.dimension,
        joined.files.front()->path);
  }
}

// The command line without the output, which stands last if not after -o.
std::string command_of(Cli& cli, const CopyOptions& options, const std::string& output) {
  std::vector<const char*> words(cli.argv(), cli.argv() + cli.argc());
  if (options.output.empty()) {
    const auto last = std::find(words.rbegin(), words.rend(), output);
    if (last != words.rend()) words.erase(std::next(last).base());
  }
  return api::clean_command(static_cast<int>(words.size()), words.data());
}

StoreOptions store_options(const CopyOptions& options) {
  StoreOptions store;
  store.overwrite = options.overwrite;
  store.copies = true;
  store.keep_filters = options.codec.empty();
  if (!options.codec.empty()) store.codec = options.codec;
  if (!options.shuffle.empty()) store.shuffle = options.shuffle == "on";
  store.fletcher32 = options.fletcher32;
  store.libver = options.libver;
  return store;
}

// What is copied and how, before anything is read.
struct Copy {
  JoinedFile joined;
  NamedArrays arrays;
  StoreOptions store;
  std::map<std::string, RechunkPasses> passes;  // by variable, where one pass is not the best
  std::string plan;                             // for people
};

PlanReport report_of(Session& session, const NamedArrays& arrays, const StoreOptions& store) {
  return session::describe_plan(session::plan_store(arrays, store, {}).targets,
                                session::prepare_options(session.settings(), session.ranks()));
}

// Of the memory, what may hold elements. The rest is for the process, for what threads work on, and
// for what the pool keeps of the pass before, which counts as the process when the next is planned.
std::int64_t memory_for_elements(Session& session) {
  constexpr std::int64_t kProcess = std::int64_t{128} << 20;
  const std::int64_t memory = session.settings().memory_bytes;
  const std::int64_t most = memory == 0 ? std::int64_t{1} << 40 : memory;
  return std::max<std::int64_t>(0, (most - kProcess) / 3) * session.ranks();
}

std::string dimension_of(const Array& array, std::size_t axis) {
  const std::string& name = array.dims()[axis];
  return name.empty() ? fmt::format("axis {}", axis) : name;
}

// One variable: as the engine would do it in one pass, or better.
void plan_variable(Session& session, const JoinedVariable& variable, Copy& copy) {
  const Extents& to = copy.store.chunks_of.at(variable.name);
  RechunkCase rechunk;
  rechunk.shape = variable.array.shape();
  for (std::size_t k = 0; k < to.size(); ++k) {
    const std::int64_t length = std::max<std::int64_t>(1, rechunk.shape[k]);
    rechunk.from.push_back(std::max<std::int64_t>(1, variable.array.chunks().axis(k).longest()));
    rechunk.to.push_back(to[k] == -1 ? length : std::min(to[k], length));
  }
  if (rechunk.from == rechunk.to || variable.array.size() == 0) return;
  rechunk.element_size = static_cast<std::int64_t>(size_of(variable.array.dtype()));
  rechunk.memory_bytes = memory_for_elements(session);
  const PlanReport one = report_of(session, {{variable.name, variable.array}}, copy.store);
  const auto several = plan_passes(rechunk);
  // What is read through another file must be one file's, as a whole.
  const bool parted = session.settings().merge;  // little is left to do, and nothing to scratch
  const bool possible = several && (!several->scratch || (variable.parts.size() <= 1 && !parted));
  // Chunks in the engine's scratch are read in shreds if they are cut otherwise: dearer than they
  // look.
  const double one_pass = one.cost_s * (one.spilled_bytes > 0 ? 2 : 1);
  copy.plan += variable.name + ": ";
  if (possible && several->passes > 1 && several->cost_s < one_pass) {
    copy.plan +=
        fmt::format("{}; in one pass: {}\n",
                    text_of(*several, dimension_of(variable.array, several->axis)), one.reuse);
    copy.passes.emplace(variable.name, *several);
  } else {
    copy.plan += "one pass: " + one.reuse + "\n";
  }
}

StoreOptions::Parts parts_of(const RechunkPasses& passes, const Extents& chunk) {
  const std::int64_t length = std::max<std::int64_t>(1, chunk[passes.axis]);
  return {passes.axis, std::max<std::int64_t>(1, passes.length / length)};
}

// The scratch file, beside the output, where all ranks see it. It is an output like others: a run
// that was stopped leaves it, or its journal, to one that resumes.
class ScratchFile {
 public:
  ScratchFile(const std::string& output, bool resume)
      : output_(io::output_paths(output)),
        path_(io::scratch_path(output_)) {
    if (!resume) discard();
  }
  ~ScratchFile() {
    if (!kept_) discard();
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }
  // Nothing of an earlier run is left, unless one is still at work on it.
  void discard() const {
    const io::OutputPaths paths = io::output_paths(path_);
    if (io::is_claimed(paths) || io::is_claimed(output_)) return;
    io::remove_working_files(paths);
    std::remove(path_.c_str());
  }

 private:
  const io::OutputPaths output_;
  const std::string path_;
  bool kept_ = false;
};

// What an earlier run left counts only if this one would do the same: ranks and memory decide how
// scratch is cut.
void store_scratch(Session& session, const NamedArrays& arrays, const ScratchFile& scratch,
                   const StoreOptions& options) {
  try {
    session.store(arrays, scratch.path(), options);
  } catch (const Error& error) {
    if (!session.settings().resume || error.exit_code != ExitCode::kUsage) throw;
    scratch.discard();
    session.store(arrays, scratch.path(), options);
  }
}

// Of the newest run that wrote the file.
std::string first_history_line(const io::FileInfo& info) {
  const auto found = std::ranges::find(info.attributes, "history", &io::Attribute::name);
  if (found == info.attributes.end()) return {};
  const auto* text = std::get_if<std::string>(&found->value);
  return text == nullptr ? std::string() : text->substr(0, text->find('\n'));
}

// Stores into scratch what goes through it; the copy then reads from there. The job began when
// scratch was begun.
void pass_through_scratch(Session& session, const ScratchFile& scratch, Copy& copy) {
  NamedArrays arrays;
  StoreOptions store;
  store.overwrite = true;
  store.history = copy.store.history;
  store.command = copy.store.command;
  store.copies = true;
  store.warn = false;
  store.codec = "lz4";
  for (const auto& [name, passes] : copy.passes) {
    if (!passes.scratch) continue;
    const auto found = std::ranges::find(copy.arrays, name, [](const auto& a) { return a.first; });
    arrays.push_back(*found);
    store.chunks_of[name] = *passes.scratch;
    store.parts_of[name] = parts_of(passes, *passes.scratch);
  }
  if (arrays.empty()) return;
  store_scratch(session, arrays, scratch, store);
  const io::FileInfo info = std::move(io::probe_files({scratch.path()}).front());
  copy.store.history_line = first_history_line(info);
  for (const auto& [name, array] : arrays) {
    copy.store.originals.emplace(name, array);
    const auto found = std::ranges::find(copy.arrays, name, [](const auto& a) { return a.first; });
    auto from = std::make_shared<const io::Dataset>(
        io::without_conventions(io::make_dataset(info, "/" + name)));
    const auto original = std::ranges::find(copy.joined.variables, name, &JoinedVariable::name);
    found->second = Array(expr::from_dataset(copy.joined.files.front(), std::move(from),
                                             original->variable->dims, Here::current()));
  }
}

void plan_copy(Session& session, const CopyOptions& options, Copy& copy) {
  ChunkWish wish(options.chunks);
  for (const JoinedVariable& variable : copy.joined.variables) {
    copy.arrays.emplace_back(variable.name, variable.array);
    if (const auto chunk = wish.of(variable.array)) copy.store.chunks_of[variable.name] = *chunk;
  }
  wish.check_used();
  for (const JoinedVariable& variable : copy.joined.variables) {
    if (copy.store.chunks_of.contains(variable.name)) plan_variable(session, variable, copy);
  }
}

Copy planned_copy(Session& session, const CopyOptions& options, const Places& places,
                  const std::vector<std::string>& inputs) {
  const io::KeptProbe kept;
  Copy copy;
  copy.joined = join_files(session, inputs, places.variables, options.dimension);
  cut(copy.joined, options.hyperslabs);
  copy.store = store_options(options);
  copy.store.inputs = inputs;
  copy.store.texts_file = copy.joined.files.front();
  copy.store.texts = copy.joined.texts;
  plan_copy(session, options, copy);
  return copy;
}

// A scratch file is made as a whole.
void check_shard(const io::Shard& shard, const Copy& copy) {
  const auto uses_scratch = [](const auto& one) { return one.second.scratch.has_value(); };
  if (!shard || std::ranges::none_of(copy.passes, uses_scratch)) return;
  throw Error(ExitCode::kRefused,
              "within this memory it goes through a scratch file, not in shards",
              io::text_of(shard), "give it more by --memory, or leave out --shard");
}

void copy_all(Session& session, const CopyOptions& options, const Places& places,
              const std::string& command) {
  const RunSettings& settings = session.settings();
  const bool resume = settings.resume || settings.merge;
  const std::vector<std::string> inputs = api::files_named(places.inputs);
  if (!options.plan_only) io::check_output(places.output, inputs, options.overwrite, resume);
  Copy copy = planned_copy(session, options, places, inputs);
  copy.store.command = command;
  const bool quiet = session.settings().quiet;
  for (const std::string& word : copy.joined.left_out) {
    if (!quiet) fmt::print(stderr, "rankine: warning: {}\n", word);
  }
  if (options.plan_only || options.explain) {
    const PlanReport report = report_of(session, copy.arrays, copy.store);
    if (copy.plan.empty()) copy.plan = report.reuse + "\n";
    if (options.plan_only) return print_result(copy.plan + report.text);
    fmt::print(stderr, "rankine: plan: {}", copy.plan);
  }
  for (const auto& [name, passes] : copy.passes) {
    if (!passes.scratch) {
      copy.store.parts_of[name] = parts_of(passes, copy.store.chunks_of.at(name));
    }
  }
  check_shard(settings.shard, copy);
  ScratchFile scratch(places.output, resume || settings.shard);
  if (settings.shard || settings.merge) scratch.keep();  // it is not theirs
  try {
    const bool made = resume && session.is_stored(copy.arrays, places.output, copy.store);
    const bool busy = io::is_claimed(io::output_paths(places.output));  // as store will say
    if (!made && !busy) pass_through_scratch(session, scratch, copy);
    session.store(copy.arrays, places.output, copy.store);
  } catch (const Error& error) {
    if (error.exit_code == ExitCode::kStopped) scratch.keep();
    throw;
  }
}

}  // namespace

void add_copy_options(CLI::App& verb, const std::shared_ptr<CopyOptions>& options) {
  verb.add_option("FILES", options->files,
                  "FILE[:/variable or group]... or patterns as 'data/t_*.nc', and last the output")
      ->required();
  verb.add_option("-o,--output", options->output, "the output, instead of the last file")
      ->type_name("FILE");
  verb.add_option("-v,--variables", options->variables,
                  "variables and groups to copy, with what they refer to (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME,...");
  verb.add_option("--codec", options->codec,
                  "as for eval; without it each variable keeps the filters it has, and gets "
                  "deflate-4 for those that cannot be written here")
      ->check([](const std::string& text) { return codec_problem(text); })
      ->type_name("CODEC");
  verb.add_option("--shuffle", options->shuffle, "as for eval; without it, and --codec, as it is")
      ->check(CLI::IsMember({"on", "off"}))
      ->type_name("on|off");
  verb.add_flag("--fletcher32", options->fletcher32, "store a checksum behind every chunk");
  add_libver_option(verb, [options](io::Libver libver) { options->libver = libver; });
  verb.add_flag("--overwrite", options->overwrite, "replace the output if it exists");
  verb.add_flag("--explain", options->explain,
                "say first how it is done within the memory, and why");
  verb.add_flag("--plan", options->plan_only, "say only that");
}

int copy_files(Cli& cli, const CopyOptions& options) {
  const Places places = places_of(options);
  const std::string command = command_of(cli, options, places.output);
  return run_with(run_settings(cli), [&](Session& session) {
    show_progress(session);
    copy_all(session, options, places, command);
  });
}

}  // namespace rankine::apps
