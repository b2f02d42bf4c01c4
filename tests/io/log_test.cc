#include "io/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "io/output.h"
#include "runtime/base/stop_signals.h"
#include "tests/io/h5/sample_output.h"
#include "tests/support/small_disk.h"

namespace rankine::io {
namespace {

constexpr std::size_t kHeaderBytes = 48;

using namespace test;

bool earlier(const LogRecord& a, const LogRecord& b) { return a.offset < b.offset; }

std::vector<LogRecord> sorted(std::vector<LogRecord> records) {
  std::sort(records.begin(), records.end(), earlier);
  return records;
}

Contents payload(std::size_t size, std::mt19937_64& random) {
  return random_contents(DType::kUInt8, static_cast<std::int64_t>(size), random);
}

// A log of a few small records, in order.
std::vector<LogRecord> small_log(const std::string& folder) {
  std::mt19937_64 random(8);
  LogWriter log(folder, 0);
  for (std::uint32_t i = 0; i < 6; ++i) log.append(i % 2, i, payload(1 + 13 * i, random));
  log.close();
  return log.records();
}

// Every record found is one that was written: nothing is invented.
void expect_subset(const std::vector<LogRecord>& found, const std::vector<LogRecord>& written) {
  for (const LogRecord& record : found) {
    EXPECT_NE(std::find(written.begin(), written.end(), record), written.end());
  }
}

TEST(Log, GivesBackWhatManyThreadsAppended) {
  TempFolder folder;
  LogWriter log(folder / "logs", 3);
  std::vector<std::thread> threads;
  std::vector<std::vector<std::pair<std::int64_t, Contents>>> written(4);
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(t);
      for (std::int64_t i = 0; i < 200; ++i) {
        const bool large = random() % 20 == 0;
        const Contents bytes = payload(1 + random() % (large ? 300'000 : 2'000), random);
        log.append(static_cast<std::uint32_t>(t), i, bytes);
        written[t].emplace_back(i, bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.sync();
  log.close();
  const LogScan scan = scan_log(log.path());
  EXPECT_EQ(scan.records, sorted(log.records()));
  EXPECT_EQ(scan.records.size(), 800u);
  EXPECT_FALSE(scan.torn);
  EXPECT_TRUE(scan.damaged.empty());
  const Contents file = read_file(log_path(folder / "logs", 3));
  for (const LogRecord& record : scan.records) {
    const auto& [chunk, bytes] = written[record.variable][std::size_t(record.chunk)];
    ASSERT_EQ(chunk, record.chunk);
    ASSERT_EQ(bytes.size(), record.size);
    ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), file.begin() + long(record.offset)));
  }
}

TEST(Log, CutAtAnyByteKeepsEveryRecordBeforeTheCut) {
  TempFolder folder;
  const std::vector<LogRecord> written = small_log(folder / "logs");
  const Contents whole = read_file(folder / "logs/log.0");
  const std::string cut_path = folder / "cut";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    write_file(cut_path, std::span(whole).first(length));
    const LogScan scan = scan_log(cut_path);
    const auto kept = static_cast<std::size_t>(
        std::count_if(written.begin(), written.end(),
                      [&](const LogRecord& r) { return r.offset + r.size <= length; }));
    ASSERT_EQ(scan.records, std::vector(written.begin(), written.begin() + long(kept))) << length;
    ASSERT_TRUE(scan.damaged.empty()) << length << scan.damaged[0];
    ASSERT_LE(scan.end, length);
    ASSERT_EQ(scan.torn, scan.end < length);
    const std::uint64_t end = kept == 0 ? 0 : written[kept - 1].offset + written[kept - 1].size;
    ASSERT_GE(scan.end, end);
    ASSERT_LT(scan.end, end + 8);
  }
}

