#include "io/posix_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/io/h5/python_file.h"

namespace rankine::io {
namespace {

using namespace test;

// Puts the real calls back at the end of a test.
struct Calls {
  FileCalls saved = file_calls();
  ~Calls() { file_calls() = saved; }
};

Contents pattern(std::size_t size) {
  Contents bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31);
  return bytes;
}

int interruptions = 0;

TEST(PosixFile, ReadsWhatItWrote) {
  const TempFolder folder;
  PosixFile file = PosixFile::create_new(folder / "f");
  const Contents bytes = pattern(1000);
  file.write_full(std::span(bytes).first(400));
  file.pwrite_full(std::span(bytes).subspan(400), 400);
  EXPECT_EQ(file.size(), 1000u);
  Contents back(1000);
  file.pread_full(back, 0);
  EXPECT_TRUE(back == bytes);
  Contents tail(50);
  EXPECT_EQ(file.pread_some(tail, 980), 20u);
  EXPECT_EQ(file.pread_some(tail, 5000), 0u);
  file.truncate(10);
  EXPECT_EQ(file.size(), 10u);
  file.fsync();
  file.fdatasync();
  file.close();
  EXPECT_FALSE(file.is_open());
  PosixFile log = PosixFile::open_append(folder / "f");
  log.write_full(bytes);
  EXPECT_EQ(PosixFile::open_read(folder / "f").size(), 1010u);
}

TEST(PosixFile, GoesOnAfterShortTransfersAndInterruptions) {
  const TempFolder folder;
  const Calls calls;
  interruptions = 0;
  file_calls().pread = [](int d, void* to, std::size_t n, off_t at) -> ssize_t {
    if (++interruptions % 3 == 0) return errno = EINTR, -1;
    return ::pread(d, to, std::min<std::size_t>(n, 7), at);
  };
  file_calls().pwrite = [](int d, const void* from, std::size_t n, off_t at) -> ssize_t {
    if (++interruptions % 3 == 0) return errno = EINTR, -1;
    return ::pwrite(d, from, std::min<std::size_t>(n, 5), at);
  };
  file_calls().write = [](int d, const void* from, std::size_t n) -> ssize_t {
    if (++interruptions % 3 == 0) return errno = EINTR, -1;
    return ::write(d, from, std::min<std::size_t>(n, 3));
  };
  PosixFile file = PosixFile::create(folder / "f");
  const Contents bytes = pattern(100);
  file.write_full(bytes);
  file.pwrite_full(bytes, 100);
  Contents back(200);
  file.pread_full(back, 0);
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), back.begin()));
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), back.begin() + 100));
  EXPECT_GT(interruptions, 60);
}

template <class Call>
SystemError system_error_of(Call&& call) {
  try {
    call();
  } catch (const SystemError& error) {
    return error;
  }
  throw std::runtime_error("no SystemError was thrown");
}

TEST(PosixFile, ReportsEveryErrorWithPathReasonAndCode) {
  const TempFolder folder;
  const Calls calls;
  const auto expect = [&](const SystemError& error, ExitCode code, int number,
                          const std::string& text) {
    EXPECT_EQ(error.exit_code, code) << error.message;
    EXPECT_EQ(error.error_number, number) << error.message;
    EXPECT_EQ(error.message, text);
    EXPECT_TRUE(error.where.starts_with(folder.path())) << error.where;
  };
  expect(system_error_of([&] { PosixFile::open_read(folder / "none"); }), ExitCode::kInput, ENOENT,
         "cannot open: No such file or directory");
  expect(system_error_of([&] { PosixFile::create(folder / "no/folder"); }), ExitCode::kInput,
         ENOENT, "cannot create: No such file or directory");
  PosixFile file = PosixFile::create(folder / "f");
  expect(system_error_of([&] { PosixFile::create_new(folder / "f"); }), ExitCode::kUsage, EEXIST,
         "cannot create: File exists");
  Contents bytes(10);
  expect(system_error_of([&] { file.pread_full(bytes, 5); }), ExitCode::kInput, 0,
         "the file ends at byte 5, but 10 bytes from byte 5 were to be read");

  file_calls().pread = [](int, void*, std::size_t, off_t) -> ssize_t { return errno = EIO, -1; };
  file_calls().pwrite = [](int, const void*, std::size_t, off_t) -> ssize_t {
    return errno = ENOSPC, -1;
  };
  file_calls().write = [](int, const void*, std::size_t) -> ssize_t { return 0; };
  file_calls().fsync = [](int) { return errno = EDQUOT, -1; };
  file_calls().fdatasync = file_calls().fsync;
  file_calls().ftruncate = [](int, off_t) { return errno = EFBIG, -1; };
  expect(system_error_of([&] { file.pread_full(bytes, 0); }), ExitCode::kInput, EIO,
         "cannot read: Input/output error");
  expect(system_error_of([&] { file.pwrite_full(bytes, 0); }), ExitCode::kTaskFailed, ENOSPC,
         "cannot write: No space left on device");
  expect(system_error_of([&] { file.write_full(bytes); }), ExitCode::kTaskFailed, EIO,
         "cannot write: Input/output error");
  expect(system_error_of([&] { file.fsync(); }), ExitCode::kTaskFailed, EDQUOT,
         "cannot sync: Disk quota exceeded");
  expect(system_error_of([&] { file.fdatasync(); }), ExitCode::kTaskFailed, EDQUOT,
         "cannot sync: Disk quota exceeded");
  expect(system_error_of([&] { file.truncate(3); }), ExitCode::kTaskFailed, EFBIG,
         "cannot set the length of: File too large");
  file_calls().close = [](int d) {
    ::close(d);
    return errno = ENOSPC, -1;
  };
  expect(system_error_of([&] { file.close(); }), ExitCode::kTaskFailed, ENOSPC,
         "cannot close: No space left on device");
  file.close();  // closed already
}

