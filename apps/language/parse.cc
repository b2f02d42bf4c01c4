#include "apps/language/parse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "apps/language/token.h"

namespace rankine::language {
namespace {

struct BinaryForm {
  BinaryOp op;
  int level;  // higher binds tighter
};

constexpr int kLoosest = 1;
constexpr int kComparison = 3;

// ^ is not among them: it is right-associative and binds tighter than a sign on its left.
std::optional<BinaryForm> binary_form(const Token& token) {
  constexpr std::array kForms = {
      BinaryForm{BinaryOp::kOr, kLoosest},
      BinaryForm{BinaryOp::kAnd, 2},
      BinaryForm{BinaryOp::kEqual, kComparison},
      BinaryForm{BinaryOp::kNotEqual, kComparison},
      BinaryForm{BinaryOp::kLess, kComparison},
      BinaryForm{BinaryOp::kLessEqual, kComparison},
      BinaryForm{BinaryOp::kGreater, kComparison},
      BinaryForm{BinaryOp::kGreaterEqual, kComparison},
      BinaryForm{BinaryOp::kAdd, 4},
      BinaryForm{BinaryOp::kSubtract, 4},
      BinaryForm{BinaryOp::kMultiply, 5},
      BinaryForm{BinaryOp::kDivide, 5},
      BinaryForm{BinaryOp::kRemainder, 5},
  };
  if (token.kind != TokenKind::kSymbol) return std::nullopt;
  for (const BinaryForm& form : kForms) {
    if (token.text == spelling(form.op)) return form;
  }
  return std::nullopt;
}

std::optional<UnaryOp> unary_op(const Token& token) {
  if (token.kind != TokenKind::kSymbol) return std::nullopt;
  for (UnaryOp op : {UnaryOp::kPlus, UnaryOp::kMinus, UnaryOp::kNot}) {
    if (token.text == spelling(op)) return op;
  }
  return std::nullopt;
}

bool is_name(const Token& token) {
  return token.kind == TokenKind::kQuotedName ||
         (token.kind == TokenKind::kName && !is_reserved(token.text));
}

class Parser {
 public:
  explicit Parser(std::string source) {
    ast_.source = std::move(source);
    tokens_ = tokenize(ast_.source);  // views into ast_.source, which stays in place until the end
  }

  Ast program() && {
    if (peek().kind == TokenKind::kEnd) {
      throw fail(peek(), "the expression is empty", "write for example 'm = mean(x, time)'");
    }
    do {
      statement();
    } while (accept(";") && peek().kind != TokenKind::kEnd);
    if (peek().kind != TokenKind::kEnd) unexpected("an operator or ;");
    return std::move(ast_);
  }

