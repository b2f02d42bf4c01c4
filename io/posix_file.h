// Every system call that touches a file goes through here: one place that resumes after EINTR and
// short transfers, checks every code, and can be made to fail in tests.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/function_ref.h"

namespace rankine::io {

// An Error that keeps errno, so that a full disk can be told from a broken one. Says what to do
// when the disk, a quota or a limit is in the way.
class SystemError : public Error {
 public:
  SystemError(ExitCode code, const std::string& what, std::string place, int number);
  int error_number = 0;
};

// The calls themselves. Tests replace members to inject EIO, ENOSPC, EDQUOT, short transfers and
// fsync errors; nothing else changes them. Not synchronized: replace before threads start.
struct FileCalls {
  ssize_t (*pread)(int, void*, std::size_t, off_t);
  ssize_t (*pwrite)(int, const void*, std::size_t, off_t);
  ssize_t (*write)(int, const void*, std::size_t);
  int (*fsync)(int);
  int (*fdatasync)(int);
  int (*ftruncate)(int, off_t);
  int (*close)(int);
  ssize_t (*preadv2)(int, const iovec*, int, off_t, int);
  int (*fadvise)(int, off_t, off_t, int);
};
FileCalls& file_calls();

// An open file; closed when destroyed (close() reports the error, the destructor cannot).
// pread_* and pwrite_full may be called from many threads. Failures to open for reading and to
// read are kInput; failures to write are kTaskFailed, except that an existing output is kUsage and
// a missing folder kInput. All throw SystemError with the path.
class PosixFile {
 public:
  PosixFile() = default;
  PosixFile(PosixFile&& other) noexcept { *this = std::move(other); }
  PosixFile& operator=(PosixFile&& other) noexcept;
  ~PosixFile();

  static PosixFile open_read(const std::string& path);
  static PosixFile open_read_write(const std::string& path);  // must exist
  // Creates or empties the file. mode is reduced by the umask.
  static PosixFile create(const std::string& path, mode_t mode = 0666);
  // Creates the file; an existing one is kUsage.
  static PosixFile create_new(const std::string& path, mode_t mode = 0666);
  // Created if missing; keeps what it holds.
  static PosixFile open_write(const std::string& path, mode_t mode = 0666);
  // Created if missing; every write_full lands at the end (O_APPEND).
  static PosixFile open_append(const std::string& path, mode_t mode = 0666);
  // A file without a name in the folder, for this user only; it is gone when it is closed, however
  // the process ends. Its path() is the folder. Every failure is kTaskFailed.
  static PosixFile create_unnamed(const std::string& folder);

  // Fills all of `out`; the end of the file before that is kInput.
  void pread_full(std::span<std::byte> out, std::uint64_t offset) const;
  // Reads until `out` is full or the file ends; returns the bytes read.
  std::size_t pread_some(std::span<std::byte> out, std::uint64_t offset) const;
  // Asks the system to bring bytes from the disk, and does not wait for them. Nothing, and false,
  // if it has the first and the last of them in memory. A hint: never fails.
  bool will_need(std::uint64_t offset, std::uint64_t size) const;
  void pwrite_full(std::span<const std::byte> bytes, std::uint64_t offset) const;
  void write_full(std::span<const std::byte> bytes);  // at the file position

  void fsync() const;
  void fdatasync() const;
  void truncate(std::uint64_t size) const;
  // Gives the space of these bytes back; they read as zeros then. False, and nothing done, where
  // the file system cannot.
  bool punch_hole(std::uint64_t offset, std::uint64_t size) const;
  std::uint64_t size() const;
  std::int64_t mtime_ns() const;
  void close();

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

 private:
  static PosixFile open(const std::string& path, int flags, mode_t mode, ExitCode code);

  int descriptor_ = -1;
  std::string path_;
};

// Opens a file that another host has just made: a network file system may deny for a moment that it
// is there. Tries for up to `patience_s` seconds.
PosixFile open_elsewhere(FunctionRef<PosixFile()> open, double patience_s = 10);

// fsync of a folder, so that the names in it survive a crash; nothing where the file system cannot
// do that. Throws SystemError (task failed).
void sync_folder(const PosixFile& folder);

// Opens /dev/null for standard streams that are closed, so that no file, socket or pipe gets their
// numbers. What is written there is refused, as it would be without them. Before anything else.
void open_standard_streams();

// Bytes that this user may still write into files of the folder; 0 if it is not there or keeps its
// files in memory (tmpfs), INT64_MAX if the system does not say.
std::int64_t room_on_disk(const std::string& folder);

// What an error number means, without strerror's shared buffer: "No such file or directory".
std::string error_text(int number);

}  // namespace rankine::io
