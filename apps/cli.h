// The command line: one subcommand per verb, one error block for whatever goes wrong.
//
// A verb is a function in verbs.h that calls add_verb and gives its options to CLI11. main() calls
// all of them, then run().
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace rankine::apps {

enum class Ranks {
  kFirstOnly,  // never uses MPI: every rank but the launcher's rank 0 does nothing and returns 0
  kAll,        // runs on all ranks (rankine::run)
};

// What --help says about a verb.
struct VerbText {
  std::string name;
  std::string usage;    // the arguments: "FILE... [--json]"
  std::string summary;  // one line; ends with a full stop
  std::string example;  // one whole command
};

class Cli {
 public:
  // argc and argv are those of main() and stay as they are until an action changes them.
  Cli(int argc, char** argv);
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  // The CLI11 object that takes the verb's options; lives as long as this. `action` is called after
  // the command line was parsed, if this verb was on it, and returns the exit code; it may throw.
  // Variables given to the options must outlive run(): a shared_ptr held by the action does.
  CLI::App& add_verb(const VerbText& text, Ranks ranks, std::function<int()> action);

  // Parses, acts, reports. Never throws.
  int run() noexcept;

  // Parses without acting: the verb on the command line, with what its options were given. Throws
  // Error (usage), also if help or the version is asked for.
  CLI::App& parse_only();

  // As main() got them, for rankine::run and for the `history` of outputs.
  int& argc() { return argc_; }
  char**& argv() { return argv_; }

 private:
  struct Verb {
    VerbText text;
    Ranks ranks;
    std::function<int()> action;
  };
  int parse_and_act();
  void check_verb() const;
  void write_all_pages(const std::string& folder) const;
  bool uses_all_ranks() const;

  int argc_;
  char** argv_;
  CLI::App app_;
  std::map<std::string, Verb> verbs_;
};

// Writes a result to stdout. Throws Error (task failed) if it did not arrive there (a full disk).
void print_result(std::string_view text);

// Whether a person watches stderr: progress lines are for them only.
bool stderr_is_terminal();

}  // namespace rankine::apps
