// Programs nobody wrote: random trees that must survive printing, and good programs with bytes
// changed that must parse or be refused, never worse (the sanitizer builds run this too).
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <random>
#include <set>
#include <string>

#include "apps/language/parse.h"
#include "runtime/base/error.h"

namespace rankine::language {
namespace {

class RandomProgram {
 public:
  explicit RandomProgram(std::uint32_t seed) : random_(seed) {}

  Ast make() {
    const int statements = below(3) + 1;
    for (int i = 0; i < statements; ++i) {
      const NodeId value = expression(below(7));
      ast_.statements.push_back(Statement{name() + std::to_string(i), value, 0});
    }
    return std::move(ast_);
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint32_t>(limit)); }

  NodeId add(decltype(Node::value) value) {
    ast_.nodes.push_back(Node{std::move(value), 0});
    return static_cast<NodeId>(ast_.nodes.size() - 1);
  }

  std::string name() {
    constexpr std::array kNames = {"x", "t2m", "_w", "a b", "nan", "not", "1x", "é", "g/v.1", "e3"};
    return kNames[static_cast<std::size_t>(below(kNames.size()))];
  }

  double real() {
    constexpr std::array kReals = {0.0, 1.0, 0.1, 1e300, 5e-324, 1e22, 123456789.125, 1e16};
    return kReals[static_cast<std::size_t>(below(kReals.size()))];
  }

  NodeId leaf() {
    switch (below(6)) {
      case 0: return add(Boolean{below(2) == 0});
      case 1: return add(Integer{(std::uint64_t{random_()} << 32 | random_()) >> below(64)});
      case 2: return add(Real{real()});
      case 3:
        return add(Real{below(2) == 0 ? std::numeric_limits<double>::infinity()
                                      : std::numeric_limits<double>::quiet_NaN()});
      default: return add(Name{name()});
    }
  }

  NodeId expression(int depth) {
    if (depth == 0) return leaf();
    switch (below(6)) {
      case 0: {
        const NodeId operand = expression(depth - 1);
        return add(Unary{static_cast<UnaryOp>(below(3)), operand});
      }
      case 1: return call(depth);
      case 2: {
        const NodeId operand = expression(depth - 1);
        return add(Subscript{operand, items()});
      }
      default: {
        const NodeId left = expression(depth - 1);
        const NodeId right = expression(below(depth));
        return add(Binary{static_cast<BinaryOp>(below(14)), left, right});
      }
    }
  }

  NodeId call(int depth) {
    Call call{"f", {}};
    const int by_position = below(3);
    const int by_name = below(3);
    for (int i = 0; i < by_position + by_name; ++i) {
      Argument argument;
      if (i >= by_position) argument.keyword = name() + std::to_string(i);
      argument.value =
          below(5) == 0 ? add(Text{below(2) ? "it's" : "\"q\""}) : expression(below(depth));
      call.arguments.push_back(argument);
    }
    return add(std::move(call));
  }

  std::vector<SubscriptItem> items() {
    std::vector<SubscriptItem> items;
    const int count = below(3) + 1;
    const int ellipsis = below(2 * count);
    for (int i = 0; i < count; ++i) {
      SubscriptItem item;
      if (i == ellipsis) {
        item.selection = Ellipsis{};
      } else {
        if (below(2)) item.dimension = name() + std::to_string(i);
        item.selection = selection();
      }
      items.push_back(item);
    }
    return items;
  }

  Bound bound(bool coordinate) {
    if (coordinate) return below(2) ? real() : -real();
    return std::int64_t{below(2000)} - 1000;
  }

  decltype(SubscriptItem::selection) selection() {
    const bool coordinate = below(2) == 0;
    if (below(2)) return Single{bound(coordinate)};
    Range range;
    if (below(2)) range.begin = bound(coordinate);
    if (below(2)) range.end = bound(coordinate);
    if (below(2)) range.step = below(2) ? below(9) + 1 : -below(9) - 1;
    return range;
  }

  std::mt19937 random_;
  Ast ast_;
};

std::uint32_t fresh_seed() {
  const std::uint32_t seed = std::random_device{}();
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

TEST(RandomPrograms, PrintToWhatParsesToTheSame) {
  const std::uint32_t seed = fresh_seed();
  std::set<std::size_t> sizes;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const Ast made = RandomProgram(seed + i).make();
    const std::string text = to_text(made);
    sizes.insert(made.nodes.size());
    try {
      ASSERT_TRUE(parse(text) == made) << "seed " << seed + i << ": " << text;
    } catch (const Error& error) {
      FAIL() << "seed " << seed + i << ": " << error.block();
    }
  }
  EXPECT_GT(sizes.size(), 20u);
}

TEST(RandomPrograms, AreNotAllEqual) {
  const std::uint32_t seed = fresh_seed();
  int equal = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    equal += RandomProgram(seed + i).make() == RandomProgram(seed + i + 1000).make();
  }
  EXPECT_LT(equal, 50) << "seed " << seed;
}

TEST(MutatedPrograms, ParseOrAreRefusedAsUsage) {
  constexpr std::array<std::string_view, 6> kGood = {
      "anom = t2m - mean(t2m, time)",
      "_w = sqrt(u^2 + v^2); top = max(_w, time, keepdims=true);\n",
      "r = x[0:10:2, ..., 3] + y[lat=10.0:-50.0, time=0, `a b`=-1]",
      "m = where(a > 1 & b < 2 | !c, 1.5e-3, nan) % -2^.5",
      "c = concatenate(x, \"it's\", 'say', axis=time) / ((((1))))",
      "q = clip(x, -1, +inf) == true != false; z = rechunk(q, time=100, lat=-1)",
  };
  const std::uint32_t seed = fresh_seed();
  std::mt19937 random(seed);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text(kGood[random() % kGood.size()]);
    for (std::uint32_t edits = random() % 4 + 1; edits-- > 0 && !text.empty();) {
      const std::size_t at = random() % text.size();
      const char byte = random() % 2 ? static_cast<char>(random() % 256)
                                     : kGood[random() % kGood.size()][random() % 28];
      switch (random() % 4) {
        case 0: text[at] = byte; break;
        case 1: text.insert(at, 1, byte); break;
        case 2: text.erase(at, random() % 4 + 1); break;
        default: text += text.substr(at, random() % 20); break;
      }
    }
    try {
      const Ast ast = parse(text);
      ASSERT_TRUE(parse(to_text(ast)) == ast) << "seed " << seed << ": " << text;
      ++accepted;
    } catch (const Error& error) {
      ASSERT_EQ(error.exit_code, ExitCode::kUsage) << "seed " << seed << ": " << text;
      ASSERT_FALSE(error.where.empty()) << "seed " << seed << ": " << text;
    }
  }
  EXPECT_GT(accepted, 500) << "seed " << seed;
  EXPECT_LT(accepted, 19500) << "seed " << seed;
}

}  // namespace
}  // namespace rankine::language
