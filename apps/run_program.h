// Another program, with a text as its standard input: no shell, no quoting.
#pragma once

#include <string>
#include <vector>

namespace rankine::apps {

struct ProgramRun {
  bool found = true;  // false: there is no such program in PATH
  int code = 0;       // exit code, or 128 + signal
  std::string output, errors;
};

// Waits until it ends. hidden: variables of the environment that it does not see. Throws Error
// (task failed) if the system cannot start any.
ProgramRun run_program(const std::vector<std::string>& command, const std::string& input,
                       const std::vector<std::string>& hidden = {});

}  // namespace rankine::apps
