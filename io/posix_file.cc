#include "io/posix_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <thread>
#include <utility>

#include "runtime/base/clock.h"

namespace rankine::io {
namespace {

// Linux moves at most 0x7ffff000 bytes per call anyway.
constexpr std::size_t kLargestTransfer = std::size_t{1} << 30;

[[noreturn]] void fail(const char* action, const std::string& path, int number, ExitCode code) {
  throw SystemError(code, std::string("cannot ") + action, path, number);
}

struct stat status_of(int descriptor, const std::string& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail("look at", path, errno, ExitCode::kInput);
  return status;
}

// Calls move(pointer, bytes) until all is moved, it returns 0, or an error other than EINTR.
// Returns the bytes moved; errno is 0 or the error.
template <class Byte, class Move>
std::size_t move_all(std::span<Byte> bytes, Move&& move) {
  std::size_t done = 0;
  errno = 0;
  while (done < bytes.size()) {
    const auto wanted = std::min(bytes.size() - done, kLargestTransfer);
    const ssize_t moved = move(bytes.data() + done, wanted, done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return done;
    errno = 0;
    if (moved == 0) return done;
    done += static_cast<std::size_t>(moved);
  }
  return done;
}

}  // namespace

SystemError::SystemError(ExitCode code, const std::string& what, std::string place, int number)
    : Error(code, number == 0 ? what : what + ": " + error_text(number), std::move(place)),
      error_number(number) {
  transient = number != 0;
  if (number == ENOSPC || number == EDQUOT) {
    remedy =
        "free space there or write elsewhere; while it is written, an output takes up to twice its "
        "size";
  } else if (number == EFBIG) {
    remedy =
        "raise the limit on the size of files (ulimit -f), or write to a file system that "
        "takes larger ones";
  }
}

FileCalls& file_calls() {
  static FileCalls calls{::pread,     ::pwrite, ::write,   ::fsync,        ::fdatasync,
                         ::ftruncate, ::close,  ::preadv2, ::posix_fadvise};
  return calls;
}

// Opened for reading, whichever stream it stands for: a write fails.
void open_standard_streams() {
  for (int standard = 0; standard < 3; ++standard) {
    if (::fcntl(standard, F_GETFD) == -1 && errno == EBADF &&
        ::open("/dev/null", O_RDONLY) != standard) {
      return;  // no /dev/null, or no descriptor left: nothing is to be had here
    }
  }
}

std::int64_t room_on_disk(const std::string& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) {
    return errno == ENOSYS ? std::numeric_limits<std::int64_t>::max() : 0;
  }
  if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC) return 0;
  const auto bytes = static_cast<__int128>(status.f_bavail) * status.f_bsize;
  return static_cast<std::int64_t>(
      std::min<__int128>(bytes, std::numeric_limits<std::int64_t>::max()));
}

std::string error_text(int number) { return std::generic_category().message(number); }

PosixFile& PosixFile::operator=(PosixFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

PosixFile::~PosixFile() {
  if (descriptor_ >= 0) file_calls().close(descriptor_);
}

PosixFile PosixFile::open(const std::string& path, int flags, mode_t mode, ExitCode code) {
  PosixFile file;
  file.path_ = path;
  do {
    file.descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (file.descriptor_ < 0 && errno == EINTR);
  if (file.descriptor_ >= 0) return file;
  const int number = errno;
  if ((flags & O_EXCL) != 0 && number == EEXIST) code = ExitCode::kUsage;
  if (number == ENOENT || number == ENOTDIR) code = ExitCode::kInput;
  fail((flags & O_CREAT) != 0 ? "create" : "open", path, number, code);
}

PosixFile PosixFile::open_read(const std::string& path) {
  return open(path, O_RDONLY, 0, ExitCode::kInput);
}

PosixFile PosixFile::open_read_write(const std::string& path) {
  return open(path, O_RDWR, 0, ExitCode::kTaskFailed);
}

PosixFile PosixFile::create(const std::string& path, mode_t mode) {
  return open(path, O_RDWR | O_CREAT | O_TRUNC, mode, ExitCode::kTaskFailed);
}

PosixFile PosixFile::create_new(const std::string& path, mode_t mode) {
  return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode, ExitCode::kTaskFailed);
}

PosixFile PosixFile::open_write(const std::string& path, mode_t mode) {
  return open(path, O_WRONLY | O_CREAT, mode, ExitCode::kTaskFailed);
}

PosixFile PosixFile::open_append(const std::string& path, mode_t mode) {
  return open(path, O_RDWR | O_CREAT | O_APPEND, mode, ExitCode::kTaskFailed);
}

// File systems without O_TMPFILE (NFS) have the name for a moment.
PosixFile PosixFile::create_unnamed(const std::string& folder) {
  PosixFile file;
  file.path_ = folder;
  do {
    file.descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  } while (file.descriptor_ < 0 && errno == EINTR);
  if (file.descriptor_ < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    std::string name = folder + "/rankine-scratch-XXXXXX";
    file.descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (file.descriptor_ >= 0 && ::unlink(name.c_str()) != 0) {
      fail("remove the name of a scratch file in", folder, errno, ExitCode::kTaskFailed);
    }
  }
  if (file.descriptor_ < 0) {
    fail("create a scratch file in", folder, errno, ExitCode::kTaskFailed);
  }
  return file;
}

std::size_t PosixFile::pread_some(std::span<std::byte> out, std::uint64_t offset) const {
  const auto done = move_all(out, [&](std::byte* to, std::size_t bytes, std::size_t at) {
    return file_calls().pread(descriptor_, to, bytes, static_cast<off_t>(offset + at));
  });
  if (errno != 0) fail("read", path_, errno, ExitCode::kInput);
  return done;
}

void PosixFile::pread_full(std::span<std::byte> out, std::uint64_t offset) const {
  const auto done = pread_some(out, offset);
  if (done == out.size()) return;
  throw SystemError(ExitCode::kInput,
                    "the file ends at byte " + std::to_string(offset + done) + ", but " +
                        std::to_string(out.size()) + " bytes from byte " + std::to_string(offset) +
                        " were to be read",
                    path_, 0);
}

namespace {

// A file system that cannot tell has it in memory or not: then nothing is known to be there.
bool is_in_memory(int descriptor, std::uint64_t offset) {
  char byte = 0;
  const iovec place{&byte, 1};
  return file_calls().preadv2(descriptor, &place, 1, static_cast<off_t>(offset), RWF_NOWAIT) >= 0;
}

}  // namespace

bool PosixFile::will_need(std::uint64_t offset, std::uint64_t size) const {
  if (size == 0) return false;
  if (is_in_memory(descriptor_, offset) && is_in_memory(descriptor_, offset + size - 1)) {
    return false;
  }
  file_calls().fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size),
                       POSIX_FADV_WILLNEED);
  return true;
}

