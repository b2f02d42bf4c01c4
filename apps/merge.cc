// merge: the last run of a job in shards, by the command that their journals keep.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "apps/text.h"
#include "apps/verbs.h"
#include "collectives/environment.h"
#include "io/shards.h"
#include "runtime/api/history.h"
#include "runtime/base/error.h"

namespace rankine::apps {
namespace {

// What was right for a shard's job says nothing about this one.
constexpr std::array<std::string_view, 5> kOfShards = {"--shard", "--threads", "--stages",
                                                       "--scratch", "--resources"};
constexpr std::array<std::string_view, 3> kFlagsOfShards = {"--resume", "--quiet",
                                                            "--dedicated-scheduler"};

template <class List>
bool is_one_of(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

// The words of a shard's command without what was for that shard; `memory` is taken out as well.
std::vector<std::string> common_words(const std::vector<std::string>& words, bool memory) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") {
      kept.insert(kept.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      break;
    }
    const std::string name = words[i].substr(0, words[i].find('='));
    if (is_one_of(kFlagsOfShards, name)) continue;
    if (!is_one_of(kOfShards, name) && !(memory && name == "--memory")) {
      kept.push_back(words[i]);
    } else if (name == words[i]) {
      ++i;
    }
  }
  return kept;
}

std::string in_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + api::quoted_for_shell(word);
  }
  return text;
}

struct MergeOptions {
  std::string output;
  std::vector<std::string> words{"--merge"};  // to be given on
};

// The shards' command, as it must be started to merge.
std::vector<std::string> merging(const io::JobHeader& job, const MergeOptions& options) {
  std::vector<std::string> words = common_words(job.command, is_one_of(options.words, "--memory"));
  // Behind a "--" they would be arguments.
  const auto end = std::ranges::find(words, "--");
  words.insert(end, options.words.begin(), options.words.end());
  return words;
}

// What rank 0's host wrote may be seen by others some seconds later.
std::optional<io::JobHeader> find_shards_of(const io::OutputPaths& paths) {
  constexpr int kTries = 20;
  constexpr std::chrono::milliseconds kBetweenTries{500};
  for (int tries = collectives::launcher_rank() == 0 ? kTries : 1;; ++tries) {
    try {
      auto job = io::finished_shards(paths);
      if (job || tries >= kTries) return job;
    } catch (const Error&) {
      if (tries >= kTries) throw;
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

int merge(const MergeOptions& options) {
  const io::OutputPaths paths = io::absolute(io::output_paths(options.output));
  const auto job = find_shards_of(paths);
  if (!job && io::changed_ns(paths.final)) {
    if (collectives::launcher_rank() == 0) {
      fmt::print(stderr, "rankine: {} is there, and no shards of it: nothing is left to do\n",
                 printable(paths.final));
    }
    return 0;
  }
  if (!job || job->command.empty()) {
    throw input_error("there are no shards of this output", paths.final,
                      "make them by --shard 1/N to --shard N/N of the command that writes it");
  }
  std::vector<std::string> words = merging(*job, options);
  // The command would write it where the shards were made.
  if (!io::same_place(job->output, paths.final)) {
    throw usage_error("the shards were made for another place: " + printable(job->output),
                      "merge them there; those of a folder that was moved or copied cannot be");
  }
  const std::string& program = words.front();
  if (program.substr(program.rfind('/') + 1) != "rankine") {
    throw usage_error("the shards were made by another program", "start that: " + in_words(words));
  }
  if (::chdir(job->folder.c_str()) != 0) {
    throw io::SystemError(ExitCode::kInput, "cannot go to where the shards were started",
                          printable(job->folder), errno);
  }
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  Cli again(static_cast<int>(words.size()), pointers.data());
  add_all_verbs(again);
  return again.run();
}

}  // namespace

void add_merge(Cli& cli) {
  const auto options = std::make_shared<MergeOptions>();
  CLI::App& verb = cli.add_verb(
      {"merge", "OUTPUT [options]", "Makes one file of what the shards of a job left (--shard).",
       "rankine merge anom.nc"},
      Ranks::kAll, [options] { return merge(*options); });
  verb.add_option("OUTPUT", options->output, "the file that the shards are parts of")->required();
  const auto value = [&](const std::string& name, const char* type, const char* help) {
    const auto give_on = [options, name](const std::string& text) {
      // The command goes on in the folder where the shards were started.
      const bool is_path = name == "--stages" || name == "--scratch";
      const std::string place = is_path ? std::filesystem::absolute(text).string() : text;
      options->words.insert(options->words.end(), {name, place});
    };
    verb.add_option_function<std::string>(name, give_on, help)->type_name(type);
  };
  value("--threads", "N", "threads of each rank (default: its cores)");
  value("--memory", "SIZE", "resident memory of each rank (default: as the shards were told)");
  value("--stages", "FILE", "write what every stage and rank did, as JSON");
  value("--scratch", "DIR", "folder for what does not fit the memory (default: $TMPDIR)");
  const auto flag = [&](const char* name, const char* help) {
    verb.add_flag_callback(
        name, [options, name] { options->words.emplace_back(name); }, help);
  };
  verb.add_flag_callback(
      "--resume", [] {}, "as always: what an earlier merge did is not done again");
  flag("--overwrite", "replace the output if it exists");
  flag("--quiet", "no stage table");
}

}  // namespace rankine::apps