TEST(Log, ReportsEveryDamagedByteThatMatters) {
  TempFolder folder;
  const std::vector<LogRecord> written = small_log(folder / "logs");
  const Contents whole = read_file(folder / "logs/log.0");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Contents damaged = whole;
    damaged[at] ^= std::byte{0x10};
    write_file(folder / "damaged", damaged);
    const LogScan scan = scan_log(folder / "damaged");
    expect_subset(scan.records, written);
    const bool in_record = std::any_of(written.begin(), written.end(), [&](const LogRecord& r) {
      return at + kHeaderBytes >= r.offset && at < r.offset + r.size;
    });
    ASSERT_EQ(scan.records.size(), written.size() - (in_record ? 1 : 0)) << at;
    const bool last = at + kHeaderBytes >= written.back().offset;
    ASSERT_TRUE(!in_record || !scan.damaged.empty() || (last && scan.torn)) << at;
  }
}

TEST(Log, SkipsAHoleThatAKilledThreadLeft) {
  TempFolder folder;
  std::vector<LogRecord> written = small_log(folder / "logs");
  Contents whole = read_file(folder / "logs/log.0");
  const LogRecord lost = written[2];
  std::fill_n(whole.begin() + long(lost.offset - kHeaderBytes), kHeaderBytes + lost.size,
              std::byte{0});
  write_file(folder / "hole", whole);
  written.erase(written.begin() + 2);
  const LogScan scan = scan_log(folder / "hole");
  EXPECT_EQ(scan.records, written);
  EXPECT_FALSE(scan.torn);
  EXPECT_TRUE(scan.damaged.empty());
}

TEST(Log, TakesNoRecordFromInsideAPayload) {
  TempFolder folder;
  small_log(folder / "inner");
  const Contents inner = read_file(folder / "inner/log.0");
  {
    LogWriter log(folder / "outer", 0);
    log.append(9, 9, inner);
    log.close();
  }
  Contents outer = read_file(folder / "outer/log.0");
  outer[0] ^= std::byte{1};  // the header is lost, the payload looks like a log
  write_file(folder / "outer/log.0", outer);
  const LogScan scan = scan_log(folder / "outer/log.0");
  EXPECT_TRUE(scan.records.empty());
  EXPECT_TRUE(scan.torn);
}

TEST(Log, FindsARecordBehindALongGap) {
  TempFolder folder;
  std::mt19937_64 random(2);
  LogWriter log(folder / "logs", 0);
  log.append(0, 0, payload(5'000'000, random));
  log.append(0, 1, payload(77, random));
  log.close();
  Contents whole = read_file(log.path());
  whole[3] ^= std::byte{1};
  write_file(folder / "gap", whole);
  const LogScan scan = scan_log(folder / "gap");
  ASSERT_EQ(scan.records.size(), 1u);
  EXPECT_EQ(scan.records[0], log.records()[1]);
  EXPECT_EQ(scan.damaged.size(), 1u);
}