 private:
  // Holds one level of nesting while it lives. The limit keeps the recursion inside any usual
  // stack.
  class Level {
   public:
    Level(Parser& parser, const Token& opener) : parser_(parser) {
      if (parser.nesting_ == kMaxNesting) {
        throw parser.fail(opener, "the expression nests deeper than 1,000 levels",
                          "give parts of it names: _part = ...; whole = f(_part)");
      }
      ++parser_.nesting_;
    }
    ~Level() { --parser_.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  // --- tokens

  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  const Token& take() { return tokens_[next_++]; }
  bool sees(std::string_view symbol, std::size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::kSymbol && peek(ahead).text == symbol;
  }
  bool accept(std::string_view symbol) {
    if (!sees(symbol)) return false;
    ++next_;
    return true;
  }
  void expect(std::string_view symbol) {
    if (!accept(symbol)) unexpected(std::string(symbol));
  }
  std::string take_name() {
    if (!is_name(peek())) unexpected("a name");
    return std::string(take().text);
  }

  Error fail(const Token& token, std::string message, std::string remedy = {}) const {
    return error_at(ast_.source, token.offset, std::move(message), std::move(remedy));
  }

  [[noreturn]] void unexpected(const std::string& expected) const {
    const Token& token = peek();
    constexpr std::size_t kShown = 40;
    std::string found = "the end";
    if (token.kind == TokenKind::kText) {
      found = "a text";
    } else if (token.kind != TokenKind::kEnd) {
      found = "`" + std::string(token.text.substr(0, kShown)) +
              (token.text.size() > kShown ? "...`" : "`");
    }
    throw fail(token, "expected " + expected + ", found " + found, remedy_for(token));
  }

  std::string remedy_for(const Token& token) const {
    if (token.kind == TokenKind::kName) {
      if (token.text == "and") return "use &";
      if (token.text == "or") return "use |";
      if (token.text == "not") return "use !";
      if (is_reserved(token.text)) return "a name like this one stands between backquotes";
    }
    if (token.kind == TokenKind::kText) return "a text can only be an argument of a function";
    if (sees("=")) return "== compares; = gives a name at the begin of a statement or in a call";
    if (sees(",") && nesting_ > 0) return "list axes one by one: mean(x, time, lat)";
    return {};
  }

  NodeId add(const Token& token, decltype(Node::value) value) {
    ast_.nodes.push_back(Node{std::move(value), token.offset});
    return static_cast<NodeId>(ast_.nodes.size() - 1);
  }

  // --- statements

  void statement() {
    const Token& first = peek();
    const bool named = is_name(first) && sees("=", 1);
    if (!named && !ast_.statements.empty()) {
      throw fail(first, "one of several statements has no name", "write name = expression");
    }
    std::string name = "result";
    if (named) {
      name = take_name();
      expect("=");
    }
    for (const Statement& earlier : ast_.statements) {
      if (earlier.name != name) continue;
      throw fail(first, "the name `" + name + "` is given twice",
                 "begin one that is not to be written with _");
    }
    const NodeId value = binary(kLoosest);
    ast_.statements.push_back(Statement{std::move(name), value, first.offset});
    if (!named && sees(";") && peek(1).kind != TokenKind::kEnd) {
      throw fail(first, "one of several statements has no name", "write name = expression");
    }
  }

  // --- expressions

  NodeId binary(int loosest) {
    NodeId left = unary();
    bool compared = false;
    for (;;) {
      const std::optional<BinaryForm> form = binary_form(peek());
      if (!form || form->level < loosest) return left;
      const Token& symbol = take();
      if (form->level == kComparison && std::exchange(compared, true)) {
        throw fail(symbol, "comparisons do not chain", "use &: (a < b) & (b < c)");
      }
      const NodeId right = binary(form->level + 1);
      left = add(symbol, Binary{form->op, left, right});
    }
  }

  NodeId unary() {
    const std::optional<UnaryOp> op = unary_op(peek());
    if (!op) return power();
    const Token& symbol = take();
    const Level level(*this, symbol);
    const NodeId operand = unary();
    return add(symbol, Unary{*op, operand});
  }

  NodeId power() {
    const NodeId base = postfix();
    if (!sees("^")) return base;
    const Token& symbol = take();
    const Level level(*this, symbol);
    const NodeId exponent = unary();
    return add(symbol, Binary{BinaryOp::kPower, base, exponent});
  }

  NodeId postfix() {
    NodeId operand = primary();
    while (sees("[")) operand = subscript(operand);
    return operand;
  }

  NodeId primary() {
    const Token& token = peek();
    if (token.kind == TokenKind::kInteger) return add(take(), Integer{integer(token)});
    if (token.kind == TokenKind::kReal) return add(take(), Real{real(token)});
    if (token.kind == TokenKind::kName && is_reserved(token.text)) return constant();
    if (token.kind == TokenKind::kName && sees("(", 1)) return call();
    if (is_name(token)) return add(token, Name{take_name()});
    if (!sees("(")) unexpected("a value");
    take();
    const Level level(*this, token);
    const NodeId inner = binary(kLoosest);
    expect(")");
    return inner;
  }

  NodeId constant() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    const Token& token = peek();
    if (token.text == "true" || token.text == "false") {
      return add(take(), Boolean{token.text == "true"});
    }
    if (token.text == "nan" || token.text == "inf") {
      return add(take(), Real{token.text == "nan" ? kNaN : kInfinity});
    }
    unexpected("a value");
  }

  // --- calls

  NodeId call() {
    const Token& function = take();
    const Level level(*this, take());
    Call call{std::string(function.text), {}};
    while (!accept(")")) {
      if (!call.arguments.empty()) {
        if (!sees(",")) unexpected(", or )");
        take();
      }
      call.arguments.push_back(argument(call.arguments));
    }
    return add(function, std::move(call));
  }

