// Chunks without filters go straight to their places in the output; by way of the log, which is the
// oracle, they must give the same file, also if a run of the one kind goes on with what one of the
// other left.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "io/journal.h"
#include "io/posix_file.h"
#include "runtime/base/stop_signals.h"
#include "tests/io/h5/sample_output.h"
#include "tests/support/blocks.h"
#include "tests/support/cluster.h"

namespace rankine {
namespace {

namespace fs = std::filesystem;

constexpr int kChunks = 40;
std::atomic<int> g_calls{0};
std::atomic<int> g_stop_at{0};  // of the calls; 0: never

void slow_copy(Block<const double> x, Block<double> y) {
  if (++g_calls == g_stop_at) ::raise(SIGTERM);
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  for (std::int64_t i = 0; i < y.full_size(); ++i) y[i] = x[i];
}

NamedArrays some_arrays() {
  const ChunkGrid grid = ChunkGrid::regular({kChunks, 600}, {1, 600});
  const Array x = map_blocks(slow_copy, testing::counting(grid.shape(), grid, DType::kFloat64))
                      .rename({"time", "x"});
  return {{"x", x}, {"edges", (x + 1).rechunk({{"time", 7}, {"x", 100}})}};
}

StoreOptions plain() {
  StoreOptions options;
  options.codec = "none";
  options.history = false;
  return options;
}

RunSettings settings_of(int threads, bool straight) {
  RunSettings settings = testing::threads(threads);
  settings.straight = straight;
  return settings;
}

class Straight : public ::testing::Test {
 protected:
  void SetUp() override {
    const StopSignals none_came;
    testing::run_cluster(1, settings_of(1, false), [&](Session& session) {
      session.store(some_arrays(), folder / "log.nc", plain());
    });
    oracle = io::test::read_file(folder / "log.nc");
  }
  // Until a signal, at one of the calls; true if it left a journal.
  bool stop(int ranks, bool straight, const StoreOptions& options, int calls = kChunks / 2) {
    g_calls = 0;
    g_stop_at = calls;
    const StopSignals signals;
    testing::run_cluster(ranks, settings_of(2, straight), [&](Session& session) {
      EXPECT_THROW(session.store(some_arrays(), output, options), Error);
    });
    g_stop_at = 0;
    g_calls = 0;
    EXPECT_FALSE(fs::exists(output));
    return fs::exists(folder / ".o.nc.rankine/job");
  }
  void go_on(int ranks, bool straight) {
    const StopSignals none_came;
    StoreOptions options = plain();
    options.resume = true;
    testing::run_cluster(ranks, settings_of(2, straight),
                         [&](Session& session) { session.store(some_arrays(), output, options); });
    EXPECT_EQ(io::test::read_file(output), oracle);
    EXPECT_FALSE(fs::exists(part));
    EXPECT_FALSE(fs::exists(folder / ".o.nc.rankine"));
    fs::remove(output);
  }
  // Finished chunks, by whether they are at their places.
  std::array<int, 2> finished() const {
    std::array<int, 2> count{};
    for (const int number : io::log_numbers(folder / ".o.nc.rankine")) {
      for (const io::LogRecord& record :
           io::scan_log(io::log_path(folder / ".o.nc.rankine", number)).records) {
        if (!record.is_state()) ++count[record.placed ? 1 : 0];
      }
    }
    return count;
  }

  const io::test::TempFolder folder;
  const std::string output = folder / "o.nc";
  const std::string part = output + ".part";
  io::test::Contents oracle;
};

TEST_F(Straight, GivesTheSameFileOnAnyRanksAndThreads) {
  for (const int ranks : {1, 2, 3}) {
    for (const int threads : {1, 2}) {
      for (const bool straight : {true, false}) {
        testing::run_cluster(ranks, settings_of(threads, straight), [&](Session& session) {
          session.store(some_arrays(), output, plain());
        });
        EXPECT_EQ(io::test::read_file(output), oracle) << ranks << " " << threads;
        fs::remove(output);
      }
    }
  }
}

TEST_F(Straight, IsGoneOnWithByEitherWayOnAnyRanks) {
  for (const int ranks : {1, 3}) {
    for (const bool first : {true, false}) {
      for (const bool then : {true, false}) {
        SCOPED_TRACE(std::to_string(ranks) + (first ? " straight" : " log") +
                     (then ? " straight" : " log"));
        ASSERT_TRUE(stop(ranks, first, plain()));
        EXPECT_TRUE(fs::exists(part));
        EXPECT_GT(finished()[first ? 1 : 0], 0);
        EXPECT_EQ(finished()[first ? 0 : 1], 0);
        go_on(4 - ranks, then);
        EXPECT_LT(g_calls, kChunks) << "all was made again";
      }
    }
  }
}

TEST_F(Straight, GoesOnWithoutWhatThePartFileLost) {
  ASSERT_TRUE(stop(2, true, plain()));
  const auto left = io::test::read_file(part);
  for (const int what : {0, 1, 2}) {
    if (what > 0) {
      ASSERT_TRUE(stop(2, true, plain()));
    }
    if (what == 0) fs::remove(part);
    if (what == 1) fs::resize_file(part, fs::file_size(part) / 3);
    if (what == 2) io::test::write_file(part, io::test::Contents(left.size(), std::byte{1}));
    go_on(2, true);
    if (what != 1) {
      EXPECT_EQ(g_calls, kChunks);
    }
  }
}

TEST_F(Straight, LeavesNothingThatBelongsToOtherOutputs) {
  ASSERT_TRUE(stop(1, true, plain()));
  // The same arrays in another form have no place in that file.
  StoreOptions other = plain();
  other.codec = "deflate-1";
  testing::run_cluster(1, settings_of(1, true), [&](Session& session) {
    StoreOptions resuming = other;
    resuming.resume = true;
    EXPECT_THROW(session.store(some_arrays(), output, resuming), Error);
    EXPECT_TRUE(fs::exists(part)) << "the journal of the other job is of no use any more";
    const StopSignals none_came;
    session.store(some_arrays(), output, other);
  });
  EXPECT_FALSE(fs::exists(part));
  fs::remove(output);
  ASSERT_TRUE(stop(1, true, other));
  EXPECT_FALSE(fs::exists(part));
}

int fail_to_sync_parts(int descriptor) {
  std::error_code problem;
  const fs::path file = fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor), problem);
  if (file.extension() != ".part") return ::fdatasync(descriptor);
  errno = EIO;
  return -1;
}

// Not even those of an earlier run: the pages of the whole file may be lost.
TEST_F(Straight, CountsNothingThatCouldNotBeSynced) {
  ASSERT_TRUE(stop(2, true, plain()));
  StoreOptions options = plain();
  options.resume = true;
  io::file_calls().fdatasync = fail_to_sync_parts;
  EXPECT_TRUE(stop(2, true, options, 5));
  io::file_calls().fdatasync = ::fdatasync;
  EXPECT_FALSE(fs::exists(part));
  go_on(2, true);
  EXPECT_EQ(g_calls, kChunks);
}

TEST_F(Straight, LeavesNothingOfWhatWasPersisted) {
  g_calls = 0;
  testing::run_cluster(2, settings_of(1, true), [&](Session& session) {
    const Array x = session.persist(some_arrays()[0].second);
    session.store({{"x", x}, {"edges", (x + 1).rechunk({{"time", 7}, {"x", 100}})}}, output,
                  plain());
  });
  EXPECT_EQ(io::test::read_file(output).size(), oracle.size());
  EXPECT_FALSE(fs::exists(part));
}

}  // namespace
}  // namespace rankine
