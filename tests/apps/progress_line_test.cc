#include "apps/progress_line.h"

#include <gtest/gtest.h>

namespace rankine::apps {
namespace {

TEST(ProgressLine, IsDrawnInPlaceOnATerminalAndWiped) {
  ProgressLine line("rankine", true);
  EXPECT_EQ(line.update(0.9, "a"), "") << "short work shows nothing";
  EXPECT_EQ(line.update(1.0, "b"), "\r\033[Krankine: b");
  EXPECT_EQ(line.update(1.1, "c"), "") << "a fifth of a second later at the earliest";
  EXPECT_EQ(line.update(1.3, "d"), "\r\033[Krankine: d");
  EXPECT_EQ(line.wipe(), "\r\033[K");
  EXPECT_EQ(line.wipe(), "");
  EXPECT_EQ(line.update(0.5, "e"), "") << "new work begins anew";
  EXPECT_EQ(line.update(1.0, "f"), "\r\033[Krankine: f");
}

TEST(ProgressLine, IsAPlainLineEveryHalfMinuteElsewhere) {
  ProgressLine line("rankine", false);
  EXPECT_EQ(line.update(29.9, "a"), "");
  EXPECT_EQ(line.update(30.0, "b"), "rankine: b\n");
  EXPECT_EQ(line.update(59.9, "c"), "");
  EXPECT_EQ(line.update(60.1, "d"), "rankine: d\n");
  EXPECT_EQ(line.update(3.0, "e"), "") << "another phase: its seconds begin at 0";
  EXPECT_EQ(line.update(30.0, "f"), "rankine: f\n");
  EXPECT_EQ(line.wipe(), "");
}

TEST(ProgressLine, SaysHowMuchIsLeft) {
  EXPECT_EQ(describe({RunProgress::Phase::kTasks, 25, 100, 10.2}),
            "25 of 100 tasks, 25 %, 10 s, about 31 s left");
  EXPECT_EQ(describe({RunProgress::Phase::kTasks, 0, 0, 2}), "0 of 0 tasks, 0 %, 2 s");
  EXPECT_EQ(describe({RunProgress::Phase::kTasks, 0, 7, 2}), "0 of 7 tasks, 0 %, 2 s");
  const std::int64_t many = std::int64_t{1} << 62;
  EXPECT_EQ(describe({RunProgress::Phase::kTasks, many / 2, many, 60}),
            "2305843009213693952 of 4611686018427387904 tasks, 50 %, 60 s, about 60 s left");
  EXPECT_EQ(describe({RunProgress::Phase::kWriting, 100, 100, 3}),
            "placing the chunks in the output, 3 s");
}

}  // namespace
}  // namespace rankine::apps
