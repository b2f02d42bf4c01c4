// Names, inputs, operators and literals.
#include <cmath>
#include <limits>

#include "tests/apps/language/bind_support.h"

namespace rankine::language::test {
namespace {

TEST(Literals, FollowPythonsArithmetic) {
  EXPECT_EQ(literal("-1"), Literal::of(std::int64_t{-1}));
  EXPECT_EQ(literal("2*3"), Literal::of(std::int64_t{6}));
  EXPECT_EQ(literal("1/3"), Literal::of(1.0 / 3.0));
  EXPECT_EQ(literal("4/2"), Literal::of(2.0));
  EXPECT_EQ(literal("2^0.5"), Literal::of(std::sqrt(2.0)));
  EXPECT_EQ(literal("2^-1"), Literal::of(0.5));
  EXPECT_EQ(literal("-2^2"), Literal::of(std::int64_t{-4}));
  EXPECT_EQ(literal("(-2)^63"), Literal::of(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(literal("(-1)^9000000000000000001"), Literal::of(std::int64_t{-1}));
  EXPECT_EQ(literal("0^0"), Literal::of(std::int64_t{1}));
  EXPECT_EQ(literal("3^39"), Literal::of(std::int64_t{4052555153018976267}));
  EXPECT_EQ(literal("-7 % 3"), Literal::of(std::int64_t{2}));
  EXPECT_EQ(literal("7 % -3"), Literal::of(std::int64_t{-2}));
  EXPECT_EQ(literal("-7.5 % 2"), Literal::of(0.5));
  EXPECT_EQ(literal("-5 % inf"), Literal::of(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(literal("true + true"), Literal::of(std::int64_t{2}));
  EXPECT_EQ(literal("-9223372036854775808"), Literal::of(std::numeric_limits<std::int64_t>::min()));
}

TEST(Literals, CompareExactlyAndGiveBool) {
  EXPECT_EQ(literal("1 < 2"), Literal::of(true));
  EXPECT_EQ(literal("nan == nan"), Literal::of(false));
  EXPECT_EQ(literal("nan != nan"), Literal::of(true));
  EXPECT_EQ(literal("9007199254740993 > 9007199254740992.0"), Literal::of(true));
  EXPECT_EQ(literal("9223372036854775807 == 9223372036854775808.0"), Literal::of(false));
  EXPECT_EQ(literal("(1 < 2) & (2 < 1)"), Literal::of(false));
  EXPECT_EQ(literal("6 & 3"), Literal::of(std::int64_t{2}));
  EXPECT_EQ(literal("6 | 3"), Literal::of(std::int64_t{7}));
  EXPECT_EQ(literal("!true"), Literal::of(false));
  EXPECT_EQ(literal("!5"), Literal::of(std::int64_t{-6}));
}

TEST(Literals, StayWeakThroughFunctions) {
  EXPECT_EQ(literal("sqrt(4)"), Literal::of(2.0));
  EXPECT_EQ(literal("abs(-3)"), Literal::of(std::int64_t{3}));
  EXPECT_EQ(literal("maximum(1, 2.5)"), Literal::of(2.5));
  EXPECT_EQ(literal("where(1 < 2, 3, 4)"), Literal::of(std::int64_t{3}));
  EXPECT_EQ(literal("isnan(nan)"), Literal::of(true));
  EXPECT_EQ(literal("pow(2, -1)"), Literal::of(0.5));
  EXPECT_EQ(summary("t2m * sqrt(2)"), "float32 (time=6, lat=5, lon=8)");
}

TEST(Literals, NeverWrapOrDivideByZeroSilently) {
  for (const char* program :
       {"9223372036854775807 + 1", "3 * 9223372036854775807", "2^64", "10^30", "pow(10, 30)",
        "-(-9223372036854775808)", "1/0", "1 % 0", "1.5 % 0.0", "0.0^-1", "1e308 * 10",
        "(-8)^(1/3)", "1.5 & 1", "!1.5", "9223372036854775808", "9223372036854775808 + 5"}) {
    const Error error = refusal(program, Inputs{});
    EXPECT_EQ(error.exit_code, ExitCode::kUsage) << program;
    EXPECT_GT(column(error), 0u) << program;
  }
  EXPECT_EQ(column(refusal("3 + 1/0", Inputs{})), 6u);
}

TEST(Operators, BuildTheOperationOfTheirName) {
  EXPECT_EQ(nodes("t2m - t2m"), "read /t2m, subtract");
  EXPECT_EQ(nodes("-t2m"), "read /t2m, negative");
  EXPECT_EQ(nodes("+t2m"), "read /t2m");
  EXPECT_EQ(nodes("!mask"), "read /mask, invert");
  EXPECT_EQ(nodes("mask & mask"), "read /mask, and");
  EXPECT_EQ(nodes("mask | mask"), "read /mask, or");
  const std::vector<std::pair<std::string, std::string>> spellings = {
      {"+", "add"},     {"*", "multiply"},       {"/", "divide"},    {"%", "mod"},
      {"^", "pow"},     {"==", "equal"},         {"<", "less"},      {"<=", "less_equal"},
      {">", "greater"}, {">=", "greater_equal"}, {"!=", "not_equal"}};
  for (const auto& [symbol, name] : spellings) {
    EXPECT_EQ(nodes("t2m " + symbol + " 2"), "read /t2m, full, " + name);
  }
}

TEST(Operators, PromoteLiteralsByValueAndArraysByType) {
  EXPECT_EQ(summary("t2m + 1.5"), "float32 (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("t2m + 1e300"), "float64 (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("t2m + plain[0, 0]"), "float64 (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("mask + 100"), "int8 (lat=5, lon=8)");
  EXPECT_EQ(summary("mask + 1000"), "int16 (lat=5, lon=8)");
  EXPECT_EQ(summary("mask / 2"), "float64 (lat=5, lon=8)");
  EXPECT_EQ(summary("t2m > 3"), "bool (time=6, lat=5, lon=8)");
  EXPECT_EQ(summary("mask * t2m"), "float32 (lat=5, lon=8, time=6)");
}

TEST(Operators, ShowTheirPositionIfOperandsDoNotFit) {
  const Error error = refusal("1 + (t2m + plain) * t2m[:, 1:, :]");
  EXPECT_EQ(error.exit_code, ExitCode::kUsage);
  EXPECT_EQ(column(error), 19u);  // the *: lat is 5 on the left and 4 on the right
  EXPECT_EQ(column(refusal("t2m & 1")), 5u);
  EXPECT_EQ(column(refusal("1 + t2m[0] & true")), 12u);
}

TEST(Names, MeanEarlierStatementsThenDashVThenTheFile) {
  const Inputs inputs{
      {Weather::file()}, {"plain=/t2m", "u=" + Weather::file() + ":/deep/wind"}, {}};
  EXPECT_EQ(nodes("plain", inputs), "read /t2m");
  EXPECT_EQ(nodes("u", inputs), "read /deep/wind");
  EXPECT_EQ(nodes("mask", inputs), "read /mask");
  EXPECT_EQ(nodes("plain = mask; x = plain", inputs), "read /mask");
  EXPECT_EQ(nodes("t2m = mean(t2m, time); y = t2m"), "read /t2m, mean");
}

TEST(Names, AreTemporaryIfTheyBeginWithAnUnderscore) {
  const auto bindings = bound("_m = mean(t2m, time); anomaly = t2m - _m; two = 2");
  ASSERT_EQ(bindings.size(), 3u);
  EXPECT_EQ(bindings[0].name, "_m");
  EXPECT_TRUE(bindings[0].temporary);
  EXPECT_EQ(bindings[1].name, "anomaly");
  EXPECT_FALSE(bindings[1].temporary);
  EXPECT_EQ(std::get<Literal>(bindings[2].value), Literal::of(std::int64_t{2}));
  EXPECT_EQ(bound("t2m")[0].name, "result");
}

TEST(Names, AreLookedUpInTheGroupOrAreTheDataSetThatWasNamed) {
  const Inputs group{{Weather::file() + ":/deep"}, {}, {}};
  EXPECT_EQ(summary("t2m", group), "float64 (height=2)");
  EXPECT_EQ(summary("wind", group), "float32 (time=6, lat=5)");
  EXPECT_EQ(refusal("mask", group).exit_code, ExitCode::kInput);
  EXPECT_EQ(nodes("`/mask`", group), "read /mask");

  const Inputs one{{Weather::file() + ":/deep/wind"}, {}, {}};
  EXPECT_EQ(nodes("wind", one), "read /deep/wind");
  EXPECT_EQ(refusal("t2m", one).exit_code, ExitCode::kInput);
  EXPECT_EQ(nodes("`deep/wind`"), "read /deep/wind");
}

TEST(Names, ThatAreUnknownSuggestNearOnes) {
  const Error near = refusal("1 + mean(t2n)");
  EXPECT_EQ(near.exit_code, ExitCode::kInput);
  EXPECT_EQ(column(near), 10u);
  EXPECT_NE(near.message.find("`t2n`"), std::string::npos);
  EXPECT_NE(near.remedy.find("t2m"), std::string::npos);
  EXPECT_NE(refusal("Wind").remedy.find("/deep/wind"), std::string::npos);
  EXPECT_NE(refusal("zzzzzzzz").remedy.find("packed"), std::string::npos);
  EXPECT_NE(refusal("a = later; later = t2m").remedy.find("further on"), std::string::npos);
  EXPECT_EQ(refusal("t2m", Inputs{}).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("row").exit_code, ExitCode::kInput);  // a dimension without values
  const Error text = refusal("mean(name)");
  EXPECT_EQ(text.exit_code, ExitCode::kInput);
  EXPECT_NE(text.where.find("/name"), std::string::npos);
}

TEST(Names, OfFunctionsAreCheckedBeforeFilesAreOpened) {
  const Inputs nowhere{{"/nowhere/at/all.nc"}, {}, {}};
  EXPECT_EQ(refusal("t2m", nowhere).exit_code, ExitCode::kInput);
  const Error error = refusal("1 + meen(t2m)", nowhere);
  EXPECT_EQ(error.exit_code, ExitCode::kUsage);
  EXPECT_EQ(column(error), 5u);
  EXPECT_NE(error.remedy.find("mean"), std::string::npos);
}

TEST(Inputs, AreRefusedIfTheyAreMalformedOrMissing) {
  const auto with_v = [](const std::string& v) { return Inputs{{Weather::file()}, {v}, {}}; };
  EXPECT_EQ(refusal("1", with_v("a")).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("1", with_v("=b")).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("1", with_v("a=")).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("1", with_v("a=/nothing")).exit_code, ExitCode::kInput);
  EXPECT_EQ(refusal("1", with_v("a=/nowhere.nc:/x")).exit_code, ExitCode::kInput);
  EXPECT_EQ(refusal("1", Inputs{{}, {"a=/t2m"}, {}}).exit_code, ExitCode::kUsage);
  EXPECT_EQ(refusal("1", Inputs{{Weather::file()}, {"a=/t2m", "a=/mask"}, {}}).exit_code,
            ExitCode::kUsage);
  EXPECT_EQ(refusal("1", Inputs{{Weather::file() + ":/shallow"}, {}, {}}).exit_code,
            ExitCode::kInput);
}

TEST(Programs, OfThirtyThousandOperationsNeitherRecurseNorCrash) {
  std::string program = "m";
  for (int i = 0; i < 30'000; ++i) program += "+m";
  EXPECT_EQ(summary(program, {{Weather::file()}, {"m=/mask"}, {}}), "int8 (lat=5, lon=8)");
}

}  // namespace
}  // namespace rankine::language::test
