// Dates in the calendars of CF (4.4.1), and numbers that count time from one of them (4.4). Years
// are numbered as astronomers do, with a year 0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rankine::io {

enum class Calendar { kStandard, kProlepticGregorian, kJulian, kNoLeap, kAllLeap, k360Day };

// "standard", "gregorian", "365_day", ...; "" is standard. Nothing for another name (and `none`).
std::optional<Calendar> calendar_named(std::string_view name);

struct Date {
  std::int64_t year = 1;
  int month = 1;
  int day = 1;
  std::int64_t microseconds = 0;  // of the day
  bool operator==(const Date&) const = default;
};

bool exists(Calendar calendar, const Date& date);
// Days are numbered without gaps; the number of one day alone means nothing.
std::int64_t day_number(Calendar calendar, const Date& date);  // of one that exists
Date date_of(Calendar calendar, std::int64_t day_number);

// "2000-03-01", or "2000-03-01T12:30:00" if it is not midnight.
std::string iso_text(const Date& date);

// A date as ISO 8601 writes it, perhaps cut off: "2000-03", "2000-03-01T12:30".
struct DateText {
  Date date;
  enum class Unit { kYear, kMonth, kDay, kHour, kMinute, kSecond } unit = Unit::kDay;  // the last
};
// "1999-1-5", "2000-03-01 12:00:00.5", "2000-03-01T12Z": nothing if it is not one.
std::optional<DateText> parse_date(std::string_view text);

// Whether units are "months since ..." or "years since ...".
bool counts_months_or_years(std::string_view units);

// What "days since 1850-01-01" and a calendar say. Every number is a moment.
class TimeUnits {
 public:
  // Nothing if `units` is of another kind, or counts months or years, whose length is not fixed, or
  // from a date that is not in the calendar.
  static std::optional<TimeUnits> parse(std::string_view units, std::string_view calendar);

  Calendar calendar() const { return calendar_; }
  double value_of(const Date& date) const;  // of one that exists
  // To the microsecond, or what float64 knows of it; nothing for NaN and what is a million years
  // off.
  std::optional<Date> date_at(double value) const;
  // The number that stands for the same moment in other units of the same calendar.
  double from(const TimeUnits& other, double value) const;
  double scale_of(const TimeUnits& other) const { return other.unit_ / unit_; }  // of differences
  // What a date text names: [begin, end). Throws Error (usage) if there is no such date in the
  // calendar.
  struct Span {
    double begin = 0, end = 0;
  };
  Span span_of(const DateText& text) const;
  bool operator==(const TimeUnits&) const = default;

 private:
  Calendar calendar_ = Calendar::kStandard;
  double unit_ = 1;                // in microseconds
  std::int64_t day_ = 0;           // where it counts from
  std::int64_t microseconds_ = 0;  // likewise; of UTC, may leave the day
};

}  // namespace rankine::io
