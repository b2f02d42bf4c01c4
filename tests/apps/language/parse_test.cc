#include "apps/language/parse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "apps/language/token.h"

namespace rankine::language {
namespace {

// The expression of a program of one unnamed statement, in parentheses.
std::string parsed(const std::string& source) {
  const Ast ast = parse(source);
  return to_text(ast, ast.statements.at(0).value);
}

Error refusal(const std::string& source) {
  try {
    parse(source);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "was accepted: " << source.substr(0, 80);
  return {};
}

Bound index(std::int64_t value) { return value; }

template <class T>
T root(const Ast& ast) {
  return std::get<T>(ast.nodes.at(ast.statements.at(0).value).value);
}

std::string repeat(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

TEST(Precedence, FollowsPythonWithCaretAsPower) {
  EXPECT_EQ(parsed("a + b * c"), "(a + (b * c))");
  EXPECT_EQ(parsed("a - b - c"), "((a - b) - c)");
  EXPECT_EQ(parsed("a / b * c % d"), "(((a / b) * c) % d)");
  EXPECT_EQ(parsed("-2^2"), "(-(2 ^ 2))");
  EXPECT_EQ(parsed("2^-1"), "(2 ^ (-1))");
  EXPECT_EQ(parsed("2^3^4"), "(2 ^ (3 ^ 4))");
  EXPECT_EQ(parsed("2^-1^2"), "(2 ^ (-(1 ^ 2)))");
  EXPECT_EQ(parsed("-a * -b"), "((-a) * (-b))");
  EXPECT_EQ(parsed("(a + b) * c"), "((a + b) * c)");
  EXPECT_EQ(parsed("+-!x"), "(+(-(!x)))");
}

TEST(Precedence, LetsComparisonsBindTighterThanAndAndOr) {
  EXPECT_EQ(parsed("a > 1 & b < 2"), "((a > 1) & (b < 2))");
  EXPECT_EQ(parsed("a == b | c != d & !e"), "((a == b) | ((c != d) & (!e)))");
  EXPECT_EQ(parsed("a + 1 <= b - 2"), "((a + 1) <= (b - 2))");
  EXPECT_EQ(parsed("a >= b"), "(a >= b)");
  EXPECT_EQ(parsed("(a < b) == (c < d)"), "((a < b) == (c < d))");
}

TEST(Precedence, LetsSubscriptsBindTighterThanPower) {
  EXPECT_EQ(parsed("x[0]^y[1]"), "(x[0] ^ y[1])");
  EXPECT_EQ(parsed("-x[0]"), "(-x[0])");
  EXPECT_EQ(parsed("(a+b)[0][1]"), "(a + b)[0][1]");
}

TEST(Numbers, RememberHowTheyWereWritten) {
  EXPECT_EQ(root<Integer>(parse("12")).value, 12u);
  EXPECT_EQ(root<Integer>(parse("18446744073709551615")).value, 18446744073709551615u);
  EXPECT_EQ(root<Real>(parse("1.5")).value, 1.5);
  EXPECT_EQ(root<Real>(parse("1e3")).value, 1000.0);
  EXPECT_EQ(root<Real>(parse(".5")).value, 0.5);
  EXPECT_EQ(root<Real>(parse("2.")).value, 2.0);
  EXPECT_EQ(root<Real>(parse("1.E-2")).value, 0.01);
  EXPECT_EQ(root<Real>(parse("5e-324")).value, std::numeric_limits<double>::denorm_min());
  EXPECT_TRUE(std::isnan(root<Real>(parse("nan")).value));
  EXPECT_TRUE(std::isinf(root<Real>(parse("inf")).value));
  EXPECT_TRUE(root<Boolean>(parse("true")).value);
  EXPECT_FALSE(root<Boolean>(parse("false")).value);
}

TEST(Numbers, BeyondTheirTypeAreRefused) {
  EXPECT_EQ(refusal("18446744073709551616").message, "an integer is beyond 64 bits");
  EXPECT_EQ(refusal("1e999").message, "a number is beyond the range of float64");
  EXPECT_EQ(refusal("1e-999").message, "a number is beyond the range of float64");
  for (const char* bad : {"1e", "1e+", "2x", "1.5.2", "1._", "0x10"}) refusal(bad);
}

TEST(LiteralInteger, SeesThroughSigns) {
  const auto value = [](const std::string& source) {
    const Ast ast = parse(source);
    return literal_integer(ast, ast.statements[0].value);
  };
  EXPECT_EQ(value("7"), 7);
  EXPECT_EQ(value("-7"), -7);
  EXPECT_EQ(value("--+7"), 7);
  EXPECT_EQ(value("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(value("9223372036854775808"), std::nullopt);
  EXPECT_EQ(value("-9223372036854775809"), std::nullopt);
  EXPECT_EQ(value("1.0"), std::nullopt);
  EXPECT_EQ(value("!1"), std::nullopt);
  EXPECT_EQ(value("x"), std::nullopt);
}

TEST(Programs, AreStatementsJoinedBySemicolons) {
  const Ast ast = parse("_w = sqrt(u^2 + v^2);\n top = max(_w, time);\n");
  ASSERT_EQ(ast.statements.size(), 2u);
  EXPECT_EQ(ast.statements[0].name, "_w");
  EXPECT_EQ(ast.statements[1].name, "top");
  EXPECT_EQ(to_text(ast), "_w = sqrt(((u ^ 2) + (v ^ 2))); top = max(_w, time)");
}

TEST(Programs, NameALoneExpressionResult) {
  EXPECT_EQ(to_text(parse(" mean(x) ; ")), "result = mean(x)");
  EXPECT_EQ(to_text(parse("`a.b` = 1")), "`a.b` = 1");
}

TEST(Programs, RefuseWhatHasNoNameOrTwice) {
  EXPECT_EQ(refusal("a; b").message, "one of several statements has no name");
  EXPECT_EQ(refusal("a = 1; b").message, "one of several statements has no name");
  EXPECT_EQ(refusal("a = 1; a = 2").message, "the name `a` is given twice");
  EXPECT_EQ(refusal("").message, "the expression is empty");
  EXPECT_EQ(refusal(" \n").message, "the expression is empty");
  for (const char* bad : {";", "a = 1;; b = 2", "a =", "nan = 1", "3 = a", "a = b = c"})
    refusal(bad);
}

TEST(Programs, PutOperandsBeforeTheirUsersAndUseEachOnce) {
  const Ast ast = parse("a = f(x[0] + 1, -y, k=(z)); b = a ^ 2 ^ c");
  std::vector<int> uses(ast.nodes.size(), 0);
  for (NodeId id = 0; id < ast.nodes.size(); ++id) {
    const auto use = [&](NodeId operand) {
      EXPECT_LT(operand, id);
      ++uses[operand];
    };
    const auto& value = ast.nodes[id].value;
    if (const auto* unary = std::get_if<Unary>(&value)) use(unary->operand);
    if (const auto* binary = std::get_if<Binary>(&value)) use(binary->left), use(binary->right);
    if (const auto* subscript = std::get_if<Subscript>(&value)) use(subscript->operand);
    if (const auto* call = std::get_if<Call>(&value)) {
      for (const Argument& argument : call->arguments) use(argument.value);
    }
  }
  for (const Statement& statement : ast.statements) ++uses[statement.value];
  EXPECT_EQ(uses, std::vector<int>(ast.nodes.size(), 1));
}

TEST(Offsets, PointAtOperatorsFunctionsAndBrackets) {
  const Ast ast = parse("r = a + f(b, k=c)[1]");
  EXPECT_EQ(ast.statements[0].offset, 0u);
  const auto sum = root<Binary>(ast);
  EXPECT_EQ(ast.nodes[ast.statements[0].value].offset, 6u);
  EXPECT_EQ(ast.nodes[sum.left].offset, 4u);
  EXPECT_EQ(ast.nodes[sum.right].offset, 17u);
  const auto subscript = std::get<Subscript>(ast.nodes[sum.right].value);
  EXPECT_EQ(subscript.items[0].offset, 18u);
  EXPECT_EQ(ast.nodes[subscript.operand].offset, 8u);
  EXPECT_EQ(std::get<Call>(ast.nodes[subscript.operand].value).arguments[1].offset, 13u);
}

TEST(Calls, TakeArgumentsByPositionThenByName) {
  const auto call = root<Call>(parse("mean(x, time, -1, keepdims=true, `a b`='t')"));
  EXPECT_EQ(call.function, "mean");
  ASSERT_EQ(call.arguments.size(), 5u);
  EXPECT_EQ(call.arguments[1].keyword, "");
  EXPECT_EQ(call.arguments[3].keyword, "keepdims");
  EXPECT_EQ(call.arguments[4].keyword, "a b");
  EXPECT_EQ(parsed("f ( )"), "f()");
  EXPECT_EQ(parsed("f(g(a < b & c), h)"), "f(g(((a < b) & c)), h)");
  EXPECT_EQ(parsed("f(\"it's\", k='say \"x\"')"), "f(\"it's\", k='say \"x\"')");
}

TEST(Calls, RefuseWhatIsOutOfOrder) {
  EXPECT_EQ(refusal("f(k=1, x)").message, "an argument without a name follows one with a name");
  EXPECT_EQ(refusal("f(k=1, k=2)").message, "the argument `k` is given twice");
  for (const char* bad : {"f(", "f(,)", "f(x,)", "f(x y)", "f(x", "`f`(x)", "(f)(x)", "f(x)(y)",
                          "'t'", "'t' + 1", "f('t' + 1)", "f(('t'))", "x = 't'", "true(x)"}) {
    refusal(bad);
  }
}

TEST(Subscripts, TakeIndicesRangesAndEllipsis) {
  const auto items = root<Subscript>(parse("x[0:10:2, ..., 3, -1, :, ::2, 5:, :-5:-1]")).items;
  ASSERT_EQ(items.size(), 8u);
  EXPECT_EQ(std::get<Range>(items[0].selection), (Range{index(0), index(10), 2}));
  EXPECT_TRUE(std::holds_alternative<Ellipsis>(items[1].selection));
  EXPECT_EQ(std::get<Single>(items[2].selection).at, index(3));
  EXPECT_EQ(std::get<Single>(items[3].selection).at, index(-1));
  EXPECT_EQ(std::get<Range>(items[4].selection), Range{});
  EXPECT_EQ(std::get<Range>(items[5].selection), (Range{{}, {}, 2}));
  EXPECT_EQ(std::get<Range>(items[6].selection), (Range{index(5), {}, {}}));
  EXPECT_EQ(std::get<Range>(items[7].selection), (Range{{}, index(-5), -1}));
}

TEST(Subscripts, TellCoordinatesFromIndicesByThePoint) {
  const auto items = root<Subscript>(parse("x[lat=10.0:-5e1, time=0, `a b`=2., 1.5:]")).items;
  EXPECT_EQ(items[0].dimension, "lat");
  EXPECT_EQ(std::get<Range>(items[0].selection), (Range{Bound(10.0), Bound(-50.0), {}}));
  EXPECT_EQ(items[1].dimension, "time");
  EXPECT_EQ(std::get<Single>(items[1].selection).at, index(0));
  EXPECT_EQ(items[2].dimension, "a b");
  EXPECT_EQ(std::get<Single>(items[2].selection).at, Bound(2.0));
  EXPECT_EQ(items[3].dimension, "");
}

TEST(Subscripts, RefuseWhatMeansNothing) {
  EXPECT_EQ(refusal("x[lat=10:50.0]").message,
            "one end of the range is an index, the other a coordinate value");
  EXPECT_EQ(refusal("x[lat=0, lat=1]").message, "the dimension `lat` is given twice");
  EXPECT_EQ(refusal("x[..., ...]").message, "`...` is given twice");
  EXPECT_EQ(refusal("x[::0]").message, "a step is a whole number other than 0");
  EXPECT_EQ(refusal("x[::1.5]").message, "a step is a whole number other than 0");
  EXPECT_NE(refusal("x[y > 3]").remedy.find("where("), std::string::npos);
  for (const char* bad : {"x[]", "x[0,]", "x[lat=...]", "x[0:1:2:3]", "x[i]", "x[--1]", "x[(0)]",
                          "x[nan]", "x[9223372036854775808]", "x[0", "x[lat=]", "x[1 2]"}) {
    refusal(bad);
  }
}

TEST(Names, WithOtherCharactersStandBetweenBackquotes) {
  EXPECT_EQ(root<Name>(parse("`2m temperature/é.x`")).name, "2m temperature/é.x");
  EXPECT_EQ(root<Name>(parse("`plain`")).name, "plain");
  EXPECT_EQ(parsed("`plain` + `nan` + `and` + `1a`"), "(((plain + `nan`) + `and`) + `1a`)");
  EXPECT_EQ(refusal("`a").message, "a quote is never closed");
  EXPECT_EQ(refusal("``").message, "a name is empty");
  EXPECT_EQ(refusal("`a\nb`").message, "a control character stands between quotes");
}

TEST(Errors, SayWhereWithACaret) {
  const Error error = refusal("mean(air, tme");
  EXPECT_EQ(error.exit_code, ExitCode::kUsage);
  EXPECT_EQ(error.message, "expected , or ), found the end");
  EXPECT_EQ(error.where,
            "expression, column 14\n"
            "      mean(air, tme\n"
            "                   ^");
}

TEST(Errors, CountCharactersNotBytesAndLinesFromOne) {
  EXPECT_EQ(refusal("a = `é`;\nb = `éé` *").where,
            "expression, line 2, column 11\n"
            "      b = `éé` *\n"
            "                ^");
}

TEST(Errors, ShowOnlyTheNeighbourhoodInALongLine) {
  const Error error = refusal(repeat("a + ", 100) + "* b" + repeat(" + c", 100));
  EXPECT_TRUE(error.where.starts_with("expression, column 401\n      ..."));
  const std::size_t shown = error.where.find('\n') + 1;
  const std::size_t caret_line = error.where.rfind('\n') + 1;
  const std::size_t caret = error.where.find('^', caret_line) - caret_line;
  EXPECT_EQ(error.where[shown + caret], '*');
  EXPECT_LT(error.where.size(), 220u);
}

TEST(Errors, QuoteOnlyTheBeginOfALongName) {
  EXPECT_EQ(refusal("a " + repeat("b", 50000)).message,
            "expected an operator or ;, found `" + repeat("b", 40) + "...`");
}

TEST(Errors, SuggestTheSpellingOfThisLanguage) {
  EXPECT_EQ(refusal("a ** b").remedy, "use ^ for powers");
  EXPECT_EQ(refusal("a and b").remedy, "use &");
  EXPECT_EQ(refusal("a or b").remedy, "use |");
  EXPECT_EQ(refusal("not a").remedy, "use !");
  EXPECT_EQ(refusal("a && b").remedy, "use &");
  EXPECT_EQ(refusal("a || b").remedy, "use |");
  EXPECT_EQ(refusal("~a").remedy, "use !");
  EXPECT_EQ(refusal("a // b").remedy, "use floor(a / b)");
  EXPECT_EQ(refusal("a @ b").remedy, "use matmul(a, b)");
  EXPECT_NE(refusal("a < b < c").remedy.find("&"), std::string::npos);
  EXPECT_NE(refusal("(a = 1)").remedy.find("=="), std::string::npos);
  EXPECT_NE(refusal("x.mean(time)").remedy.find("mean(x, time)"), std::string::npos);
  EXPECT_NE(refusal("mean(x, (time, lat))").remedy.find("mean(x, time, lat)"), std::string::npos);
}

TEST(Limits, NestingOfAThousandPassesAndOneMoreIsRefused) {
  const auto nested = [](std::string_view open, std::string_view inner, std::string_view close,
                         int times) {
    return repeat(open, times) + std::string(inner) + repeat(close, times);
  };
  EXPECT_EQ(parsed(nested("(", "x", ")", 1000)), "x");
  EXPECT_EQ(parsed(nested("-", "x", "", 1000)), nested("(-", "x", ")", 1000));
  EXPECT_EQ(parsed(nested("2^", "x", "", 1000)), nested("(2 ^ ", "x", ")", 1000));
  EXPECT_EQ(parsed(nested("f(", "x", ")", 1000)), nested("f(", "x", ")", 1000));
  for (const std::string& deep :
       {nested("(", "x", ")", 1001), nested("-", "x", "", 1001), nested("2^", "x", "", 1001),
        nested("f(", "x", ")", 1001), nested("-(", "x", ")", 501), nested("(", "", "", 60000),
        nested("!", "", "", 65000), nested("2^", "2", "", 30000), nested("f(", "", "", 30000)}) {
    EXPECT_EQ(refusal(deep).message, "the expression nests deeper than 1,000 levels");
  }
}

TEST(Limits, LongChainsNeedNoStack) {
  for (const char* link : {"+1", "*1", "&1", "|x"}) {
    const Ast ast = parse("1" + repeat(link, 30000));
    EXPECT_EQ(ast.nodes.size(), 60001u);
    EXPECT_EQ(parsed("1" + repeat(link, 30000)).size(), 1u + 30000 * 6);
    EXPECT_TRUE(parse("1" + repeat(link, 30000)) == ast);
  }
  EXPECT_EQ(parsed("x" + repeat("[0]", 20000)), "x" + repeat("[0]", 20000));
  EXPECT_EQ(root<Call>(parse("f(x" + repeat(",x", 30000) + ")")).arguments.size(), 30001u);
}

TEST(Limits, InputAbove64KiBIsRefused) {
  EXPECT_EQ(parsed(repeat(" ", 65535) + "x"), "x");
  EXPECT_EQ(refusal(repeat(" ", 65536) + "x").exit_code, ExitCode::kUsage);
}

}  // namespace
}  // namespace rankine::language