void PosixFile::pwrite_full(std::span<const std::byte> bytes, std::uint64_t offset) const {
  const auto done = move_all(bytes, [&](const std::byte* from, std::size_t count, std::size_t at) {
    return file_calls().pwrite(descriptor_, from, count, static_cast<off_t>(offset + at));
  });
  // A write that moves nothing and gives no error would repeat for ever: it counts as EIO.
  if (done < bytes.size()) fail("write", path_, errno == 0 ? EIO : errno, ExitCode::kTaskFailed);
}

void PosixFile::write_full(std::span<const std::byte> bytes) {
  const auto done = move_all(bytes, [&](const std::byte* from, std::size_t count, std::size_t) {
    return file_calls().write(descriptor_, from, count);
  });
  if (done < bytes.size()) fail("write", path_, errno == 0 ? EIO : errno, ExitCode::kTaskFailed);
}

// An fsync error is final: the kernel may have dropped the pages, so it is never repeated.
void PosixFile::fsync() const {
  if (file_calls().fsync(descriptor_) != 0) fail("sync", path_, errno, ExitCode::kTaskFailed);
}

void PosixFile::fdatasync() const {
  if (file_calls().fdatasync(descriptor_) != 0) fail("sync", path_, errno, ExitCode::kTaskFailed);
}

void PosixFile::truncate(std::uint64_t size) const {
  if (file_calls().ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
    fail("set the length of", path_, errno, ExitCode::kTaskFailed);
  }
}

bool PosixFile::punch_hole(std::uint64_t offset, std::uint64_t size) const {
  return ::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                     static_cast<off_t>(offset), static_cast<off_t>(size)) == 0;
}

std::uint64_t PosixFile::size() const {
  return static_cast<std::uint64_t>(status_of(descriptor_, path_).st_size);
}

std::int64_t PosixFile::mtime_ns() const {
  const auto time = status_of(descriptor_, path_).st_mtim;
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void PosixFile::close() {
  if (descriptor_ < 0) return;
  // Linux releases the descriptor even when close fails, EINTR included.
  const int descriptor = std::exchange(descriptor_, -1);
  if (file_calls().close(descriptor) != 0 && errno != EINTR) {
    fail("close", path_, errno, ExitCode::kTaskFailed);
  }
}

PosixFile open_elsewhere(FunctionRef<PosixFile()> open, double patience_s) {
  constexpr std::chrono::milliseconds kBetweenTries{50};
  const Stopwatch since;
  for (;;) {
    try {
      return open();
    } catch (const SystemError& error) {
      const bool may_come = error.error_number == ENOENT || error.error_number == ESTALE;
      if (!may_come || since.seconds() >= patience_s) throw;
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

void sync_folder(const PosixFile& folder) {
  try {
    folder.fsync();
  } catch (const SystemError& error) {
    if (error.error_number != EINVAL) throw;  // some file systems cannot sync a folder
  }
}

}  // namespace rankine::io