  Argument argument(const std::vector<Argument>& earlier) {
    const Token& first = peek();
    Argument argument;
    argument.offset = first.offset;
    if (is_name(first) && sees("=", 1)) {
      argument.keyword = take_name();
      expect("=");
      for (const Argument& other : earlier) {
        if (other.keyword != argument.keyword) continue;
        throw fail(first, "the argument `" + argument.keyword + "` is given twice",
                   "leave one of them out");
      }
    } else if (!earlier.empty() && !earlier.back().keyword.empty()) {
      throw fail(first, "an argument without a name follows one with a name",
                 "put those with a name last");
    }
    const bool is_text = peek().kind == TokenKind::kText;
    argument.value = is_text ? add(peek(), Text{std::string(peek().text)}) : binary(kLoosest);
    if (is_text) take();
    return argument;
  }

  // --- subscripts

  NodeId subscript(NodeId operand) {
    const Token& bracket = take();
    Subscript subscript{operand, {}};
    do {
      subscript.items.push_back(item(subscript.items));
    } while (accept(","));
    if (!accept("]")) unexpected(", or ]");
    return add(bracket, std::move(subscript));
  }

  SubscriptItem item(const std::vector<SubscriptItem>& earlier) {
    const Token& first = peek();
    SubscriptItem item;
    item.offset = first.offset;
    if (is_name(first) && sees("=", 1)) {
      item.dimension = take_name();
      expect("=");
    }
    if (item.dimension.empty() && accept("...")) item.selection = Ellipsis{};
    else item.selection = selection();
    for (const SubscriptItem& other : earlier) {
      if (!item.dimension.empty() && other.dimension == item.dimension) {
        throw fail(first, "the dimension `" + item.dimension + "` is given twice",
                   "select twice: x[...][...]");
      }
      if (std::holds_alternative<Ellipsis>(item.selection) &&
          std::holds_alternative<Ellipsis>(other.selection)) {
        throw fail(first, "`...` is given twice", "write : for one whole axis");
      }
    }
    return item;
  }

  decltype(SubscriptItem::selection) selection() {
    const Token& first = peek();
    Range range;
    if (!sees(":")) range.begin = bound();
    if (!accept(":")) return Single{*range.begin};
    if (!ends_part()) range.end = bound();
    if (accept(":") && !ends_part()) range.step = step();
    if (range.begin && range.end && range.begin->index() != range.end->index()) {
      throw fail(first, "one end of the range is an index, the other a coordinate value",
                 "write a point in both or in neither: lat=10.0:50.0");
    }
    return range;
  }

  bool ends_part() const { return sees(":") || sees(",") || sees("]"); }

  Bound bound() {
    const bool negative = sees("-");
    if (negative || sees("+")) take();
    const Token& token = peek();
    if (token.kind == TokenKind::kReal) {
      const double value = real(take());
      return negative ? -value : value;
    }
    if (token.kind != TokenKind::kInteger) {
      throw fail(token, "expected a number, a range or `...` in the subscript",
                 "to pick by a condition use where(condition, x, nan)");
    }
    const std::uint64_t value = integer(take());
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      throw fail(token, "an index is beyond 63 bits", "leave it out for the whole axis");
    }
    return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  }

  std::int64_t step() {
    const Token& token = peek();
    const Bound value = bound();
    const auto* step = std::get_if<std::int64_t>(&value);
    if (!step || *step == 0)
      throw fail(token, "a step is a whole number other than 0",
                 "write 1 for every element, -1 to go back");
    return *step;
  }

  // --- numbers

  std::uint64_t integer(const Token& token) const {
    std::uint64_t value = 0;
    const auto result = std::from_chars(token.text.begin(), token.text.end(), value);
    if (result.ec == std::errc()) return value;
    throw fail(token, "an integer is beyond 64 bits", "write it with a point, as a float64");
  }

  double real(const Token& token) const {
    double value = 0;
    const auto result = std::from_chars(token.text.begin(), token.text.end(), value);
    if (result.ec == std::errc()) return value;
    throw fail(token, "a number is beyond the range of float64", "write inf or 0.0");
  }

  Ast ast_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int nesting_ = 0;
};

}  // namespace

Ast parse(std::string source) { return Parser(std::move(source)).program(); }

}  // namespace rankine::language
