#include "io/journal.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/io/h5/sample_output.h"

namespace rankine::io {
namespace {

using namespace test;

JobHeader sample_header() {
  JobHeader header;
  header.program = "rankine 1";
  header.libraries = {{"libdeflate", "1.14"}, {"zstd", "1.5.4"}};
  header.plan_hash = 7;
  header.inputs = {{"a.nc", 100, 5}, {"b.nc", 200, 6}};
  header.variables = {{"t", 4}, {"p", 2}};
  header.history = "Thu Nov 26 10:00:00 2026: rankine eval 'x = t'";
  header.started_s = 1;
  return header;
}

OutputPaths some_paths(const TempFolder& folder) { return output_paths(folder / "out.nc"); }

std::string told(const JobHeader& journal, const JobHeader& mine, const OutputPaths& paths) {
  try {
    check_same_job(journal, mine, paths);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::kUsage);
    EXPECT_NE(error.remedy.find("without --resume"), std::string::npos);
    return error.message;
  }
  return "same";
}

TEST(Journal, HeaderComesBackAndIsPrivate) {
  TempFolder folder;
  const OutputPaths paths = some_paths(folder);
  EXPECT_FALSE(read_job(paths.log_folder));
  make_private_folder(paths.log_folder);
  EXPECT_FALSE(read_job(paths.log_folder));
  const JobHeader header = sample_header();
  write_job(paths.log_folder, header);
  const auto back = read_job(paths.log_folder);
  ASSERT_TRUE(back);
  EXPECT_EQ(told(*back, header, paths), "same");
  EXPECT_EQ(back->history, header.history);
  EXPECT_EQ(back->started_s, header.started_s);
  const auto mode = std::filesystem::status(paths.log_folder + "/job").permissions();
  EXPECT_EQ(mode, std::filesystem::perms(0600));
}

TEST(Journal, DamageAnywhereInTheHeaderIsAnError) {
  TempFolder folder;
  const OutputPaths paths = some_paths(folder);
  make_private_folder(paths.log_folder);
  write_job(paths.log_folder, sample_header());
  const std::string path = paths.log_folder + "/job";
  const Contents whole = read_file(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Contents damaged = whole;
    damaged[at] ^= std::byte{0x20};
    write_file(path, damaged);
    EXPECT_THROW(read_job(paths.log_folder), Error) << at;
    write_file(path, std::span(whole).first(at));
    EXPECT_THROW(read_job(paths.log_folder), Error) << at;
  }
}

TEST(Journal, BelongsToOneJobAlone) {
  TempFolder folder;
  const OutputPaths paths = some_paths(folder);
  const JobHeader journal = sample_header();
  JobHeader mine = journal;
  mine.history = "another day";
  mine.started_s = 2;
  EXPECT_EQ(told(journal, mine, paths), "same");
  mine.program = "rankine 2";
  EXPECT_EQ(told(journal, mine, paths),
            "the journal of this output was written by rankine 1, this is rankine 2");
  mine = journal;
  mine.libraries[1].second = "1.5.5";
  EXPECT_NE(told(journal, mine, paths).find("another version of zstd"), std::string::npos);
  mine = journal;
  mine.inputs[1].mtime_ns = 7;
  EXPECT_NE(told(journal, mine, paths).find("b.nc changed"), std::string::npos);
  mine.inputs[1] = journal.inputs[1];
  mine.inputs[0].size = 99;
  EXPECT_NE(told(journal, mine, paths).find("a.nc changed"), std::string::npos);
  mine.inputs[0].path = "c.nc";
  EXPECT_NE(told(journal, mine, paths).find("c.nc was no input"), std::string::npos);
  mine = journal;
  mine.inputs.pop_back();
  EXPECT_NE(told(journal, mine, paths).find("another expression"), std::string::npos);
  mine = journal;
  mine.plan_hash = 8;
  EXPECT_NE(told(journal, mine, paths).find("another expression"), std::string::npos);
  mine = journal;
  mine.variables[0].chunks = 5;
  EXPECT_NE(told(journal, mine, paths).find("another expression"), std::string::npos);
}

TEST(Journal, CountsEveryFinishedChunkOnce) {
  TempFolder folder;
  const OutputPaths paths = some_paths(folder);
  make_private_folder(paths.log_folder);
  const Contents bytes(10);
  LogRecord state;
  state.graph = 3;
  for (const int number : {2, 10, 0}) {
    LogWriter log(paths.log_folder, number);
    log.append(0, number == 10 ? 3 : 1, bytes);
    log.append(1, 0, bytes);
    log.append_state(state, bytes);
    log.close();
  }
  write_file(paths.log_folder + "/log.x", Contents(3));
  write_file(paths.log_folder + "/log.-1", Contents(3));
  EXPECT_EQ(log_numbers(paths.log_folder), (std::vector<int>{0, 2, 10}));
  EXPECT_EQ(finished_chunks(paths, sample_header()), (std::vector<std::int64_t>{2, 1}));
  JobHeader boasting = sample_header();
  boasting.variables[0].chunks = INT64_MAX;
  boasting.variables[1].chunks = -1;
  EXPECT_EQ(finished_chunks(paths, boasting), (std::vector<std::int64_t>{2, 0}));
}

// A header of 1 TiB, all of it a hole: no memory is taken for it.
TEST(Journal, AHeaderOfAbsurdLengthIsAnError) {
  TempFolder folder;
  const OutputPaths paths = some_paths(folder);
  make_private_folder(paths.log_folder);
  write_job(paths.log_folder, sample_header());
  std::filesystem::resize_file(paths.log_folder + "/job", std::uintmax_t{1} << 40);
  EXPECT_THROW(read_job(paths.log_folder), Error);
}

}  // namespace
}  // namespace rankine::io