TEST(PosixFile, ClosesItsDescriptorOnceAndOnlyWhenItOwnsIt) {
  const TempFolder folder;
  int descriptor = -1;
  {
    PosixFile first = PosixFile::create(folder / "f");
    descriptor = first.descriptor();
    const PosixFile second = std::move(first);
    EXPECT_EQ(second.descriptor(), descriptor);
    EXPECT_FALSE(first.is_open());  // NOLINT: what a moved-from file is, is specified
    EXPECT_GE(::fcntl(descriptor, F_GETFD), 0);
  }
  EXPECT_EQ(::fcntl(descriptor, F_GETFD), -1);
}

TEST(SystemErrors, SayWhatToDoAboutFullDisksAndLimits) {
  const auto remedy = [](int number) {
    return SystemError(ExitCode::kTaskFailed, "cannot create", "/there", number).remedy;
  };
  EXPECT_NE(remedy(ENOSPC).find("free space"), std::string::npos);
  EXPECT_NE(remedy(EDQUOT).find("free space"), std::string::npos);
  EXPECT_NE(remedy(EFBIG).find("ulimit -f"), std::string::npos);
  EXPECT_EQ(remedy(EIO), "");
}

TEST(PosixFile, OpensForWritingWithoutEmptying) {
  const std::string path =
      ::testing::TempDir() + "rankine_open_write_" + std::to_string(::getpid());
  const auto bytes = std::as_bytes(std::span("abcdef", 6));
  PosixFile::create(path).write_full(bytes);
  EXPECT_EQ(PosixFile::open_write(path).size(), 6u);
  ::unlink(path.c_str());
  EXPECT_EQ(PosixFile::open_write(path).size(), 0u);
  ::unlink(path.c_str());
}

TEST(PosixFile, AnUnnamedFileIsForThisUserAndLeavesNothing) {
  const TempFolder folder;
  {
    const PosixFile file = PosixFile::create_unnamed(folder / ".");
    struct stat status {};
    ASSERT_EQ(::fstat(file.descriptor(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(status.st_nlink, 0u);
    const Contents bytes = pattern(300);
    file.pwrite_full(bytes, 1 << 20);
    Contents back(300);
    file.pread_full(back, 1 << 20);
    EXPECT_TRUE(back == bytes);
    EXPECT_TRUE(std::filesystem::is_empty(folder / "."));
  }
  try {
    PosixFile::create_unnamed(folder / "none");
    FAIL();
  } catch (const SystemError& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kTaskFailed);
    EXPECT_EQ(error.error_number, ENOENT);
    EXPECT_EQ(error.where, folder / "none");
  }
}

TEST(RoomOnDisk, IsNoneWhereNothingCanBeKept) {
  const TempFolder folder;
  EXPECT_GE(room_on_disk(folder / "."), 0);
  EXPECT_EQ(room_on_disk(folder / "none"), 0);
}

TEST(PosixFile, WaitsForAFileOfAnotherHost) {
  TempFolder folder;
  const auto open = [&] { return PosixFile::open_read(folder / "late"); };
  EXPECT_THROW(open_elsewhere(open, 0.01), SystemError);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    PosixFile::create(folder / "late").close();
  });
  EXPECT_TRUE(open_elsewhere(open, 60).is_open());
  other.join();
}

}  // namespace
}  // namespace rankine::io
