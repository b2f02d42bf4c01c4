// What goes wrong on one rank while the logs become a file: told by rank 0, and the ranks go on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <new>

#include "io/posix_file.h"
#include "runtime/rankine.h"
#include "tests/io/h5/sample_output.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

namespace fs = std::filesystem;

// Closing the log of rank 1 throws what is no Error.
int close_without_memory(int descriptor) {
  std::error_code problem;
  const fs::path file = fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor), problem);
  ::close(descriptor);
  if (file.filename() == "log.1") throw std::bad_alloc();
  return 0;
}

struct BrokenClose {
  BrokenClose() { io::file_calls().close = close_without_memory; }
  ~BrokenClose() { io::file_calls().close = ::close; }
};

TEST(Settling, TellsOfAnyFailureOfAnyRankAndLeavesTheJournal) {
  const io::test::TempFolder folder;
  const std::string output = folder / "o.nc";
  testing::run_cluster(3, testing::threads(2), [&](Session& session) {
    const Array x = arange(300, 4).rename({"x"});
    try {
      const BrokenClose broken;
      session.store({{"a", x}}, output);
      FAIL() << "it was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kStopped);
      EXPECT_EQ(error.message, "out of memory; 75 of 75 chunks are kept");
    }
    EXPECT_FALSE(fs::exists(output));
    EXPECT_TRUE(fs::exists(folder / ".o.nc.rankine/job"));
    EXPECT_FALSE(fs::exists(folder / "o.nc.part"));
    StoreOptions options;
    options.resume = true;
    session.store({{"a", x}}, output, options);  // all ranks are still there
    EXPECT_TRUE(fs::exists(output));
    EXPECT_FALSE(fs::exists(folder / ".o.nc.rankine"));
  });
}

// A disk that goes away after some reads.
struct LostDisk {
  LostDisk() {
    reads_left() = 40;
    io::file_calls().pread = read;
    io::file_calls().preadv2 = in_no_memory;
  }
  ~LostDisk() { io::file_calls() = saved; }
  static std::atomic<int>& reads_left() {
    static std::atomic<int> left;
    return left;
  }
  static ssize_t in_no_memory(int, const iovec*, int, off_t, int) {
    errno = EAGAIN;
    return -1;
  }
  static ssize_t read(int descriptor, void* to, std::size_t size, off_t offset) {
    if (reads_left()-- > 0) return ::pread(descriptor, to, size, offset);
    errno = EIO;
    return -1;
  }
  const io::FileCalls saved = io::file_calls();
};

TEST(Storing, GoesOnWhenTheInputIsThereAgain) {
  const io::test::TempFolder folder;
  const std::string input = folder / "i.nc";
  const std::string output = folder / "o.nc";
  testing::run_cluster(1, testing::threads(1), [&](Session& session) {
    session.store({{"a", arange(300, 4).rename({"x"})}}, input);
    const Array x = open(input + ":/a") + 1;
    try {
      const LostDisk lost;
      session.store({{"b", x}}, output);
      FAIL() << "it was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kInput);
      EXPECT_NE(error.message.find("cannot read"), std::string::npos) << error.message;
      EXPECT_NE(error.remedy.find("--resume"), std::string::npos) << error.remedy;
    }
    EXPECT_FALSE(fs::exists(output));
    EXPECT_TRUE(fs::exists(folder / ".o.nc.rankine/job"));
    StoreOptions options;
    options.resume = true;
    session.store({{"b", x}}, output, options);
    const NdArray last = session.compute(open(output + ":/b").slice({Range{299, 300, 1}}));
    EXPECT_EQ(last.item<std::int64_t>(), 300);
  });
}

// Another program could have made other arrays of the same name.
TEST(Settling, LeavesNoJournalOfWhatWasPersisted) {
  const io::test::TempFolder folder;
  const std::string output = folder / "o.nc";
  testing::run_cluster(2, testing::threads(1), [&](Session& session) {
    const Array x = session.persist(arange(300, 4).rename({"x"}) + 1);
    try {
      const BrokenClose broken;
      session.store({{"a", x}}, output);
      FAIL() << "it was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kTaskFailed);
      EXPECT_EQ(error.message, "out of memory");
    }
    EXPECT_TRUE(fs::is_empty(folder.path()));
    session.store({{"a", x}}, output);
    EXPECT_TRUE(fs::exists(output));
  });
}

TEST(Storing, KeepsInputsThatNoResultReads) {
  const io::test::TempFolder folder;
  const std::string file = folder / "o.nc";
  testing::run_cluster(1, testing::threads(1), [&](Session& session) {
    const Array x = arange(30, 4).rename({"x"});
    session.store({{"a", x}}, file);
    StoreOptions options;
    options.overwrite = true;
    options.inputs = {file};
    EXPECT_THROW(session.store({{"a", x}}, file, options), Error);
    options.inputs.clear();
    session.store({{"a", x}}, file, options);
  });
}

}  // namespace
}  // namespace rankine
