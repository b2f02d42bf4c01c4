#include "io/calendar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "runtime/base/error.h"

namespace rankine::io {
namespace {

constexpr std::int64_t kSecond = 1'000'000;  // in microseconds
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::array<int, 12> kMonthDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
// Far enough for any data, and no sum overflows.
constexpr std::int64_t kLastYear = 1'000'000;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return (a - (a % b + b) % b) / b; }
bool divides(std::int64_t by, std::int64_t year) { return year % by == 0; }

bool is_leap(Calendar calendar, std::int64_t year) {
  const bool gregorian = divides(4, year) && (!divides(100, year) || divides(400, year));
  switch (calendar) {
    case Calendar::kStandard: return year <= 1582 ? divides(4, year) : gregorian;
    case Calendar::kProlepticGregorian: return gregorian;
    case Calendar::kJulian: return divides(4, year);
    case Calendar::kAllLeap: return true;
    default: return false;
  }
}

int days_in_month(Calendar calendar, std::int64_t year, int month) {
  if (calendar == Calendar::k360Day) return 30;
  const bool longer = month == 2 && is_leap(calendar, year);
  return kMonthDays[static_cast<std::size_t>(month - 1)] + (longer ? 1 : 0);
}

// Days before a year, from the year 0 on; of the standard calendar as in the Julian one.
std::int64_t days_before_year(Calendar calendar, std::int64_t year) {
  const std::int64_t past = year - 1;
  switch (calendar) {
    case Calendar::k360Day: return 360 * year;
    case Calendar::kNoLeap: return 365 * year;
    case Calendar::kAllLeap: return 366 * year;
    case Calendar::kProlepticGregorian:
      return 365 * year + floor_div(past, 4) - floor_div(past, 100) + floor_div(past, 400);
    default: return 365 * year + floor_div(past, 4);
  }
}

// In a calendar without a gap.
std::int64_t plain_day(Calendar calendar, const Date& date) {
  std::int64_t days = days_before_year(calendar, date.year) + date.day - 1;
  for (int month = 1; month < date.month; ++month) {
    days += days_in_month(calendar, date.year, month);
  }
  return days;
}

// The Gregorian calendar follows the Julian one: 1582-10-04 was followed by 1582-10-15.
constexpr Date kFirstGregorian{1582, 10, 15, 0};
constexpr std::int64_t kShift = 2;  // the two count the same day so differently

bool before(const Date& a, const Date& b) {
  if (a.year != b.year) return a.year < b.year;
  return a.month != b.month ? a.month < b.month : a.day < b.day;
}

// Takes a whole number off the front.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const char* first = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto [end, problem] = std::from_chars(first, text.data() + text.size(), number);
  if (problem != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}
bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}
void skip_spaces(std::string_view& text) {
  while (take(text, " \t")) {
  }
}

// Seconds with a fraction.
std::optional<std::int64_t> take_seconds(std::string_view& text) {
  double seconds = 0;
  const auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (problem != std::errc() || !(seconds >= 0) || seconds >= 61) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return std::llround(seconds * static_cast<double>(kSecond));
}

// "12", "12:30", "12:30:15.5" after the date. False if it is none.
bool take_time(std::string_view& text, DateText& result) {
  const auto hours = take_number(text);
  if (!hours || *hours < 0 || *hours > 24) return false;
  result.date.microseconds = *hours * kHour;
  result.unit = DateText::Unit::kHour;
  if (!take(text, ":")) return true;
  const auto minutes = take_number(text);
  if (!minutes || *minutes < 0 || *minutes > 59) return false;
  result.date.microseconds += *minutes * kMinute;
  result.unit = DateText::Unit::kMinute;
  if (!take(text, ":")) return true;
  const auto seconds = take_seconds(text);
  if (!seconds) return false;
  result.date.microseconds += *seconds;
  result.unit = DateText::Unit::kSecond;
  return true;
}

