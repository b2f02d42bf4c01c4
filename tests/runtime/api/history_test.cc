#include "runtime/api/history.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <regex>
#include <vector>

#include "runtime/base/error.h"
#include "tests/io/h5/sample_output.h"

namespace rankine::api {
namespace {

std::string cleaned(std::vector<const char*> arguments) {
  return clean_command(static_cast<int>(arguments.size()), arguments.data());
}

TEST(HistoryLine, HasTheDateOfTheSourceInUtc) {
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::tzset();
  ::setenv("SOURCE_DATE_EPOCH", "1794909600", 1);
  EXPECT_EQ(history_line("x"), "Tue Nov 17 10:00:00 2026: x");
  ::setenv("SOURCE_DATE_EPOCH", "0", 1);
  EXPECT_EQ(history_line("x"), "Thu Jan 01 00:00:00 1970: x");
  for (const char* bad :
       {"soon", "-1", "1.5", "12 ", "99999999999999999999", "9223372036854775807"}) {
    ::setenv("SOURCE_DATE_EPOCH", bad, 1);
    EXPECT_THROW(history_line("x"), Error) << bad;
  }
  ::unsetenv("SOURCE_DATE_EPOCH");
  ::unsetenv("TZ");
  ::tzset();
}

TEST(HistoryLine, HasTheDateOfTodayOtherwise) {
  const std::time_t before = std::time(nullptr);
  const std::string line = history_line("command");
  EXPECT_TRUE(std::regex_match(
      line, std::regex("[A-Z][a-z]{2} [A-Z][a-z]{2} \\d\\d \\d\\d:\\d\\d:\\d\\d \\d{4}: command")));
  std::tm parts{};
  ASSERT_NE(::strptime(line.c_str(), "%a %b %d %H:%M:%S %Y: ", &parts), nullptr);
  parts.tm_isdst = -1;
  EXPECT_GE(std::mktime(&parts), before);
  EXPECT_LE(std::mktime(&parts), std::time(nullptr));
}

TEST(CleanCommand, LeavesOutTheOutputAndHowItWasRun) {
  EXPECT_EQ(cleaned({"/usr/bin/rankine", "eval", "x = a", "in.nc", "-o", "out.nc"}),
            "rankine eval 'x = a' in.nc");
  EXPECT_EQ(cleaned({"rankine",      "--threads",  "4",
                     "--threads=4",  "--output=x", "-oy",
                     "--overwrite",  "--quiet",    "--memory",
                     "4GiB",         "--stages",   "s",
                     "--report=r",   "--trace",    "t",
                     "--no-history", "--resume",   "--dedicated-scheduler",
                     "--scratch",    "d",          "--reuse",
                     "hold",         "--steal",    "off",
                     "--straight",   "off",        "--dashboard",
                     "in.nc",        "--output",   "o"}),
            "rankine in.nc");
  EXPECT_EQ(cleaned({"rankine", "-d", "lat,10.0,50.0", "-v", "u=f.nc:/u"}),
            "rankine -d lat,10.0,50.0 -v u=f.nc:/u");
  EXPECT_EQ(cleaned({"rankine", "a", "--", "-o", "b"}), "rankine a -- -o b");
  EXPECT_EQ(cleaned({"rankine", "-o"}), "rankine");
  EXPECT_EQ(cleaned({}), "");
}

TEST(CleanCommand, IsTakenBackByAShellAndStaysOnOneLine) {
  const std::vector<const char*> arguments{
      "echo", "it's", "a b",  "",   "$HOME", "two\nlines", "tab\tand \\ and '",
      "\"",   "*",    "höhe", "x^2"};
  const std::string line = cleaned(arguments);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const std::string command = "set -- " + line + "\nprintf '<%s>' \"$@\"";
  std::string expected;
  for (const char* argument : arguments) expected += "<" + std::string(argument) + ">";
  const io::test::TempFolder folder;
  std::ofstream(folder / "line.sh") << command;
  EXPECT_EQ(io::test::run_command("bash " + (folder / "line.sh")).text, expected);
}

}  // namespace
}  // namespace rankine::api
