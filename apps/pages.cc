#include "apps/pages.h"

#include <cstddef>
#include <filesystem>
#include <system_error>

#include "apps/completion.h"
#include "io/posix_file.h"
#include "runtime/base/error.h"

namespace rankine::apps {
namespace {

void write(const std::filesystem::path& folder, const std::string& name, const std::string& text) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) {
    throw Error(ExitCode::kTaskFailed, "the folder cannot be made: " + problem.message(), folder);
  }
  io::PosixFile file = io::PosixFile::create((folder / name).string());
  file.write_full(std::as_bytes(std::span(text)));
  file.close();
}

}  // namespace

void write_pages(const std::string& folder, const Described& program,
                 std::span<const Described> verbs) {
  const std::filesystem::path share(folder);
  const std::filesystem::path manual = share / "man" / "man1";
  for (const Described& verb : verbs) {
    write(manual, "rankine-" + verb.text.name + ".1", verb_page(verb));
  }
  write(manual, "rankine.1", program_page(program, verbs));
  write(share / "bash-completion" / "completions", "rankine", bash_completion(program, verbs));
}

}  // namespace rankine::apps