// "Z", "UTC", "+01:00", "-6", "+0530": microseconds ahead of UTC; what else stands there is no
// zone.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  skip_spaces(text);
  for (const std::string_view utc : {"UTC", "GMT", "Z"}) {
    if (!text.starts_with(utc)) continue;
    text.remove_prefix(utc.size());
    return 0;
  }
  if (text.empty()) return 0;
  const std::int64_t sign = text.front() == '-' ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  const std::size_t before_hours = text.size();
  auto hours = take_number(text);
  if (!hours || *hours < 0) return std::nullopt;
  std::int64_t minutes = 0;
  if (before_hours - text.size() > 2) {
    minutes = *hours % 100;
    *hours /= 100;
  } else if (take(text, ":")) {
    const auto more = take_number(text);
    if (!more || *more < 0) return std::nullopt;
    minutes = *more;
  }
  if (*hours > 24 || minutes > 59) return std::nullopt;
  return sign * (*hours * kHour + minutes * kMinute);
}

std::optional<DateText> take_date(std::string_view& text) {
  DateText result;
  const auto year = take_number(text);
  if (!year || *year < -kLastYear || *year > kLastYear) return std::nullopt;
  result.date.year = *year;
  result.unit = DateText::Unit::kYear;
  for (int* part : {&result.date.month, &result.date.day}) {
    if (!take(text, "-")) return result;
    const auto number = take_number(text);
    const int most = part == &result.date.month ? 12 : 31;
    if (!number || *number < 1 || *number > most) return std::nullopt;
    *part = static_cast<int>(*number);
    result.unit = part == &result.date.month ? DateText::Unit::kMonth : DateText::Unit::kDay;
  }
  std::string_view rest = text;
  if (take(rest, "Tt \t")) {
    skip_spaces(rest);
    if (rest.empty() || std::string_view("0123456789").find(rest.front()) == rest.npos) {
      return result;
    }
    text = rest;
    if (!take_time(text, result)) return std::nullopt;
  }
  return result;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// Microseconds; 0 for a word that is no unit of fixed length.
double unit_named(const std::string& word) {
  struct Unit {
    std::string_view names;  // between spaces
    double microseconds;
  };
  static constexpr Unit kUnits[] = {
      {" microseconds microsecond microsec microsecs ", 1},
      {" milliseconds millisecond millisec millisecs msec msecs ms ", 1e3},
      {" seconds second secs sec s ", 1e6},
      {" minutes minute mins min ", 60e6},
      {" hours hour hrs hr h ", 3600e6},
      {" days day d ", 86400e6},
  };
  for (const Unit& unit : kUnits) {
    if (unit.names.find(" " + word + " ") != unit.names.npos) return unit.microseconds;
  }
  return 0;
}

}  // namespace

std::optional<Calendar> calendar_named(std::string_view name) {
  const std::string known = lower(name);
  if (known.empty() || known == "standard" || known == "gregorian") return Calendar::kStandard;
  if (known == "proleptic_gregorian") return Calendar::kProlepticGregorian;
  if (known == "julian") return Calendar::kJulian;
  if (known == "noleap" || known == "365_day") return Calendar::kNoLeap;
  if (known == "all_leap" || known == "366_day") return Calendar::kAllLeap;
  if (known == "360_day") return Calendar::k360Day;
  return std::nullopt;
}

bool exists(Calendar calendar, const Date& date) {
  if (date.year < -kLastYear || date.year > kLastYear || date.month < 1 || date.month > 12 ||
      date.day < 1 || date.day > days_in_month(calendar, date.year, date.month)) {
    return false;
  }
  const bool in_gap = calendar == Calendar::kStandard && date.year == 1582 && date.month == 10 &&
                      date.day > 4 && date.day < 15;
  return !in_gap;
}

std::int64_t day_number(Calendar calendar, const Date& date) {
  if (calendar != Calendar::kStandard) return plain_day(calendar, date);
  return before(date, kFirstGregorian) ? plain_day(Calendar::kJulian, date)
                                       : plain_day(Calendar::kProlepticGregorian, date) + kShift;
}

Date date_of(Calendar calendar, std::int64_t day) {
  if (calendar == Calendar::kStandard) {
    const bool julian = day < day_number(calendar, kFirstGregorian);
    return julian ? date_of(Calendar::kJulian, day)
                  : date_of(Calendar::kProlepticGregorian, day - kShift);
  }
  Date date;
  date.year = floor_div(day, 366);  // not later than the year sought, and then one by one
  while (days_before_year(calendar, date.year + 1) <= day) {
    const std::int64_t left = day - days_before_year(calendar, date.year + 1);
    date.year += 1 + floor_div(left, 366);
  }
  while (days_before_year(calendar, date.year) > day) --date.year;
  std::int64_t left = day - days_before_year(calendar, date.year);
  for (date.month = 1; left >= days_in_month(calendar, date.year, date.month); ++date.month) {
    left -= days_in_month(calendar, date.year, date.month);
  }
  date.day = static_cast<int>(left) + 1;
  return date;
}

