#include "runtime/session/stages_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "io/output.h"

namespace rankine::session {
namespace {

bool is_regular(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

// Empty, or the JSON object that an earlier run wrote.
bool holds_stages(const std::string& path) {
  std::array<std::byte, 1> first{};
  const std::size_t bytes = io::PosixFile::open_read(path).pread_some(first, 0);
  return bytes == 0 || first[0] == std::byte{'{'};
}

}  // namespace

StagesFile::~StagesFile() {
  if (made_) ::unlink(path_.c_str());
}

void StagesFile::check(std::span<const std::string> others) const {
  const auto is_this = [&](const std::string& other) { return io::same_place(path_, other); };
  if (std::ranges::any_of(others, is_this)) {
    throw Error(ExitCode::kUsage, "--stages names an input or the output", path_,
                "choose another name");
  }
  if (is_regular(path_) && !holds_stages(path_)) {
    throw Error(ExitCode::kUsage, "the file of --stages exists and holds something else", path_,
                "choose another name");
  }
}

void StagesFile::open(std::span<const std::string> others) {
  if (path_.empty()) return;
  check(others);
  if (file_.is_open()) return;
  const bool there = is_there(path_);
  try {
    file_ = io::PosixFile::open_write(path_);
  } catch (Error& error) {
    if (error.remedy.empty()) error.remedy = "is the folder of --stages there and writable?";
    throw;
  }
  made_ = !there;
}

void StagesFile::write(const std::string& json) {
  if (path_.empty()) return;
  open({});
  if (is_regular(path_)) file_.truncate(0);
  file_.write_full(std::as_bytes(std::span(json)));
  made_ = false;
  file_.close();
}

}  // namespace rankine::session
