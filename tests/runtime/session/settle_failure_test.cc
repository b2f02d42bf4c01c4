// What goes wrong on one rank while the logs become a file: told by rank 0, and the ranks go on.
#include <gtest/gtest.h>
#include <unistd.h>

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