std::string iso_text(const Date& date) {
  std::string text = fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
  if (date.microseconds == 0) return text;
  const std::int64_t seconds = date.microseconds / kSecond;
  text += fmt::format("T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (date.microseconds % kSecond != 0) text += fmt::format(".{:06}", date.microseconds % kSecond);
  return text;
}

std::optional<DateText> parse_date(std::string_view text) {
  const auto date = take_date(text);
  if (text == "Z") text = {};
  return date && text.empty() ? date : std::nullopt;
}

bool counts_months_or_years(std::string_view units) {
  const std::string known = lower(units);
  const std::size_t begin = known.find_first_not_of(" \t");
  const std::size_t since = known.find(" since ");
  if (begin == known.npos || since == known.npos || since < begin) return false;
  const std::string word = known.substr(begin, known.find_first_of(" \t", begin) - begin);
  constexpr std::array<std::string_view, 6> kWords = {"month", "months", "mon",
                                                      "year",  "years",  "common_years"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

std::optional<TimeUnits> TimeUnits::parse(std::string_view units, std::string_view calendar) {
  const auto known = calendar_named(calendar);
  const std::size_t since = lower(units).find(" since ");
  if (!known || since == units.npos) return std::nullopt;
  std::string_view word = units.substr(0, since);
  skip_spaces(word);
  word = word.substr(0, word.find_last_not_of(" \t") + 1);
  TimeUnits result;
  result.calendar_ = *known;
  result.unit_ = unit_named(lower(word));
  std::string_view rest = units.substr(since + std::string_view(" since ").size());
  skip_spaces(rest);
  const auto date = take_date(rest);
  const auto zone = date ? take_zone(rest) : std::nullopt;
  skip_spaces(rest);
  if (result.unit_ == 0 || !zone || !rest.empty() || !exists(*known, date->date)) {
    return std::nullopt;
  }
  result.day_ = day_number(*known, date->date);
  result.microseconds_ = date->date.microseconds - *zone;
  return result;
}

double TimeUnits::value_of(const Date& date) const {
  const auto days = static_cast<double>(day_number(calendar_, date) - day_);
  return days * (static_cast<double>(kDay) / unit_) +
         static_cast<double>(date.microseconds - microseconds_) / unit_;
}

std::optional<Date> TimeUnits::date_at(double value) const {
  const double days = std::floor(value * (unit_ / static_cast<double>(kDay)));
  if (!(std::abs(days) < 365.0 * static_cast<double>(kLastYear))) return std::nullopt;
  const double rest = value * unit_ - days * static_cast<double>(kDay);
  const std::int64_t moment = microseconds_ + std::llround(rest);
  const std::int64_t more = floor_div(moment, kDay);
  Date date = date_of(calendar_, day_ + static_cast<std::int64_t>(days) + more);
  date.microseconds = moment - more * kDay;
  return date;
}

double TimeUnits::from(const TimeUnits& other, double value) const {
  const auto days = static_cast<double>(other.day_ - day_);
  return value * (other.unit_ / unit_) + days * (static_cast<double>(kDay) / unit_) +
         static_cast<double>(other.microseconds_ - microseconds_) / unit_;
}

TimeUnits::Span TimeUnits::span_of(const DateText& text) const {
  if (!exists(calendar_, text.date)) {
    throw usage_error(
        "there is no such date in the calendar of the data: " + std::to_string(text.date.year) +
            "-" + std::to_string(text.date.month) + "-" + std::to_string(text.date.day),
        "see `rankine info` for units and calendar");
  }
  Date end = text.date;
  switch (text.unit) {
    case DateText::Unit::kYear: ++end.year; break;
    case DateText::Unit::kMonth:
      end.year += end.month == 12 ? 1 : 0;
      end.month = end.month % 12 + 1;
      break;
    case DateText::Unit::kDay: end.microseconds += kDay; break;
    case DateText::Unit::kHour: end.microseconds += kHour; break;
    case DateText::Unit::kMinute: end.microseconds += kMinute; break;
    case DateText::Unit::kSecond: end.microseconds += kSecond; break;
  }
  return {value_of(text.date), value_of(end)};
}

}  // namespace rankine::io
