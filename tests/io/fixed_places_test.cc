#include "io/fixed_places.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "io/log.h"
#include "io/settle.h"
#include "tests/io/h5/sample_output.h"
#include "tests/support/small_disk.h"

namespace rankine::io {
namespace {

using namespace test;
namespace fs = std::filesystem;

constexpr std::int64_t kChunks = 6;  // of each variable

OutputVariable chunked(const std::string& name, DType dtype, const std::string& codec,
                       bool fletcher32 = false) {
  OutputVariable v = variable(name, dtype, {"x"}, {50}, {10});
  v.shape = {10 * kChunks - 3};
  v.codec = parse_codec(codec);
  v.shuffle = false;
  v.fletcher32 = fletcher32;
  return v;
}

OutputFile file_of(std::vector<OutputVariable> variables) {
  OutputFile file;
  file.dimensions = {{"x", 10 * kChunks - 3, false}};
  file.variables = std::move(variables);
  return file;
}

TEST(FixedPlaces, AreThoseOfTheFirstVariablesWithoutFilters) {
  const auto places = [](std::vector<OutputVariable> variables) {
    return fixed_places(file_of(std::move(variables)));
  };
  const FixedPlaces some =
      places({chunked("a", DType::kInt16, "none"), chunked("b", DType::kFloat64, "none"),
              chunked("c", DType::kInt8, "deflate-1"), chunked("d", DType::kInt8, "none")});
  // The last chunk is as long as the others.
  EXPECT_EQ(some.variables, (std::vector<FixedPlace>{{4096, 20}, {4096 + 120, 80}}));
  EXPECT_EQ(some.end, 4096u + 120 + 480);
  EXPECT_EQ(some.address_of(1, 2), 4096u + 120 + 160);
  EXPECT_EQ(some.address_of(2, 0), std::nullopt);
  EXPECT_TRUE(places({}).empty());
  EXPECT_TRUE(places({chunked("a", DType::kInt8, "none", true)}).empty());
  EXPECT_TRUE(
      places({chunked("a", DType::kInt8, "lz4"), chunked("b", DType::kInt8, "none")}).empty());
  OutputVariable nothing = chunked("n", DType::kInt8, "none");
  nothing.shape = {0};
  EXPECT_EQ(places({nothing, chunked("b", DType::kInt8, "none")}).address_of(1, 1), 4096u + 10);
}

// Two variables with places, one without; two logs, a state in one of them.
class PlacedChunks : public ::testing::Test {
 protected:
  void SetUp() override {
    prepare_part(part, false);
    for (int number = 0; number < 2; ++number) {
      LogWriter log(logs, number, {}, part);
      std::vector<std::thread> threads;
      for (std::uint32_t v = 0; v < 3; ++v) {
        threads.emplace_back([&, v] {
          for (std::int64_t c = number; c < kChunks; c += 2) log.append(v, c, chunk(v, c));
        });
      }
      for (std::thread& thread : threads) thread.join();
      LogRecord state;
      state.graph = 5;
      log.append_state(state, chunk(2, 0));
      log.close();
      written.push_back(log.records());
    }
  }

  static Contents chunk(std::uint32_t v, std::int64_t c) {
    std::mt19937_64 random(v * 100 + std::uint64_t(c));
    return random_contents(DType::kUInt8, v == 0 ? 20 : v == 1 ? 80 : 33, random);
  }
  LogScan scan(int number) const {
    LogScan result = scan_log(log_path(logs, number));
    check_placed(result, part);
    return result;
  }
  // How many records of each variable count, over both logs.
  std::vector<std::size_t> counted() const {
    std::vector<std::size_t> count(3);
    for (int number = 0; number < 2; ++number) {
      const LogScan found = scan(number);
      for (const LogRecord& record : found.records) {
        const auto& all = written[std::size_t(number)];
        EXPECT_NE(std::ranges::find(all, record), all.end());
        if (!record.is_state()) ++count[record.variable];
      }
      EXPECT_EQ(found.damaged.size() + found.records.size(), written[std::size_t(number)].size());
    }
    return count;
  }

