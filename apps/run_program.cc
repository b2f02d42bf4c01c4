#include "apps/run_program.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>

#include "io/posix_file.h"
#include "runtime/base/error.h"

namespace rankine::apps {
namespace {

Error failure(const std::string& what, int number) {
  return Error(ExitCode::kTaskFailed, what + ": " + io::error_text(number));
}

// A file without a name. Unlike a pipe it never fills up while the other end waits for us.
class Scratch {
 public:
  Scratch() : file_(std::tmpfile(), &std::fclose) {
    if (!file_) throw failure("no temporary file could be made", errno);
  }
  int descriptor() const { return ::fileno(file_.get()); }
  void fill(const std::string& text) {
    const bool whole = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size();
    if (!whole || std::fflush(file_.get()) != 0) {
      throw failure("a temporary file could not be written", errno);
    }
    std::rewind(file_.get());
  }
  std::string text() {
    std::string text;
    char part[4096];
    std::rewind(file_.get());
    while (const std::size_t count = std::fread(part, 1, sizeof part, file_.get())) {
      text.append(part, count);
    }
    return text;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

struct Actions {
  posix_spawn_file_actions_t value;
  Actions() { check(posix_spawn_file_actions_init(&value)); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  void give(const Scratch& file, int descriptor) {
    check(posix_spawn_file_actions_adddup2(&value, file.descriptor(), descriptor));
  }
  static void check(int problem) {
    if (problem != 0) throw failure("no program could be started", problem);
  }
};

// Of this process, as exec takes them.
std::vector<char*> variables_without(const std::vector<std::string>& hidden) {
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (std::ranges::find(hidden, name) == hidden.end()) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw failure("a program could not be waited for", errno);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

ProgramRun run_program(const std::vector<std::string>& command, const std::string& input,
                       const std::vector<std::string>& hidden) {
  Scratch in, out, errors;
  in.fill(input);
  Actions actions;
  actions.give(in, STDIN_FILENO);
  actions.give(out, STDOUT_FILENO);
  actions.give(errors, STDERR_FILENO);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  std::vector<char*> variables = variables_without(hidden);
  ProgramRun run;
  pid_t child = 0;
  const int problem = ::posix_spawnp(&child, words.front(), &actions.value, nullptr, words.data(),
                                     variables.data());
  if (problem == ENOENT) {
    run.found = false;
    return run;
  }
  Actions::check(problem);
  run.code = wait_for(child);
  run.output = out.text();
  run.errors = errors.text();
  return run;
}

}  // namespace rankine::apps
