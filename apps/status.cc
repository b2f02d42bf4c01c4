// status: how far the run that writes an output got, or would be taken up again.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/text.h"
#include "apps/verbs.h"
#include "io/probe.h"
#include "io/shards.h"
#include "runtime/api/history.h"

namespace rankine::apps {
namespace {

using Json = nlohmann::ordered_json;

struct StatusOptions {
  std::string output;
  bool json = false;
};

// What is beside the output, and the output.
struct Status {
  io::OutputPaths paths;
  bool in_scratch = false;  // so far the run fills a scratch file, and `job` is of that
  bool whole = false;       // there is an output; perhaps an older one, while a run is at work
  bool running = false;
  std::optional<io::JobHeader> job;
  std::vector<std::int64_t> finished;  // chunks, by variable of the job
  struct Part {                        // a shard
    io::Shard shard;
    bool running = false;
    bool whole = false;
    std::int64_t finished = 0;  // chunks
  };
  std::vector<Part> shards;
};

// Shards that are not there have not begun.
std::vector<Status::Part> look_at_shards(const io::OutputPaths& output) {
  std::vector<Status::Part> parts;
  for (const io::FoundShard& found : io::find_shards(output)) {
    Status::Part part{found.shard, io::is_claimed(found.paths)};
    if (const auto job = io::read_job(found.paths.log_folder)) {
      part.whole = job->shard_finished && !part.running;
      for (const std::int64_t chunks : io::finished_chunks(found.paths, *job)) {
        part.finished += chunks;
      }
    }
    parts.push_back(part);
  }
  return parts;
}

const char* state_of(const Status::Part& part) {
  if (part.running) return "running";
  return part.whole ? "finished" : "stopped";
}

// It came under its name whole, but what happened since nobody knows.
void check_opens(const std::string& output) {
  io::Probed probed = std::move(io::try_probe_files({output}).front());
  if (!probed.info) throw std::move(probed.error);
}

Status look(const std::string& output) {
  Status status;
  status.paths = io::output_paths(output);
  std::error_code problem;  // what cannot be looked at is not there
  status.whole = std::filesystem::is_regular_file(status.paths.final, problem);
  status.running = io::is_claimed(status.paths);
  io::OutputPaths journal = status.paths;
  status.job = io::read_job(journal.log_folder);
  if (!status.job) {
    journal = io::output_paths(io::scratch_path(status.paths));
    status.job = io::read_job(journal.log_folder);
    status.in_scratch = status.job.has_value();
    status.running |= io::is_claimed(journal);
  }
  if (status.job) status.finished = io::finished_chunks(journal, *status.job);
  status.shards = look_at_shards(status.paths);
  if (!status.whole && !status.running && !status.job && status.shards.empty()) {
    throw input_error("there is neither an output nor a run that writes it", status.paths.final);
  }
  if (status.whole && !status.running && !status.job) check_opens(status.paths.final);
  return status;
}

bool all_finished(const std::vector<Status::Part>& shards) {
  const std::int32_t count = shards.front().shard.count;
  return std::ssize(shards) == count && std::ranges::all_of(shards, [&](const Status::Part& part) {
           return part.whole && part.shard.count == count;
         });
}

std::string text_of(const std::vector<Status::Part>& shards) {
  std::string text;
  for (const Status::Part& part : shards) {
    text += fmt::format("  {}: {}, {} chunks\n", io::text_of(part.shard), state_of(part),
                        part.finished);
  }
  if (!shards.empty() && all_finished(shards)) {
    text += "  to go on: rankine merge, or their command with --merge in place of --shard\n";
  }
  return text;
}

const char* state_of(const Status& status) {
  if (status.running) return "running";
  if (!status.whole && !status.job && !status.shards.empty()) {
    return all_finished(status.shards) ? "shards finished" : "in shards";
  }
  return status.job ? "stopped" : "whole";
}

std::string text_of(const Status& status) {
  const std::string name = printable(status.paths.final);
  if (!status.job) {
    const bool begins = status.running && status.shards.empty();
    return fmt::format("{}: {}\n{}", name,
                       begins ? "running, nothing is finished yet" : state_of(status),
                       text_of(status.shards));
  }
  std::int64_t finished = 0, all = 0;
  std::string variables;
  for (std::size_t i = 0; i < status.job->variables.size(); ++i) {
    const io::JobVariable& variable = status.job->variables[i];
    finished += status.finished[i];
    all += variable.chunks;
    variables += fmt::format("  {}: {} of {} chunks\n", printable(variable.name),
                             status.finished[i], variable.chunks);
  }
  const double percent = all == 0 ? 100 : 100.0 * double(finished) / double(all);
  std::string text = fmt::format(
      "{}: {}, {} of {} chunks {} ({:.1f} %)\n{}", name, state_of(status), finished, all,
      status.in_scratch ? "of the scratch file are finished, the first pass" : "are finished",
      percent, variables);
  text += fmt::format("  begun: {:%Y-%m-%d %H:%M:%S} UTC\n",
                      fmt::gmtime(static_cast<std::time_t>(status.job->started_s)));
  text += fmt::format("  job: {}\n", printable(status.job->history));
  if (!status.running) text += "  to go on: the same command with --resume\n";
  return text + text_of(status.shards);
}

Json json_of(const Status& status) {
  Json json = {{"path", status.paths.final}, {"state", state_of(status)},
               {"exists", status.whole},     {"scratch", status.in_scratch},
               {"variables", Json::array()}, {"shards", Json::array()}};
  for (const Status::Part& part : status.shards) {
    json["shards"].push_back({{"number", part.shard.number},
                              {"count", part.shard.count},
                              {"state", state_of(part)},
                              {"finished_chunks", part.finished}});
  }
  if (!status.job) return json;
  for (std::size_t i = 0; i < status.job->variables.size(); ++i) {
    json["variables"].push_back({{"name", status.job->variables[i].name},
                                 {"finished_chunks", status.finished[i]},
                                 {"chunks", status.job->variables[i].chunks}});
  }
  json["begun"] = status.job->started_s;
  json["job"] = status.job->history;
  return json;
}

int run_status(const StatusOptions& options) {
  const Status status = look(options.output);
  print_result(options.json
                   ? json_of(status).dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
                   : text_of(status));
  return 0;
}

}  // namespace

void add_status(Cli& cli) {
  const auto options = std::make_shared<StatusOptions>();
  CLI::App& verb =
      cli.add_verb({"status", "OUTPUT [--json]", "Tells how far the run got that writes an output.",
                    "rankine status anom.nc"},
                   Ranks::kFirstOnly, [options] { return run_status(*options); });
  verb.add_option("OUTPUT", options->output, "the file that is written")->required();
  verb.add_flag("--json", options->json, "as JSON");
}

}  // namespace rankine::apps