  TempFolder folder;
  const std::string logs = folder / "logs";
  const PartPlaces part{folder / "o.nc.part",
                        fixed_places(file_of({chunked("a", DType::kInt16, "none"),
                                              chunked("b", DType::kFloat64, "none"),
                                              chunked("c", DType::kInt8, "deflate-1")}))};
  std::vector<std::vector<LogRecord>> written;  // by log
};

using Counts = std::vector<std::size_t>;

TEST_F(PlacedChunks, LieAtTheirPlacesAndInNoLog) {
  Contents want(kDataStart);
  for (std::uint32_t v = 0; v < 2; ++v) {
    for (std::int64_t c = 0; c < kChunks; ++c) {
      const Contents bytes = chunk(v, c);
      want.insert(want.end(), bytes.begin(), bytes.end());
    }
  }
  EXPECT_EQ(read_file(part.part), want);
  EXPECT_EQ(counted(), (Counts{6, 6, 6}));
  // 10 headers, of which 4 have a payload of 33 bytes.
  EXPECT_EQ(fs::file_size(log_path(logs, 0)), 10u * 48 + 3 * 40 + 33);
  for (const LogRecord& record : written[0]) {
    EXPECT_EQ(record.placed, !record.is_state() && record.variable < 2);
  }
}

TEST_F(PlacedChunks, CountIfThePartFileHasThemAndNotElse) {
  const Contents whole = read_file(part.part);
  for (std::size_t length = 0; length < whole.size(); length += 13) {
    write_file(part.part, std::span(whole).first(length));
    const std::size_t data = length < 4096 ? 0 : length - 4096;
    ASSERT_EQ(counted(),
              (Counts{std::min<std::size_t>(6, data / 20), data < 120 ? 0 : (data - 120) / 80, 6}))
        << length;
  }
  for (std::size_t at = 4090; at < whole.size(); at += 7) {
    Contents flipped = whole;
    flipped[at] ^= std::byte{4};
    write_file(part.part, flipped);
    const std::size_t a = at >= 4096 && at < 4096 + 120 ? 5 : 6;
    ASSERT_EQ(counted(), (Counts{a, at >= 4096 + 120 ? 5u : 6u, 6})) << at;
  }
  write_file(part.part, Contents(whole.size(), std::byte{7}));  // of another run
  EXPECT_EQ(counted(), (Counts{0, 0, 6}));
  fs::remove(part.part);
  EXPECT_EQ(counted(), (Counts{0, 0, 6}));
}

TEST_F(PlacedChunks, CountForTheFileWhosePlacesTheyHave) {
  LogScan found = scan_log(log_path(logs, 0));
  check_placed(found, {part.part, {{{4096, 20}}, 4096 + 120}});
  EXPECT_EQ(std::ranges::count(found.records, 1u, &LogRecord::variable), 0);
  EXPECT_EQ(std::ranges::count(found.records, true, &LogRecord::placed), 3);
  for (const FixedPlace& odd :
       {FixedPlace{4096, 0}, FixedPlace{4096, 21}, FixedPlace{UINT64_MAX, 20},
        FixedPlace{UINT64_MAX - 10, 20}, FixedPlace{4095, 20}}) {
    found = scan_log(log_path(logs, 0));
    check_placed(found, {part.part, {{odd}, 4096}});
    EXPECT_EQ(std::ranges::count(found.records, true, &LogRecord::placed), 0) << odd.address;
  }
}

TEST_F(PlacedChunks, AreTakenOverWithoutWhatElseIsInTheFile) {
  const Contents whole = read_file(part.part);
  Contents settled = whole;
  settled[100] = std::byte{1};  // metadata of a run that was killed while it wrote them
  settled.resize(settled.size() + 5000, std::byte{2});
  write_file(part.part, settled);
  prepare_part(part, true);
  EXPECT_EQ(read_file(part.part), whole);
  prepare_part(part, false);
  EXPECT_TRUE(read_file(part.part).empty());
  prepare_part(part, true);
  EXPECT_TRUE(read_file(part.part).empty());
  prepare_part({part.part, {}}, true);
  EXPECT_FALSE(fs::exists(part.part));
  prepare_part(part, true);
  EXPECT_TRUE(fs::exists(part.part));
}

TEST_F(PlacedChunks, AreNotTakenFromAFileThatHasAnotherName) {
  write_file(folder / "victim", Contents(9000, std::byte{3}));
  for (const bool symbolic : {true, false}) {
    fs::remove(part.part);
    if (symbolic) fs::create_symlink(folder / "victim", part.part);
    if (!symbolic) fs::create_hard_link(folder / "victim", part.part);
    prepare_part(part, true);
    EXPECT_TRUE(read_file(part.part).empty());
    EXPECT_EQ(read_file(folder / "victim"), Contents(9000, std::byte{3}));
  }
}

TEST_F(PlacedChunks, ThatDoNotFitOrLieElsewhereAreRefused) {
  LogWriter log(logs, 7, {}, part);
  EXPECT_THROW(log.append(0, 0, Contents(19)), Error);
  EXPECT_TRUE(log.records().empty());
  OutputFile file = file_of({chunked("a", DType::kInt16, "none")});
  std::vector<LogRecord> records;
  for (std::int64_t c = 0; c < kChunks; ++c) {
    records.push_back({0, 0, c, 0, 4096 + 20 * std::uint64_t(c), 20, 0, true});
  }
  EXPECT_EQ(place_chunks(file, {{records}}).data_end, 4096u + 120);
  records[3].offset += 20;
  EXPECT_THROW(place_chunks(file, {{records}}), Error);
}

std::string g_synced;  // names of files, in order

int sync_of(int descriptor) {
  const fs::path path = fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor));
  g_synced += path.filename().string() + " ";
  return 0;
}

