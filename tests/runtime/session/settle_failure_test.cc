// What goes wrong on one rank while the logs become a file: told by rank 0, and the ranks go on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <new>

#include "io/log.h"
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

// The quota of a user, after some chunks.
struct FullQuota {
  FullQuota() {
    writes_left() = 20;
    io::file_calls().pwrite = write;
  }
  ~FullQuota() { io::file_calls() = saved; }
  static std::atomic<int>& writes_left() {
    static std::atomic<int> left;
    return left;
  }
  static ssize_t write(int descriptor, const void* from, std::size_t size, off_t offset) {
    if (writes_left()-- > 0) return ::pwrite(descriptor, from, size, offset);
    errno = EDQUOT;
    return -1;
  }
  const io::FileCalls saved = io::file_calls();
};

TEST(Storing, GoesOnWhenTheQuotaIsLarger) {
  const io::test::TempFolder folder;
  const std::string output = folder / "o.nc";
  testing::run_cluster(2, testing::threads(1), [&](Session& session) {
    const Array x = arange(300, 4).rename({"x"});
    try {
      const FullQuota full;
      session.store({{"a", x}}, output);
      FAIL() << "it was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kStopped);
      EXPECT_NE(error.message.find("quota"), std::string::npos) << error.message;
      EXPECT_NE(error.remedy.find("--resume"), std::string::npos) << error.remedy;
    }
    EXPECT_FALSE(fs::exists(output));
    StoreOptions options;
    options.resume = true;
    session.store({{"a", x}}, output, options);
    session.store({{"a", x}}, folder / "whole.nc");
    const Array apart = open(output + ":/a") - open(folder / "whole.nc:/a");
    EXPECT_EQ(session.compute(apart.min()).item<std::int64_t>(), 0);
    EXPECT_EQ(session.compute(apart.max()).item<std::int64_t>(), 0);
  });
}

// Two runs that made one chunk differently: neither is believed.
TEST(Storing, RefusesAJournalThatSaysTwoThings) {
  const io::test::TempFolder folder;
  const std::string output = folder / "o.nc";
  const std::string logs = folder / ".o.nc.rankine";
  testing::run_cluster(1, testing::threads(1), [&](Session& session) {
    const Array x = arange(300, 4).rename({"x"});
    {
      const FullQuota full;
      EXPECT_THROW(session.store({{"a", x}}, output), Error);
    }
    std::vector<io::LogRecord> records = io::scan_log(io::log_path(logs, 0)).records;
    ASSERT_FALSE(records.empty());
    io::LogWriter second(logs, 7);
    second.append(0, records[0].chunk, std::vector<std::byte>(records[0].size, std::byte{1}));
    second.close();
    StoreOptions options;
    options.resume = true;
    try {
      session.store({{"a", x}}, output, options);
      FAIL() << "it was stored";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kInput);
      EXPECT_NE(error.message.find("twice, with other bytes"), std::string::npos) << error.message;
    }
    EXPECT_FALSE(fs::exists(output));
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
