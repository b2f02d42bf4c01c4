// Dates in the calendars of CF, against days that are known and against themselves.
#include "io/calendar.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/base/error.h"
#include "tests/support/random.h"

namespace rankine::io {
namespace {

using testing::Random;

constexpr Calendar kCalendars[] = {Calendar::kStandard, Calendar::kProlepticGregorian,
                                   Calendar::kJulian,   Calendar::kNoLeap,
                                   Calendar::kAllLeap,  Calendar::k360Day};

std::int64_t days_between(Calendar calendar, const Date& from, const Date& to) {
  return day_number(calendar, to) - day_number(calendar, from);
}

TEST(Calendar, CountsTheDaysBetweenKnownDates) {
  const Date first{1850, 1, 1, 0}, last{2000, 3, 1, 0};
  EXPECT_EQ(days_between(Calendar::kStandard, first, last), 54846);
  EXPECT_EQ(days_between(Calendar::kProlepticGregorian, first, last), 54846);
  EXPECT_EQ(days_between(Calendar::kJulian, first, last), 54847) << "1900 was a leap year there";
  EXPECT_EQ(days_between(Calendar::kNoLeap, first, last), 150 * 365 + 59);
  EXPECT_EQ(days_between(Calendar::kAllLeap, first, last), 150 * 366 + 60);
  EXPECT_EQ(days_between(Calendar::k360Day, first, last), 150 * 360 + 60);
  EXPECT_EQ(days_between(Calendar::kStandard, {1582, 10, 4, 0}, {1582, 10, 15, 0}), 1);
  EXPECT_EQ(days_between(Calendar::kProlepticGregorian, {1582, 10, 4, 0}, {1582, 10, 15, 0}), 11);
  // Julian day numbers 0 and 2451545.
  EXPECT_EQ(days_between(Calendar::kStandard, {-4712, 1, 1, 0}, {2000, 1, 1, 0}), 2451545);
}

TEST(Calendar, EveryDayHasOneDateAndDatesFollowEachOther) {
  Random random("Calendar.EveryDayHasOneDateAndDatesFollowEachOther");
  for (const Calendar calendar : kCalendars) {
    std::vector<std::int64_t> starts = {day_number(calendar, {1582, 9, 1, 0}),
                                        day_number(calendar, {-1, 11, 1, 0})};
    for (int i = 0; i < 30; ++i) starts.push_back(random.between(-2'000'000, 4'000'000));
    for (const std::int64_t start : starts) {
      Date before = date_of(calendar, start - 1);
      for (std::int64_t day = start; day < start + 900; ++day) {
        const Date date = date_of(calendar, day);
        ASSERT_TRUE(exists(calendar, date)) << date.year << "-" << date.month << "-" << date.day;
        ASSERT_EQ(day_number(calendar, date), day);
        const bool follows = date.day == before.day + 1 || date.day == 1 || date.day == 15;
        ASSERT_TRUE(follows) << date.year << "-" << date.month << "-" << date.day;
        before = date;
      }
    }
  }
}

TEST(Calendar, KnowsWhichDatesExist) {
  EXPECT_TRUE(exists(Calendar::kStandard, {2000, 2, 29, 0}));
  EXPECT_FALSE(exists(Calendar::kStandard, {1900, 2, 29, 0}));
  EXPECT_TRUE(exists(Calendar::kStandard, {1500, 2, 29, 0}));
  EXPECT_FALSE(exists(Calendar::kStandard, {1582, 10, 10, 0}));
  EXPECT_TRUE(exists(Calendar::k360Day, {2001, 2, 30, 0}));
  EXPECT_FALSE(exists(Calendar::k360Day, {2001, 1, 31, 0}));
  EXPECT_FALSE(exists(Calendar::kNoLeap, {2000, 2, 29, 0}));
  EXPECT_EQ(calendar_named("Gregorian"), Calendar::kStandard);
  EXPECT_EQ(calendar_named("366_day"), Calendar::kAllLeap);
  EXPECT_EQ(calendar_named("none"), std::nullopt);
}

TEST(DateText, IsReadAsFarAsItGoes) {
  using Unit = DateText::Unit;
  const auto expect = [](const char* text, const Date& date, Unit unit) {
    const auto read = parse_date(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->date, date) << text;
    EXPECT_EQ(read->unit, unit) << text;
  };
  expect("2000", {2000, 1, 1, 0}, Unit::kYear);
  expect("2000-3", {2000, 3, 1, 0}, Unit::kMonth);
  expect("2000-03-09", {2000, 3, 9, 0}, Unit::kDay);
  expect("2000-03-09T07", {2000, 3, 9, 7 * 3'600'000'000}, Unit::kHour);
  expect("2000-03-09 07:30", {2000, 3, 9, 27'000'000'000}, Unit::kMinute);
  expect("2000-03-09T07:30:01.5Z", {2000, 3, 9, 27'001'500'000}, Unit::kSecond);
  expect("-44-3-15", {-44, 3, 15, 0}, Unit::kDay);
  for (const char* text :
       {"", "x", "2000-", "2000-13-01", "2000-00", "2000-01-32", "2000-01-01x", "2000-01-01T25",
        "2000-01-01T10:99", "99999999-01-01", "-9223372036854775808-01-01", "2000--1"}) {
    EXPECT_FALSE(parse_date(text)) << text;
  }
}

TEST(TimeUnits, CountFromTheirDate) {
  const auto days = TimeUnits::parse("days since 1850-01-01", "");
  ASSERT_TRUE(days);
  EXPECT_EQ(days->value_of({2000, 3, 1, 0}), 54846);
  const auto hours = TimeUnits::parse("Hours since 2000-3-1 12:00:0.0 +1:00", "standard");
  ASSERT_TRUE(hours);
  EXPECT_EQ(hours->value_of({2000, 3, 1, 0}), -11);
  EXPECT_EQ(days->from(*hours, 37), 54848);
  const auto seconds = TimeUnits::parse("seconds since 1970-01-01T00:00:00Z", "noleap");
  ASSERT_TRUE(seconds);
  EXPECT_EQ(seconds->value_of({1972, 3, 1, 0}), (2 * 365 + 59) * 86400.0);
  const auto span = days->span_of(*parse_date("2000-02"));
  EXPECT_EQ(span.end - span.begin, 29);
  EXPECT_EQ(span.end, 54846);
  EXPECT_EQ(seconds->span_of(*parse_date("1971")).end, 2 * 365 * 86400.0);
  EXPECT_THROW(seconds->span_of(*parse_date("1972-02-29")), Error);
  EXPECT_EQ(iso_text(*days->date_at(54846)), "2000-03-01");
  EXPECT_EQ(iso_text(*hours->date_at(-10.5)), "2000-03-01T00:30:00");
  EXPECT_EQ(iso_text(*seconds->date_at(-0.25)), "1969-12-31T23:59:59.750000");
  EXPECT_FALSE(days->date_at(std::nan("")));
  EXPECT_FALSE(days->date_at(1e300));
  for (const char* text :
       {"", "days", "K", "months since 2000-01-01", "days since", "m since 2000-1-1",
        "days since 2000-02-30", "days since 2000-01-01 noon"}) {
    EXPECT_FALSE(TimeUnits::parse(text, "")) << text;
  }
  EXPECT_FALSE(TimeUnits::parse("days since 2000-01-01", "none"));
}

}  // namespace
}  // namespace rankine::io