TEST(Log, IsPrivateAndNeverReplacesOrFollowsWhatIsThere) {
  TempFolder folder;
  small_log(folder / "logs");
  struct stat status {};
  ASSERT_EQ(::stat((folder / "logs").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat((folder / "logs/log.0").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_THROW(LogWriter(folder / "logs", 0), Error);
  write_file(folder / "victim", Contents(3));
  std::filesystem::create_symlink(folder / "victim", folder / "logs/log.1");
  EXPECT_THROW(LogWriter(folder / "logs", 1), Error);
  EXPECT_EQ(read_file(folder / "victim").size(), 3u);
  std::filesystem::create_directory_symlink(folder / "logs", folder / "alias");
  EXPECT_THROW(LogWriter(folder / "alias", 2), Error);
  EXPECT_THROW(scan_log(folder / "no such log"), Error);
}

TEST(Log, RefusesAnEmptyPayload) {
  TempFolder folder;
  LogWriter log(folder / "logs", 0);
  EXPECT_THROW(log.append(0, 0, {}), Error);
}

TEST(Log, SurvivesShortWritesAndReportsRealErrors) {
  TempFolder folder;
  std::mt19937_64 random(4);
  const FileCalls real = file_calls();
  file_calls().pwrite = [](int fd, const void* data, std::size_t size, off_t at) {
    return ::pwrite(fd, data, std::min<std::size_t>(size, 7), at);
  };
  LogWriter log(folder / "logs", 0);
  log.append(0, 0, payload(1000, random));
  file_calls().pwrite = [](int, const void*, std::size_t, off_t) -> ssize_t {
    errno = EDQUOT;
    return -1;
  };
  try {
    log.append(0, 1, payload(10, random));
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kStopped);
    EXPECT_EQ(error.message, "cannot write: Disk quota exceeded");
    EXPECT_EQ(error.where, log.path());
    EXPECT_NE(error.remedy.find("free space"), std::string::npos);
  }
  file_calls() = real;
  log.append(0, 2, payload(10, random));
  log.close();
  const LogScan scan = scan_log(log.path());
  EXPECT_EQ(scan.records, log.records());
  EXPECT_EQ(scan.records.size(), 2u);
}

TEST(Log, KeepsStatesApartFromChunks) {
  TempFolder folder;
  std::mt19937_64 random(8);
  LogWriter log(folder / "logs", 4);
  LogRecord state;
  state.graph = 77;
  state.variable = 2;
  state.filter_mask = 1;
  state.chunk = 5;
  log.append(2, 5, payload(100, random));
  log.append_state(state, payload(300, random));
  log.close();
  const LogScan scan = scan_log(log.path());
  ASSERT_EQ(scan.records.size(), 2u);
  EXPECT_FALSE(scan.records[0].is_state());
  EXPECT_TRUE(scan.records[1].is_state());
  EXPECT_EQ(scan.records[1].graph, 77u);
  EXPECT_EQ(scan.records[1].filter_mask, 1u);
  EXPECT_EQ(scan.records, log.records());
}

LogRecord state_of(std::int64_t chunk) {
  LogRecord state;
  state.graph = 77;
  state.chunk = chunk;
  return state;
}

std::int64_t bytes_on_disk(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return std::int64_t{status.st_blocks} * 512;
}

TEST(Log, GivesBackTheSpaceOfStatesThatAreNeededNoMore) {
  TempFolder folder;
  std::mt19937_64 random(11);
  LogWriter log(folder / "logs", 0, {0.5, std::uint64_t{1} << 40});  // several looks to a sync
  log.append(0, 0, payload(1000, random));
  const auto first = log.append_state(state_of(0), payload(1 << 20, random));
  const auto second = log.append_state(state_of(1), payload(1 << 20, random));
  const auto both = log.append_state(state_of(2), payload(1 << 20, random));
  ASSERT_TRUE(first && second && both);
  log.supersede(*first);
  log.supersede(*second);
  for (int looks = 0; bytes_on_disk(log.path()) > (3 << 19) && looks < 2000; ++looks) {
    log.append(0, looks + 1, payload(10, random));  // else there is nothing to sync
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  log.close();
  EXPECT_LE(bytes_on_disk(log.path()), 3 << 19);
  const LogScan scan = scan_log(log.path());
  EXPECT_TRUE(scan.damaged.empty());
  EXPECT_FALSE(scan.torn);
  std::vector<std::int64_t> states;
  for (const LogRecord& record : scan.records) {
    if (record.is_state()) states.push_back(record.chunk);
  }
  EXPECT_EQ(states, std::vector<std::int64_t>{2});
}

TEST(Log, KeepsOthersOutOfItsFolder) {
  TempFolder folder;
  const std::string logs = folder / "logs";
  ASSERT_EQ(::mkdir(logs.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(logs.c_str(), 0777), 0);
  make_private_folder(logs);
  struct stat status {};
  ASSERT_EQ(::stat(logs.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::symlink(logs.c_str(), (folder / "link").c_str()), 0);
  EXPECT_THROW(make_private_folder(folder / "link"), Error);
}

std::atomic<int> g_syncs{0};

void wait_for_syncs(int count) {
  for (int looks = 0; g_syncs < count && looks < 2000; ++looks) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_GE(g_syncs, count);
}

TEST(Log, IsSyncedFromTimeToTimeAndAtASignal) {
  TempFolder folder;
  std::mt19937_64 random(9);
  const FileCalls real = file_calls();
  file_calls().fdatasync = [](int descriptor) {
    ++g_syncs;
    return ::fdatasync(descriptor);
  };
  g_syncs = 0;
  {
    LogWriter log(folder / "logs", 0, {1e9, 1000});
    log.append(0, 0, payload(2000, random));
    wait_for_syncs(1);
    log.close();
  }
  {
    LogWriter log(folder / "logs", 1, {0.01, std::uint64_t{1} << 40});
    log.append(0, 0, payload(10, random));
    wait_for_syncs(2);
    log.close();
  }
  {
    const StopSignals signals;
    LogWriter log(folder / "logs", 2, {1e9, std::uint64_t{1} << 40});
    log.append(0, 0, payload(10, random));
    ::raise(SIGTERM);
    wait_for_syncs(3);
    log.close();
  }
  const StopSignals none_came;
  EXPECT_EQ(g_syncs, 3);
  file_calls() = real;
}

TEST(Log, ReportsASyncThatFailed) {
  TempFolder folder;
  std::mt19937_64 random(10);
  const FileCalls real = file_calls();
  g_syncs = 0;
  file_calls().fdatasync = [](int) {
    ++g_syncs;
    errno = EIO;
    return -1;
  };
  LogWriter log(folder / "logs", 0, {0.01, 1});
  log.append(0, 0, payload(10, random));
  wait_for_syncs(1);
  const auto refused = [&] {
    try {
      log.append(0, 1, payload(10, random));
      return false;
    } catch (const Error& error) {
      return error.exit_code == ExitCode::kStopped;
    }
  };
  for (int tries = 0; !refused() && tries < 2000; ++tries) {  // the sync has to come to its end
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(refused());
  EXPECT_THROW(log.close(), Error);
  file_calls() = real;
}

TEST(Log, GivesTheRoomOfStatesToChunksWhenTheDiskIsFull) {
  TempFolder folder;
  const testing::SmallDisk small(folder.path(), "1m");
  if (!small.missing().empty()) GTEST_SKIP() << small.missing();
  std::mt19937_64 random(12);
  LogWriter log(folder / "logs", 0);
  int states = 0;
  while (states < 100 && log.append_state(state_of(states), payload(50'000, random))) ++states;
  EXPECT_GT(states, 10);
  EXPECT_LT(states, 100);
  EXPECT_FALSE(log.append_state(state_of(states), payload(10, random)));
  for (std::int64_t i = 0; i < 10; ++i) log.append(0, i, payload(50'000, random));
  log.close();
  const LogScan scan = scan_log(log.path());
  EXPECT_EQ(scan.records, log.records());
  EXPECT_EQ(scan.records.size(), 10u);
  EXPECT_TRUE(scan.damaged.empty());
}

TEST(Log, StaysReadableWhenTheDiskIsFull) {
  TempFolder folder;
  const testing::SmallDisk small(folder.path(), "1m");
  if (!small.missing().empty()) GTEST_SKIP() << small.missing();
  std::mt19937_64 random(6);
  LogWriter log(folder / "logs", 0);
  std::string message;
  for (std::int64_t i = 0; i < 100 && message.empty(); ++i) {
    try {
      log.append(0, i, payload(50'000, random));
    } catch (const Error& error) {
      message = error.message;
    }
  }
  EXPECT_EQ(message, "cannot write: No space left on device");
  log.close();
  const LogScan scan = scan_log(log.path());
  EXPECT_EQ(scan.records, log.records());
  EXPECT_GT(scan.records.size(), 10u);
}

}  // namespace
}  // namespace rankine::io