int no_sync(int) {
  errno = EIO;
  return -1;
}

struct OtherCalls {
  const FileCalls real = file_calls();
  ~OtherCalls() { file_calls() = real; }
};

// A record that is on the disk without its chunk would be no harm, but of no use.
TEST_F(PlacedChunks, AreSyncedBeforeTheirRecords) {
  const OtherCalls calls;
  file_calls().fdatasync = sync_of;
  LogWriter log(logs, 7, {}, part);
  log.append(0, 0, chunk(0, 0));
  log.sync();
  EXPECT_EQ(g_synced, "o.nc.part log.7 ");
  log.close();
}

TEST_F(PlacedChunks, CountForTheLimitOfWhatIsNotSynced) {
  const OtherCalls calls;
  file_calls().fdatasync = no_sync;
  LogWriter log(logs, 7, {1e9, 300}, part);
  bool over = false;
  // The helper finds out; nobody who appends is told that all is well after it.
  for (int i = 0; i < 2000 && !over; ++i) {
    try {
      log.append(1, i % kChunks, chunk(1, i % kChunks));
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code, ExitCode::kStopped);
      EXPECT_EQ(error.message, "cannot sync: Input/output error");
      over = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(over);
  // What its pages in memory show may never reach the disk.
  EXPECT_FALSE(fs::exists(part.part));
  EXPECT_THROW(log.close(), Error);
}

TEST_F(PlacedChunks, HaveNoRecordIfTheyCouldNotBeWritten) {
  TempFolder disk;
  const testing::SmallDisk small(disk.path(), "64k");
  if (!small.missing().empty()) GTEST_SKIP() << small.missing();
  const PartPlaces places{disk / "part", {{{4096, 20'000}}, 4096 + 100 * 20'000}};
  prepare_part(places, false);
  LogWriter log(logs, 7, {}, places);
  std::string message;
  for (std::int64_t c = 0; c < 100 && message.empty(); ++c) {
    try {
      log.append(0, c, Contents(20'000, std::byte(c)));
    } catch (const Error& error) {
      message = error.message + " " + std::to_string(static_cast<int>(error.exit_code));
    }
  }
  EXPECT_EQ(message, "cannot write: No space left on device 75");
  log.close();
  LogScan found = scan_log(log.path());
  check_placed(found, places);
  EXPECT_EQ(found.records, log.records());
  EXPECT_EQ(found.records.size(), 3u);
}

}  // namespace
}  // namespace rankine::io
