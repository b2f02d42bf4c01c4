// Session: how an output is written, and taken over from a run that was stopped.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "io/codec/version.h"
#include "io/h5/netcdf_writer.h"
#include "io/journal.h"
#include "io/probe.h"
#include "io/publish.h"
#include "io/shards.h"
#include "runtime/api/history.h"
#include "runtime/api/open.h"
#include "runtime/base/error.h"
#include "runtime/base/stop_signals.h"
#include "runtime/session/session.h"
#include "runtime/session/time_limit.h"
#include "runtime/session/working_files.h"

namespace rankine {
namespace {

std::int64_t seconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

io::JobHeader header_of(const session::StorePlan& plan, std::vector<io::JobInput> inputs,
                        const std::string& history) {
  io::JobHeader header;
  header.program = "rankine " RANKINE_VERSION;
  header.libraries = io::codec_versions();
  header.plan_hash = plan.hash();
  header.inputs = std::move(inputs);
  for (const io::OutputVariable& variable : plan.logged_parts().file.variables) {
    header.variables.push_back({variable.name, io::chunk_grid(variable).chunk_count()});
  }
  header.places = io::fixed_places(plan.logged_parts().file);
  header.history = history;
  header.started_s = seconds_since_1970();
  return header;
}

std::string plan_text(std::uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

// As make would say: it was made by this plan, and no input is younger. An older file that was
// moved into the place of an input is younger.
bool is_made(const std::string& output, const io::JobHeader& header) {
  if (!io::changed_ns(output)) return false;
  const std::vector<io::Probed> probed = io::try_probe_files({output});
  if (!probed.front().info) return false;
  const io::FileInfo& made = *probed.front().info;
  if (made.plan != plan_text(header.plan_hash)) return false;
  return std::ranges::all_of(header.inputs, [&](const io::JobInput& input) {
    const auto changed = io::changed_ns(input.path);
    return changed && *changed <= made.mtime_ns;
  });
}

// What was read is what the inputs are, so that a later run need not look into them (is_made).
void check_unchanged(const std::vector<io::JobInput>& inputs) {
  for (const io::JobInput& input : inputs) {
    if (io::is_unchanged(input)) continue;
    throw input_error("the file changed while it was read", input.path,
                      "run again when nothing writes to it");
  }
}

Error then_resume(Error error) {
  error.remedy +=
      (error.remedy.empty() ? "" : "; then ") + std::string("the same command with --resume");
  return error;
}

// The run ends, but not for good.
Error stopped(const Error& error, const session::Engine::Kept& kept, std::int64_t all,
              const std::string& output) {
  std::string what = std::to_string(kept.chunks) + " of " + std::to_string(all) + " chunks";
  if (all == 0) what = kept.states == 0 ? "no results" : "partial results";
  if (all != 0 && kept.states != 0) what += " and partial results";
  Error resumable(ExitCode::kStopped, error.message + "; " + what + " are kept",
                  error.where.empty() ? output : error.where, "the same command with --resume");
  if (!is_stop(error)) resumable.remedy = then_resume(error).remedy;
  if (!is_stop(error)) resumable.task_story = error.task_story;
  return resumable;
}

std::int64_t placed_chunks(const io::JobHeader& header) {
  std::int64_t chunks = 0;
  for (std::size_t i = 0; i < header.places.variables.size(); ++i) {
    chunks += header.variables[i].chunks;
  }
  return chunks;
}

// It ended before it could go on with what is there.
Error stopped_early(Error error) {
  const bool may_go = is_stop(error) || error.transient ||
                      error.exit_code == ExitCode::kTaskFailed ||
                      error.exit_code == ExitCode::kStopped;
  if (!may_go) return error;
  if (is_stop(error)) error.remedy.clear();
  error = then_resume(std::move(error));
  error.exit_code = ExitCode::kStopped;
  return error;
}

// It ended before there was anything to go on with.
Error without_journal(Error error) {
  if (error.exit_code == ExitCode::kStopped) error.exit_code = ExitCode::kTaskFailed;
  return error;
}

}  // namespace

void Session::store(const Array& array, const std::string& where, const StoreOptions& options) {
  const api::FileAndVariable parts = api::split_location(where);
  if (parts.variable.size() < 2) {
    throw usage_error("store needs a file and a name", "write it as \"anom.nc:/t2m_anomaly\"");
  }
  store(NamedArrays{{parts.variable.substr(1), array}}, parts.file, options);
}

bool Session::is_stored(const NamedArrays& arrays, const std::string& file,
                        const StoreOptions& options) const {
  StoreOptions described = options;
  described.history = options.history && settings_.history;
  const session::StorePlan plan = session::plan_store(arrays, described, {});
  const auto originals = session::targets_of(session::originals_of(arrays, options));
  return is_made(io::output_paths(file).final, header_of(plan, session::job_inputs(originals), {}));
}

void Session::tell(const std::string& line) const {
  if (!settings_.quiet) std::fprintf(stderr, "rankine: %s\n", line.c_str());
}

void Session::store(const NamedArrays& arrays, const std::string& file,
                    const StoreOptions& options) {
  const bool resume = options.resume || settings_.resume;
  std::vector<std::string> inputs = session::input_files(session::targets_of(arrays));
  inputs.insert(inputs.end(), options.inputs.begin(), options.inputs.end());
  const io::OutputPaths output =
      io::absolute(io::check_output(file, inputs, options.overwrite, resume || settings_.merge));
  const io::OutputPaths paths = settings_.shard ? io::shard_paths(output, settings_.shard) : output;
  inputs.insert(inputs.end(), {paths.final, paths.part});
  stages_file_.open(inputs);
  io::OutputClaim claim(paths, resume || settings_.merge);
  if (claim.discarded()) tell("discarded what an earlier run left of " + paths.final);
  std::optional<io::JobHeader> earlier = io::read_job(paths.log_folder);
  session::WorkingFiles working(engine_, paths, earlier.has_value());
  const bool began = !settings_.shard && earlier && io::took_over_shards(*earlier);
  const bool merge = settings_.merge || began;
  const bool unrelated = merge && earlier && !began;  // the journal of a run by itself
  if (merge) earlier = io::finished_shards(paths);

  StoreOptions described = options;
  described.history = options.history && settings_.history;
  if (described.command.empty()) described.command = settings_.command;
  if (described.history_line.empty()) {
    described.history_line = api::history_line(described.command);
  }
  const std::string history = earlier ? earlier->history : described.history_line;
  session::StorePlan plan = session::plan_store(arrays, described, history);
  if (!plan.copied.empty()) tell(session::copies_text(plan));
  if (!options.warn) plan.warnings.clear();
  for (const std::string& word : plan.warnings) tell("warning: " + word);
  const auto originals = session::targets_of(session::originals_of(arrays, options));
  io::JobHeader header = header_of(plan, session::job_inputs(originals), history);
  header.shard = settings_.shard;
  header.command = settings_.words;
  header.folder = std::filesystem::current_path().string();
  header.output = output.final;
  if ((resume || merge) && io::changed_ns(paths.final)) {
    if (is_made(paths.final, header)) {
      working.set_kept(false);
      if (merge) io::remove_shards(paths, header);
      return tell(paths.final + " is whole: nothing is left to do");
    }
    if (!options.overwrite) {
      throw Error(ExitCode::kUsage, "the output exists, made by another job", paths.final,
                  "use --overwrite, or choose another name");
    }
  }
  plan.file.plan = plan_text(header.plan_hash);
  if (earlier) io::check_same_job(*earlier, header, paths);
  if ((earlier || settings_.shard) && !plan.resumable) {
    throw usage_error("a journal is of no use for arrays that were persisted",
                      "start afresh without --resume, --shard and --merge");
  }
  plan.sharded = settings_.shard || merge;
  if (merge) {
    if (earlier && unrelated) {
      claim.discard_journal(paths);
      tell("discarded what an earlier run left of " + paths.final);
    }
    take_over_shards(paths, header, earlier, working);
  }
  if (settings_.shard && resume && is_shard_done(output, header, earlier)) {
    working.set_kept(earlier.has_value());
    return;
  }
  const bool journal = settings_.shard || (plan.computes() && plan.resumable);
  if (journal && !earlier) io::write_job(paths.log_folder, header);
  run_store(plan, paths, header, options.overwrite, working);
  working.set_kept(bool(settings_.shard));
}

// A shard may be finished, or was taken over by a run that did not come to its end.
bool Session::is_shard_done(const io::OutputPaths& output, const io::JobHeader& header,
                            const std::optional<io::JobHeader>& earlier) const {
  const std::string shard = io::text_of(settings_.shard);
  if (earlier && earlier->shard_finished) {
    tell(shard + " is finished: nothing is left to do");
    return true;
  }
  const auto merging = io::read_job(output.log_folder);
  const bool taken = !earlier && merging && io::took_over_shards(*merging) &&
                     merging->shard.count == settings_.shard.count &&
                     io::is_same_job(*merging, header);
  if (taken) tell(shard + " was taken over, the merge goes on: nothing is left to do");
  return taken;
}

// From the first log on that became this output's, nothing may be lost.
void Session::take_over_shards(const io::OutputPaths& paths, io::JobHeader header,
                               const std::optional<io::JobHeader>& shards,
                               session::WorkingFiles& working) const {
  if (!shards) {
    throw input_error("there are no shards of this output", paths.final,
                      "make them: the same command by --shard 1/N to --shard N/N");
  }
  header.shard = shards->shard;
  header.command = shards->command;
  header.folder = shards->folder;
  header.started_s = shards->started_s;
  working.keep_if_job_ends(true);
  try {
    io::take_over_shards(paths, header);
  } catch (...) {
    working.set_kept(io::changed_ns(paths.log_folder + "/job").has_value());
    throw;
  }
  working.set_kept(true);
  tell("took over " + std::to_string(header.shard.count) + " shards");
}

// What a shard has made stays in its journal until all are taken over.
void Session::finish_shard(const io::OutputPaths& paths, io::JobHeader header) {
  const session::Engine::Kept kept = engine_.discard(true);
  if (kept.error) throw stopped_early(*kept.error);
  header.shard_finished = true;
  try {
    io::write_job(paths.log_folder, header);
  } catch (const Error& error) {
    throw stopped_early(error);
  }
  const std::string program = header.command.empty() ? "" : header.command.front();
  const bool ours = program.substr(program.rfind('/') + 1) == "rankine";
  tell(io::text_of(header.shard) + " is finished; when all are: " +
       (ours ? "rankine merge " + api::quoted_for_shell(paths.final)
             : std::string("the same command with --merge instead of --shard")));
}

// Runs the graph and writes the file. What fails after chunks were finished leaves them for a later
// run, if that could end better.
void Session::run_store(session::StorePlan& plan, const io::OutputPaths& paths,
                        const io::JobHeader& header, bool overwrite,
                        session::WorkingFiles& working) {
  session::Work work;
  work.client_bytes = plan.inline_bytes() + plan.copied_bytes();
  const bool resumable = plan.computes() && plan.resumable;
  if (resumable) working.keep_if_job_ends(true);
  std::optional<session::TimeLimit> limit;  // what cannot be resumed takes all the time it has
  if (resumable) limit.emplace();
  try {
    if (!settings_.shard) begin_part(plan, {paths.part, header.places}, working);
    if (plan.computes()) {
      work.log_folder = paths.log_folder;
      work.first_log = take_over(plan, paths, header);
      work.shard = settings_.shard;
      if (settings_.straight && plan.begun) work.part = {paths.part, header.places};
    }
  } catch (const Error& error) {
    if (!working.kept()) throw;
    throw stopped_early(error);
  }
  std::vector<std::vector<std::byte>> results;
  try {
    results = run_passes(plan, work);
    check_unchanged(header.inputs);
  } catch (const Error& error) {
    if (!plan.computes()) throw;
    const bool stops = is_stop(error) || error.exit_code == ExitCode::kStopped;
    // What failed here may not fail again: memory ran out, a disk was not there. An input that is
    // damaged, or that changed while it was read, fails again.
    const bool may_go = stops || error.transient || error.exit_code == ExitCode::kTaskFailed;
    session::Engine::Kept kept = engine_.discard(resumable && (may_go || working.kept()));
    if (kept.error) std::fputs(kept.error->block().c_str(), stderr);
    if (!io::changed_ns(paths.part)) kept.chunks -= kept.placed;  // it could not be synced
    // Who was told to stop goes on later, however little there is; a failure needs a reason to.
    const bool nothing = kept.chunks == 0 && kept.states == 0 && !working.kept();
    if (!resumable || !may_go || (nothing && !is_stop(error))) {
      if (stops) throw without_journal(error);
      throw;
    }
    working.set_kept(true);
    if (!stops) throw then_resume(error);
    throw stopped(error, kept, plan.computed_chunks(), paths.final);
  }
  if (settings_.shard) {
    working.set_kept(true);
    return finish_shard(paths, header);
  }
  const Stopwatch write;
  const double cpu = process_cpu_seconds();
  plan.take_results(std::move(results));
  if (resumable) working.set_kept(true);
  try {
    const std::int64_t bytes = write_output(plan, paths, header.inputs, overwrite);
    stages_.add_write(write.seconds(), process_cpu_seconds() - cpu, bytes);
  } catch (const Error& error) {
    const bool may_go = is_stop(error) || error.transient ||
                        error.exit_code == ExitCode::kTaskFailed ||
                        error.exit_code == ExitCode::kStopped;
    if (!may_go && error.exit_code == ExitCode::kInput) working.set_kept(false);
    if (!may_go) throw;
    if (!resumable) throw without_journal(error);
    session::Engine::Kept kept;
    kept.chunks = plan.computed_chunks();
    // A part file that could not be synced was removed.
    if (!io::changed_ns(paths.part)) kept.chunks -= placed_chunks(header);
    throw stopped(error, kept, plan.computed_chunks(), paths.final);
  }
  since_last_ = Stopwatch();
  cpu_since_last_ = process_cpu_seconds();
}

// The part file is there from the beginning if chunks have a place in it, whether this run puts
// them there or an earlier one did; else there is none.
void Session::begin_part(session::StorePlan& plan, io::PartPlaces part,
                         session::WorkingFiles& working) const {
  if (!plan.computes()) part.places = {};
  plan.begun = !part.places.empty();
  io::prepare_part(part, working.kept());
  working.set_part_kept(plan.begun);
}

// What does not fit the memory together is made by one graph after the other; all write one log.
std::vector<std::vector<std::byte>> Session::run_passes(const session::StorePlan& plan,
                                                        session::Work& work) {
  const auto run_pass = [&](const std::vector<optimize::Target>& targets) {
    work.targets = targets;
    session::GraphOutcome outcome = execute([&] {
      count_construct();
      session::PrepareOptions prepare = session::prepare_options(settings_, ranks());
      prepare.machine.sharded = plan.sharded;
      return launcher_->start(work, prepare);
    });
    return std::move(outcome.results);
  };
  std::vector<std::vector<std::byte>> results;
  if (!plan.targets.empty()) results = run_pass(plan.targets);
  for (const std::vector<optimize::Target>& targets : plan.later) run_pass(targets);
  return results;
}

// The number of the first log of this run.
int Session::take_over(const session::StorePlan& plan, const io::OutputPaths& paths,
                       const io::JobHeader& header) {
  const std::vector<int> logs = io::log_numbers(paths.log_folder);
  if (logs.empty()) return 0;
  std::vector<std::int64_t> chunks;
  for (const io::JobVariable& variable : header.variables) chunks.push_back(variable.chunks);
  const session::Engine::Recovered found =
      engine_.recover(paths.log_folder, {paths.part, header.places}, logs, chunks);
  const std::int64_t all = plan.computed_chunks();
  const std::string there =
      all == 0 ? std::to_string(found.states) + " partial results"
               : std::to_string(found.chunks) + " of " + std::to_string(all) + " chunks";
  tell("resuming: " + there + " are there" +
       (found.damaged == 0 ? ""
                           : "; damaged records are made again: " + std::to_string(found.damaged)));
  return logs.back() + 1;
}

// From logs and fetched values to the published file. Returns the bytes of the logged chunks.
std::int64_t Session::write_output(session::StorePlan& plan, const io::OutputPaths& paths,
                                   const std::vector<io::JobInput>& inputs, bool overwrite) {
  io::Settlement settlement;
  if (plan.logged()) {
    settlement = engine_.settle(plan.logged_parts(), paths.log_folder, paths.part);
    plan.name_variables(settlement.placements);
  } else {
    if (plan.computes()) engine_.discard(false);
    io::create_part(paths.part);
  }
  io::write_netcdf(paths.part, plan.file, settlement.placements);
  if (StopSignals::received() != 0) throw stopped_by_signal();
  check_unchanged(inputs);  // what is copied as it is stored was read only now
  io::publish(paths.part, paths.final, overwrite);
  return static_cast<std::int64_t>(settlement.data_end - io::kDataStart);
}

}  // namespace rankine
