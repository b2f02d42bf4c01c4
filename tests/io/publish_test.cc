#include "io/publish.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

#include "io/journal.h"
#include "io/settle.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::io {
namespace {

using namespace test;
namespace fs = std::filesystem;

// Exit code and message, or 0.
std::string outcome(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.exit_code)) + " " + error.message;
  }
  return "0";
}

std::string check_outcome(const std::string& path, const std::vector<std::string>& inputs = {},
                          bool overwrite = false) {
  return outcome([&] { check_output(path, inputs, overwrite); });
}

Contents text(const std::string& value) {
  return bytes_of(std::vector<std::uint8_t>(value.begin(), value.end()));
}

std::vector<std::string> entries(const TempFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Publish, NamesTheFinishedFileWithTheModeOfAnOrdinaryFile) {
  TempFolder folder;
  const mode_t before = ::umask(027);
  create_part(folder / "a.nc.part");
  ::umask(before);
  publish(folder / "a.nc.part", folder / "a.nc", false);
  struct stat status {};
  ASSERT_EQ(::stat((folder / "a.nc").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_EQ(entries(folder), std::vector<std::string>{"a.nc"});
}

TEST(Publish, NeverReplacesAnOutputWithoutBeingTold) {
  TempFolder folder;
  write_file(folder / "a.nc", text("old"));
  write_file(folder / "a.nc.part", text("new"));
  EXPECT_EQ(outcome([&] { publish(folder / "a.nc.part", folder / "a.nc", false); }),
            "2 the output appeared while it was computed");
  EXPECT_EQ(read_file(folder / "a.nc"), text("old"));
  EXPECT_EQ(read_file(folder / "a.nc.part"), text("new"));
  publish(folder / "a.nc.part", folder / "a.nc", true);
  EXPECT_EQ(read_file(folder / "a.nc"), text("new"));
  EXPECT_EQ(entries(folder), std::vector<std::string>{"a.nc"});
}

// A later run might find data in memory that the disk never got.
TEST(Publish, ReportsAFailedSyncAndLeavesThePartFileOnlyIfItHasItsData) {
  TempFolder folder;
  write_file(folder / "a.nc.part", text("new"));
  const FileCalls real = file_calls();
  file_calls().fsync = [](int) {
    errno = EIO;
    return -1;
  };
  EXPECT_EQ(outcome([&] { publish(folder / "a.nc.part", folder / "a.nc", false); }),
            "5 cannot sync: Input/output error");
  EXPECT_EQ(entries(folder), std::vector<std::string>{"a.nc.part"});
  file_calls().fdatasync = file_calls().fsync;
  EXPECT_EQ(outcome([&] { publish(folder / "a.nc.part", folder / "a.nc", false); }),
            "5 cannot sync: Input/output error");
  file_calls() = real;
  EXPECT_TRUE(entries(folder).empty());
}

TEST(CheckOutput, SaysWhereTheWorkingFilesLie) {
  TempFolder folder;
  const OutputPaths paths = check_output(folder / "out.nc", {}, false);
  EXPECT_EQ(paths.final, folder / "out.nc");
  EXPECT_EQ(paths.part, folder / "out.nc.part");
  EXPECT_EQ(paths.log_folder, folder / ".out.nc.rankine");
  EXPECT_TRUE(entries(folder).empty());
  EXPECT_EQ(output_paths("out.nc").log_folder, ".out.nc.rankine");
}

TEST(CheckOutput, RefusesWhatMustNotBeWritten) {
  TempFolder folder;
  write_file(folder / "old.nc", text("old"));
  write_file(folder / "x.nc.part", text("somebody's"));
  fs::create_directory(folder / "d");
  EXPECT_EQ(check_outcome(folder / "new.nc"), "0");
  EXPECT_EQ(check_outcome(folder / "old.nc"), "2 the output exists");
  EXPECT_EQ(check_outcome(folder / "old.nc", {}, true), "0");
  EXPECT_EQ(check_outcome(folder / "d", {}, true), "2 the output exists and is no regular file");
  EXPECT_EQ(check_outcome(folder / "d/"), "2 the output has no file name");
  EXPECT_EQ(check_outcome(folder / "missing/new.nc"), "3 the folder of the output does not exist");
  EXPECT_EQ(check_outcome(folder / "old.nc/new.nc"), "3 the folder of the output does not exist");
  EXPECT_EQ(check_outcome(folder / "x.nc"), "2 a file is in the way of the output");
  EXPECT_EQ(check_outcome(folder / std::string(250, 'n')), "2 the name of the output is too long");
}

TEST(CheckOutput, FindsTheOutputAmongTheInputsByAnyName) {
  TempFolder folder;
  write_file(folder / "in.nc", text("data"));
  fs::create_directory(folder / "d");
  fs::create_symlink(folder / "in.nc", folder / "soft.nc");
  fs::create_hard_link(folder / "in.nc", folder / "hard.nc");
  const std::string refused = "2 the output is one of the inputs";
  for (const std::string name : {"in.nc", "soft.nc", "hard.nc", "d/../in.nc", "./in.nc"}) {
    EXPECT_EQ(check_outcome(folder / name, {folder / "in.nc"}, true), refused) << name;
    EXPECT_EQ(check_outcome(folder / "in.nc", {folder / name}, true), refused) << name;
  }
  EXPECT_EQ(check_outcome(folder / "out.nc", {folder / "in.nc"}, true), "0");
  write_file(folder / "o.nc.part", text("data"));
  EXPECT_EQ(check_outcome(folder / "o.nc", {folder / "o.nc.part"}, true), refused);
}

TEST(CheckOutput, FollowsALinkToWhereTheFileWillLie) {
  TempFolder folder;
  fs::create_directory(folder / "far");
  fs::create_symlink("far/target.nc", folder / "link.nc");
  EXPECT_EQ(check_output(folder / "link.nc", {}, false).final, folder / "far/target.nc");
  EXPECT_EQ(check_output(folder / "link.nc", {}, false).part, folder / "far/target.nc.part");
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_EQ(check_outcome(folder / "a"), "3 too many symbolic links");
  fs::create_symlink("nowhere/x.nc", folder / "dangling.nc");
  EXPECT_EQ(check_outcome(folder / "dangling.nc"), "3 the folder of the output does not exist");
}

TEST(CheckOutput, SaysThatAFolderMayNotBeWritten) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  TempFolder folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool other = ::setgid(65534) == 0 && ::setuid(65534) == 0;
    const std::string said = check_outcome(folder / "out.nc");
    ::_exit(other && said == "5 cannot write into the folder of the output: Permission denied" ? 0
                                                                                               : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(OutputClaim, KeepsASecondRunOutWhileTheFirstLives) {
  TempFolder folder;
  const OutputPaths paths = check_output(folder / "out.nc", {}, false);
  {
    const OutputClaim first(paths);
    EXPECT_FALSE(first.discarded());
    LogWriter log(paths.log_folder, 0);
    create_part(paths.part);
    EXPECT_EQ(outcome([&] { OutputClaim second(paths); }), "2 another run is writing this output");
    EXPECT_TRUE(fs::exists(paths.part));
    EXPECT_TRUE(fs::exists(log_path(paths.log_folder, 0)));
  }
  const OutputClaim after(check_output(folder / "out.nc", {}, false));  // the first is dead
  EXPECT_TRUE(after.discarded());
  EXPECT_FALSE(fs::exists(paths.part));
  EXPECT_FALSE(fs::exists(log_path(paths.log_folder, 0)));
}

TEST(OutputClaim, KeepsAJournalForWhoGoesOn) {
  TempFolder folder;
  const OutputPaths paths = check_output(folder / "out.nc", {}, false);
  {
    const OutputClaim claim(paths);
    EXPECT_TRUE(is_claimed(paths));
    write_job(paths.log_folder, {});
    LogWriter log(paths.log_folder, 7);
    write_file(paths.log_folder + "/job.new", text("half a header"));
    create_part(paths.part);
  }
  EXPECT_FALSE(is_claimed(paths));
  {
    const OutputClaim claim(paths, true);
    EXPECT_FALSE(claim.discarded());
    EXPECT_EQ(log_numbers(paths.log_folder), std::vector<int>{7});
    EXPECT_TRUE(read_job(paths.log_folder));
    EXPECT_TRUE(fs::exists(paths.part));  // chunks of the job may lie there
    fs::remove(paths.log_folder + "/job");
  }
  const OutputClaim claim(paths, true);  // logs without a header are nobody's
  EXPECT_TRUE(claim.discarded());
  EXPECT_FALSE(fs::exists(paths.part));
  EXPECT_TRUE(log_numbers(paths.log_folder).empty());
  EXPECT_FALSE(read_job(paths.log_folder));
}

TEST(RemoveWorkingFiles, LeavesNothingOfOursBehind) {
  TempFolder folder;
  write_file(folder / "other.nc", text("kept"));
  const OutputPaths paths = check_output(folder / "out.nc", {}, false);
  {
    const OutputClaim claim(paths);
    LogWriter log(paths.log_folder, 5);
    create_part(paths.part);
    EXPECT_TRUE(remove_working_files(paths));
    EXPECT_TRUE(remove_working_files(paths));
  }
  EXPECT_EQ(entries(folder), std::vector<std::string>{"other.nc"});
}

TEST(RemoveWorkingFiles, SaysWhatItCouldNotRemove) {
  TempFolder folder;
  const OutputPaths paths = check_output(folder / "out.nc", {}, false);
  fs::create_directories(paths.part + "/occupied");
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(remove_working_files(paths));
  const std::string told = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(told.find(paths.part), std::string::npos) << told;
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
}

TEST(OutputClaim, ReportsWhatItCannotRemove) {
  TempFolder folder;
  const OutputPaths paths = output_paths(folder / "out.nc");
  fs::create_directories(paths.part + "/occupied");
  EXPECT_NE(
      outcome([&] { OutputClaim claim(paths); }).find("5 cannot remove what an earlier run left"),
      std::string::npos);
}

TEST(SamePlace, KnowsNamesOfOneFileWhetherItIsThereOrNot) {
  TempFolder folder;
  write_file(folder / "file", text("x"));
  fs::create_hard_link(folder / "file", folder / "hard");
  fs::create_symlink("file", folder / "soft");
  fs::create_symlink("missing", folder / "dangling");
  EXPECT_TRUE(same_place(folder / "file", folder / "hard"));
  EXPECT_TRUE(same_place(folder / "soft", folder / "file"));
  EXPECT_TRUE(same_place(folder / "dangling", folder / "missing"));
  EXPECT_TRUE(same_place("missing", fs::absolute("missing").string()));
  EXPECT_FALSE(same_place(folder / "file", folder / "missing"));
  EXPECT_FALSE(same_place(folder / "missing", folder / "other"));
}

}  // namespace
}  // namespace rankine::io
