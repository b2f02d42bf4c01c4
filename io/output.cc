#include "io/output.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>

#include "runtime/base/hash.h"

namespace rankine::io {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as the kernel
constexpr std::size_t kLongestName = 255 - sizeof("..rankine") + 1;

std::optional<struct stat> status_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

fs::path follow_links(fs::path path) {
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code problem;
    const fs::path target = fs::read_symlink(path, problem);
    if (problem) return path;
    path = target.is_absolute() ? target : path.parent_path() / target;
  }
  throw input_error("too many symbolic links", path.string());
}

bool is_input(const OutputPaths& paths, const std::string& input) {
  return same_place(input, paths.final) || same_place(input, paths.part);
}

void check_existing(const OutputPaths& paths, bool may_exist) {
  if (const auto status = status_of(paths.final)) {
    if (!S_ISREG(status->st_mode)) {
      throw Error(ExitCode::kUsage, "the output exists and is no regular file", paths.final);
    }
    if (!may_exist) {
      throw Error(ExitCode::kUsage, "the output exists", paths.final,
                  "use --overwrite, or choose another name");
    }
  }
  // A part file beside a log folder is what a dead run left; alone it may be anybody's.
  if (status_of(paths.part) && !status_of(paths.log_folder)) {
    throw Error(ExitCode::kUsage, "a file is in the way of the output", paths.part,
                "move it away, or choose another name");
  }
}

// Locked and still the file of that name (the run that held it may have removed it meanwhile).
bool lock_owner(const PosixFile& owner) {
  int result = 0;
  do {
    result = ::flock(owner.descriptor(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno == EWOULDBLOCK) {
    throw Error(ExitCode::kUsage, "another run is writing this output", owner.path(),
                "wait for it, or choose another name");
  }
  if (result != 0) {
    std::fputs(
        "rankine: warning: this file system has no locks: another run that writes the same "
        "output would not be noticed\n",
        stderr);
  }
  struct stat held {};
  const auto named = status_of(owner.path());
  return ::fstat(owner.descriptor(), &held) == 0 && named && same_file(held, *named);
}

PosixFile open_owner(const OutputPaths& paths) {
  make_private_folder(paths.log_folder);
  return PosixFile::open_append(paths.log_folder + "/owner", 0600);
}

}  // namespace

OutputPaths output_paths(const std::string& path) {
  const fs::path target = follow_links(path);
  const std::string name = target.filename().string();
  if (name.empty() || name == "." || name == "..") {
    throw Error(ExitCode::kUsage, "the output has no file name", path);
  }
  if (name.size() > kLongestName) {
    throw Error(ExitCode::kUsage, "the name of the output is too long", path,
                "use at most " + std::to_string(kLongestName) + " bytes");
  }
  const fs::path folder = target.parent_path();
  const auto status = status_of(folder.empty() ? "." : folder.string());
  if (!status || !S_ISDIR(status->st_mode)) {
    throw input_error("the folder of the output does not exist", folder.string(), "create it");
  }
  return {target.string(), target.string() + ".part",
          (folder / ("." + name + ".rankine")).string()};
}

OutputPaths check_output(const std::string& path, std::span<const std::string> inputs,
                         bool overwrite, bool resume) {
  OutputPaths paths = output_paths(path);
  for (const std::string& input : inputs) {
    if (is_input(paths, input)) {
      throw Error(ExitCode::kUsage, "the output is one of the inputs", paths.final,
                  "choose another name");
    }
  }
  check_existing(paths, overwrite || resume);
  const fs::path folder = fs::path(paths.final).parent_path();
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
    throw SystemError(ExitCode::kTaskFailed, "cannot write into the folder of the output",
                      folder.string(), errno);
  }
  return paths;
}

OutputPaths absolute(const OutputPaths& paths) {
  return {fs::absolute(paths.final).string(), fs::absolute(paths.part).string(),
          fs::absolute(paths.log_folder).string()};
}

bool same_place(const std::string& a, const std::string& b) {
  const auto there = status_of(a);
  const auto here = status_of(b);
  if (there && here) return same_file(*there, *here);
  std::error_code problem, other;
  const fs::path plain = fs::weakly_canonical(fs::absolute(follow_links(a)), problem);
  return plain == fs::weakly_canonical(fs::absolute(follow_links(b)), other) && !problem && !other;
}

void make_private_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return;
  const int number = errno;
  struct stat status {};
  const bool ours = number == EEXIST && ::lstat(folder.c_str(), &status) == 0 &&
                    S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
  if (number == EEXIST && !ours) {
    throw Error(ExitCode::kTaskFailed, "the folder of the logs is another user's, or no folder",
                folder, "remove it, or choose another name for the output");
  }
  // What others could have put there would count as finished.
  const bool ours_alone = ours && (status.st_mode & 077) == 0;
  if (ours_alone || (ours && ::chmod(folder.c_str(), 0700) == 0)) return;
  throw SystemError(ExitCode::kTaskFailed, "cannot create the folder of the logs", folder, number);
}

std::string scratch_path(const OutputPaths& paths) {
  const std::size_t slash = paths.final.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx",
                static_cast<unsigned long long>(hash_bytes(std::as_bytes(
                    std::span(paths.final.data() + name, paths.final.size() - name)))));
  return paths.final.substr(0, name) + ".rankine-" + hash + ".scratch";
}

bool is_claimed(const OutputPaths& paths) {
  const std::string path = paths.log_folder + "/owner";
  if (!status_of(path)) return false;
  const PosixFile owner = PosixFile::open_read(path);
  return ::flock(owner.descriptor(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

OutputClaim::OutputClaim(const OutputPaths& paths, bool keep_journal) {
  do {
    owner_ = open_owner(paths);
  } while (!lock_owner(owner_));
  clear(paths, keep_journal);
}

void OutputClaim::clear(const OutputPaths& paths, bool keep_journal) {
  const auto check = [](const std::error_code& problem, const fs::path& where) {
    if (!problem) return;
    throw SystemError(ExitCode::kTaskFailed, "cannot remove what an earlier run left",
                      where.string(), problem.value());
  };
  keep_journal = keep_journal && status_of(paths.log_folder + "/job");
  std::error_code problem;
  fs::directory_iterator entry(paths.log_folder, problem);
  for (; !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    const fs::path path = entry->path();
    const std::string name = path.filename().string();
    if (name == "owner") continue;
    if (keep_journal && (name == "job" || name.starts_with("log."))) continue;
    discarded_ |= name.starts_with("log.");
    std::error_code kept;
    fs::remove_all(path, kept);
    check(kept, path);
  }
  check(problem, paths.log_folder);
  if (keep_journal) return;  // the part file may hold chunks of the job
  fs::remove(paths.part, problem);
  check(problem, paths.part);
}

}  // namespace rankine::io
