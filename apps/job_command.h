// The command of a job, read as its own verb reads it: what that refuses never gets into a queue.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli.h"
#include "apps/program.h"

namespace rankine::apps {

// What is known of the verbs that run on ranks beside their options.
struct RankVerb {
  std::string name;
  std::vector<std::string> inputs;  // the arguments that name them; none: `eval` has its plan
  bool copies = false;              // the last of them is the output, unless -o names it
};
const std::vector<RankVerb>& rank_verbs();

class JobCommand {
 public:
  // words: verb and arguments. Throws Error (usage).
  explicit JobCommand(const std::vector<std::string>& words);

  const RankVerb& kind() const;
  const ProgramOptions& program() const { return *program_; }  // of `eval`
  bool given(const std::string& option) const;
  std::vector<std::string> values(const std::string& option) const;
  // Of a run where each rank has so many cores.
  RunSettings settings(std::int64_t cores);
  // Whether it writes what a later run can go on with.
  bool stores() const;
  // As it stands in a job, with --resume where that does something.
  std::vector<std::string> in_job(const std::string& program) const;

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;  // to words_, as main() has them
  Cli cli_;
  std::shared_ptr<ProgramOptions> program_;
  CLI::App* verb_ = nullptr;
};

}  // namespace rankine::apps
