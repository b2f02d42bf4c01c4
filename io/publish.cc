#include "io/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>

#include "io/fixed_places.h"

namespace rankine::io {
namespace {

[[noreturn]] void refuse(int number, const std::string& path) {
  if (number == EEXIST) {
    throw Error(ExitCode::kUsage, "the output appeared while it was computed", path,
                "use --overwrite, or choose another name");
  }
  throw SystemError(ExitCode::kTaskFailed, "cannot name the output", path, number);
}

// A file system without RENAME_NOREPLACE (NFS) refuses a second name for the same purpose.
void rename_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) refuse(errno, to);
  if (::link(from.c_str(), to.c_str()) != 0) refuse(errno, to);
  if (::unlink(from.c_str()) != 0) refuse(errno, from);
}

// The folder of a file, to be synced; nothing if this user may write it but not read it.
std::optional<PosixFile> open_folder(const std::string& file_path) {
  const std::string folder = std::filesystem::path(file_path).parent_path().string();
  try {
    return PosixFile::open_read(folder.empty() ? "." : folder);
  } catch (const SystemError& error) {
    if (error.error_number != EACCES) throw;
    return std::nullopt;
  }
}

void sync_file(const std::string& path) {
  PosixFile file = PosixFile::open_read_write(path);
  sync_part(file);
  file.fsync();  // what else there is to know of it
  close_part(file);
}

}  // namespace

void publish(const std::string& part_path, const std::string& final_path, bool overwrite) {
  sync_file(part_path);
  const std::optional<PosixFile> folder = open_folder(final_path);  // what can fail, fails before
  if (!overwrite) {
    rename_new(part_path, final_path);
  } else if (::rename(part_path.c_str(), final_path.c_str()) != 0) {
    refuse(errno, final_path);
  }
  if (folder) sync_folder(*folder);
}

bool remove_working_files(const OutputPaths& paths) noexcept {
  std::error_code part, folder;
  bool walked = true;
  try {
    std::filesystem::remove(paths.part, part);
    std::filesystem::remove_all(paths.log_folder, folder);
  } catch (const std::exception&) {  // no memory for the walk
    walked = false;
  }
  if (walked && !part && !folder) return true;
  std::fprintf(stderr, "rankine: could not remove what the run left: %s, %s\n", paths.part.c_str(),
               paths.log_folder.c_str());
  return false;
}

}  // namespace rankine::io
