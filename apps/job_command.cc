#include "apps/job_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/text.h"
#include "apps/verbs.h"
#include "runtime/base/error.h"

namespace rankine::apps {
namespace {

std::vector<std::string> with_program(const std::vector<std::string>& words) {
  std::vector<std::string> all{"rankine"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

void check_verb(const std::vector<std::string>& words) {
  if (std::ranges::count(rank_verbs(), words.at(0), &RankVerb::name) > 0) return;
  std::string names;
  for (const RankVerb& known : rank_verbs()) names += (names.empty() ? "" : ", ") + known.name;
  throw usage_error("'" + printable(words[0]) + "' is no verb that runs on many ranks",
                    "behind -- stands one of " + names);
}

}  // namespace

const std::vector<RankVerb>& rank_verbs() {
  static const std::vector<RankVerb> verbs{{"eval", {}},
                                           {"rechunk", {"FILES"}, true},
                                           {"subset", {"FILES"}, true},
                                           {"concat", {"FILES"}, true},
                                           {"diff", {"FIRST", "SECOND"}},
                                           {"verify", {"FILE"}},
                                           {"merge", {}},
                                           {"bench", {}}};
  return verbs;
}

JobCommand::JobCommand(const std::vector<std::string>& words)
    : words_(with_program(words)),
      pointers_(pointers_to(words_)),
      cli_(static_cast<int>(words_.size()), pointers_.data()),
      program_(std::make_shared<ProgramOptions>()) {
  check_verb(words);
  add_eval(cli_, program_);
  add_rechunk(cli_);
  add_subset(cli_);
  add_concat(cli_);
  add_diff(cli_);
  add_verify(cli_);
  add_merge(cli_);
  add_bench(cli_);
  verb_ = &cli_.parse_only();
}

const RankVerb& JobCommand::kind() const {
  return *std::ranges::find(rank_verbs(), verb_->get_name(), &RankVerb::name);
}

bool JobCommand::given(const std::string& option) const {
  return verb_->get_option_no_throw(option) != nullptr && verb_->count(option) > 0;
}

std::vector<std::string> JobCommand::values(const std::string& option) const {
  return verb_->get_option(option)->results();
}

RunSettings JobCommand::settings(std::int64_t cores) {
  RunSettings settings = run_settings(cli_);
  if (!given("--threads")) settings.threads = static_cast<int>(cores);
  settings.shares_cores_out = false;  // those of the job, not of this machine
  return settings;
}

bool JobCommand::stores() const { return kind().copies ? !given("--plan") : given("--output"); }

std::vector<std::string> JobCommand::in_job(const std::string& program) const {
  std::vector<std::string> all = words_;
  all.front() = program;
  if (!stores() || given("--resume")) return all;
  // Behind a "--" it would be an argument.
  const bool open = std::ranges::find(words_, "--") == words_.end();
  all.insert(open ? all.end() : all.begin() + 2, "--resume");
  return all;
}

}  // namespace rankine::apps
