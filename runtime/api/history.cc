#include "runtime/api/history.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "runtime/base/error.h"

namespace rankine::api {
namespace {

constexpr std::array<std::string_view, 13> kDroppedWithValue = {
    "-o",      "--output",  "--threads",   "--memory", "--reuse",    "--stages", "--report",
    "--trace", "--scratch", "--resources", "--steal",  "--straight", "--shard"};
constexpr std::array<std::string_view, 10> kDroppedFlags = {
    "--overwrite", "--quiet",   "--no-history",    "--resume",         "--dedicated-scheduler",
    "--dashboard", "--no-fuse", "--allow-plugins", "--allow-external", "--merge"};

std::tm moment() {
  std::tm parts{};
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  if (epoch == nullptr || *epoch == '\0') {
    const std::time_t now = std::time(nullptr);
    if (localtime_r(&now, &parts) == nullptr) throw usage_error("the clock shows no date");
    return parts;
  }
  const std::string_view text(epoch);
  std::int64_t seconds = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const std::time_t time = seconds;
  if (status != std::errc() || end != text.data() + text.size() || seconds < 0 ||
      gmtime_r(&time, &parts) == nullptr) {
    throw usage_error("SOURCE_DATE_EPOCH is '" + std::string(text) + "', not a number of seconds",
                      "unset it, or set it to seconds since 1970-01-01 UTC");
  }
  return parts;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos || (c & 0x80) != 0;
}

bool is_control(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }

// How many arguments from this one on are left out: 0, 1 or 2.
int dropped(std::string_view argument) {
  const std::string_view name = argument.substr(0, argument.find('='));
  const auto is_one_of = [&](const auto& list) { return std::ranges::count(list, name) > 0; };
  if (is_one_of(kDroppedWithValue)) return name == argument ? 2 : 1;
  if (is_one_of(kDroppedFlags)) return 1;
  const bool glued_output = argument.starts_with("-o") && argument.size() > 2;  // -oFILE
  return glued_output ? 1 : 0;
}

}  // namespace

// $'...' only where control characters would break the line.
std::string quoted_for_shell(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  const bool ansi = std::ranges::any_of(text, is_control);
  std::string result = ansi ? "$'" : "'";
  for (const char c : text) {
    if (ansi && is_control(c)) {
      char octal[8];
      std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(c));
      result += octal;
    } else if (ansi && (c == '\'' || c == '\\')) {
      result += std::string("\\") + c;
    } else if (c == '\'') {
      result += "'\\''";
    } else {
      result += c;
    }
  }
  return result + "'";
}

std::string history_line(const std::string& command) {
  // Not strftime: the date must not depend on the locale.
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm at = moment();
  char date[64];
  std::snprintf(date, sizeof date, "%s %s %02d %02d:%02d:%02d %lld: ", kDays[at.tm_wday],
                kMonths[at.tm_mon], at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
                static_cast<long long>(at.tm_year) + 1900);
  return date + command;
}

std::string clean_command(int argc, const char* const* argv) {
  if (argc == 0) return {};
  const std::string_view program(argv[0]);
  std::string command = quoted_for_shell(program.substr(program.rfind('/') + 1));
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    const int count = options ? dropped(argument) : 0;
    if (argument == "--") options = false;
    if (count == 0) {
      command += " " + quoted_for_shell(argument);
    } else {
      i += count - 1;
    }
  }
  return command;
}

}  // namespace rankine::api
