#include "io/shards.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/journal.h"
#include "io/log.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::io {
namespace {

using namespace test;
namespace fs = std::filesystem;

JobHeader header_of(const Shard& shard, bool finished, std::uint64_t plan_hash = 7) {
  JobHeader header;
  header.program = "rankine 1";
  header.plan_hash = plan_hash;
  header.variables = {{"t", 4}};
  header.history = "shard " + std::to_string(shard.number);
  header.shard = shard;
  header.shard_finished = finished;
  return header;
}

// A shard's journal with `logs` logs of one record each.
void make_shard(const OutputPaths& output, const Shard& shard, bool finished, int logs,
                std::uint64_t plan_hash = 7) {
  const OutputPaths paths = shard_paths(output, shard);
  make_private_folder(paths.log_folder);
  for (int i = 0; i < logs; ++i) {
    LogWriter log(paths.log_folder, i);
    const std::vector<std::byte> payload(8, static_cast<std::byte>(10 * shard.number + i));
    log.append(0, i, payload);
    log.close();
  }
  write_job(paths.log_folder, header_of(shard, finished, plan_hash));
}

std::string told(FunctionRef<void()> act) {
  try {
    act();
  } catch (const Error& error) {
    return error.message;
  }
  return "nothing";
}

TEST(Shards, AreNamedByNumberAndCount) {
  EXPECT_EQ(parse_shard("3/8"), (Shard{3, 8}));
  EXPECT_EQ(parse_shard("1/1"), (Shard{1, 1}));
  EXPECT_EQ(parse_shard("10000/10000"), (Shard{10000, 10000}));
  for (const char* text : {"", "/", "3", "3/", "/8", "0/8", "9/8", "-1/8", "+1/8", "03/8", "3/08",
                           "3 /8", "3/8/1", "1/10001", "1/99999999999999999999", "a/b"}) {
    EXPECT_THROW(parse_shard(text), Error) << text;
  }
  EXPECT_EQ(text_of({3, 8}), "shard 3 of 8");
  EXPECT_EQ(shard_paths(output_paths("out.nc"), {3, 8}).log_folder, ".out.nc.shard-3-of-8.rankine");
}

TEST(Shards, AreFoundByTheirNamesAlone) {
  TempFolder folder;
  const OutputPaths output = output_paths(folder / "out.nc");
  for (const Shard shard : {Shard{2, 2}, Shard{1, 12}, Shard{1, 2}}) {
    make_shard(output, shard, true, 1);
  }
  for (const char* name :
       {".out.nc.shard-1-of-2.rankin", ".out.nc.shard-0-of-2.rankine", ".out.nc.rankine",
        ".out.nc.shard-3-of-2.rankine", ".out.nc.shard-1-of-.rankine", ".out.nc.shard-.rankine",
        ".other.nc.shard-1-of-2.rankine", ".out.nc.shard-1-of-2-of-2.rankine"}) {
    fs::create_directory(folder / name);
  }
  std::vector<Shard> found;
  for (const FoundShard& one : find_shards(output)) found.push_back(one.shard);
  EXPECT_EQ(found, (std::vector<Shard>{{1, 2}, {2, 2}, {1, 12}}));
}

TEST(Shards, AreTakenOverWithAllTheirLogs) {
  TempFolder folder;
  const OutputPaths output = output_paths(folder / "out.nc");
  for (int i = 1; i <= 3; ++i) make_shard(output, {i, 3}, true, i);
  const auto header = finished_shards(output);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->shard, (Shard{0, 3}));
  EXPECT_EQ(header->history, "shard 1");
  const OutputClaim claim(output, true);
  take_over_shards(output, *header);
  EXPECT_TRUE(find_shards(output).empty());
  EXPECT_EQ(log_numbers(output.log_folder), (std::vector<int>{0, 1, 2, 3, 4, 5}));
  std::vector<std::uint64_t> checksums;
  for (const int number : log_numbers(output.log_folder)) {
    const LogScan scan = scan_log(log_path(output.log_folder, number));
    ASSERT_EQ(scan.records.size(), 1u);
    checksums.push_back(scan.records[0].checksum);
  }
  std::ranges::sort(checksums);
  EXPECT_EQ(std::ranges::unique(checksums).begin(), checksums.end());
}

// Ended after any shard, it goes on with the others.
TEST(Shards, AreTakenOverInSeveralTries) {
  for (int gone = 0; gone <= 3; ++gone) {
    TempFolder folder;
    const OutputPaths output = output_paths(folder / "out.nc");
    for (int i = 1; i <= 3; ++i) make_shard(output, {i, 3}, true, 1);
    const auto header = finished_shards(output);
    {
      const OutputClaim claim(output, true);
      write_job(output.log_folder, *header);
      for (int i = 1; i <= gone; ++i) {
        const OutputPaths paths = shard_paths(output, {i, 3});
        fs::rename(log_path(paths.log_folder, 0), log_path(output.log_folder, i - 1));
        if (i < gone || gone == 3) fs::remove_all(paths.log_folder);
        if (i == gone && gone == 2) fs::remove(paths.log_folder + "/job");  // in its removal
      }
    }
    const OutputClaim claim(output, true);
    const auto again = finished_shards(output);
    ASSERT_TRUE(again);
    take_over_shards(output, *again);
    EXPECT_TRUE(find_shards(output).empty());
    EXPECT_EQ(log_numbers(output.log_folder), (std::vector<int>{0, 1, 2})) << gone;
  }
}

TEST(Shards, AreRefusedUnlessAllAreFinishedAndOfOneJob) {
  TempFolder folder;
  const OutputPaths output = output_paths(folder / "out.nc");
  EXPECT_FALSE(finished_shards(output));
  make_shard(output, {1, 3}, true, 1);
  make_shard(output, {3, 3}, false, 1);
  EXPECT_EQ(told([&] { finished_shards(output); }), "shards 2 and 3 of 3 are not finished");
  make_shard(output, {2, 3}, true, 1, 8);
  write_job(shard_paths(output, {3, 3}).log_folder, header_of({3, 3}, true));
  const auto header = finished_shards(output);
  ASSERT_TRUE(header);
  const OutputClaim claim(output, true);
  EXPECT_NE(told([&] { take_over_shards(output, *header); }).find("another expression"),
            std::string::npos);
  EXPECT_FALSE(read_job(output.log_folder));  // nothing was touched
  EXPECT_EQ(find_shards(output).size(), 3u);
  make_shard(output, {1, 2}, true, 0);
  EXPECT_EQ(told([&] { finished_shards(output); }), "there are shards of two cuts: of 2 and of 3");
}

TEST(Shards, AreRefusedWhileOneIsAtWork) {
  TempFolder folder;
  const OutputPaths output = output_paths(folder / "out.nc");
  for (int i = 1; i <= 2; ++i) make_shard(output, {i, 2}, true, 1);
  const auto header = finished_shards(output);
  const OutputClaim at_work(shard_paths(output, {2, 2}), true);
  const OutputClaim claim(output, true);
  EXPECT_EQ(told([&] { take_over_shards(output, *header); }), "another run is writing this output");
}

}  // namespace
}  // namespace rankine::io
