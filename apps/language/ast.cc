#include "apps/language/ast.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "apps/language/token.h"

namespace rankine::language {
namespace {

std::string name_text(const std::string& name) {
  if (is_plain_name(name)) return name;
  return std::string("`").append(name).append("`");
}

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return "inf";
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  std::string text(digits.data(), end);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

std::string bound_text(const Bound& bound) {
  if (const auto* index = std::get_if<std::int64_t>(&bound)) return std::to_string(*index);
  return real_text(std::get<double>(bound));
}

std::string item_text(const SubscriptItem& item) {
  std::string text;
  if (!item.dimension.empty()) text.append(name_text(item.dimension)).append("=");
  if (const auto* single = std::get_if<Single>(&item.selection)) {
    return text + bound_text(single->at);
  }
  if (std::holds_alternative<Ellipsis>(item.selection)) return text + "...";
  const auto& range = std::get<Range>(item.selection);
  if (range.begin) text += bound_text(*range.begin);
  text += ":";
  if (range.end) text += bound_text(*range.end);
  if (range.step) text.append(":").append(std::to_string(*range.step));
  return text;
}

// What is still to be printed, next piece last; keeps the printer off the stack.
class Printer {
 public:
  Printer(const Ast& ast, NodeId root) : ast_(ast) { pending_.emplace_back(root); }

  std::string run() {
    while (!pending_.empty()) {
      const Piece piece = std::move(pending_.back());
      pending_.pop_back();
      if (const auto* text = std::get_if<std::string>(&piece)) {
        text_ += *text;
      } else {
        const Node& node = ast_.nodes[std::get<NodeId>(piece)];
        std::visit([this](const auto& value) { print(value); }, node.value);
      }
    }
    return std::move(text_);
  }

 private:
  using Piece = std::variant<NodeId, std::string>;

  void print(const Boolean& literal) { text_ += literal.value ? "true" : "false"; }
  void print(const Integer& literal) { text_ += std::to_string(literal.value); }
  void print(const Real& literal) { text_ += real_text(literal.value); }
  void print(const Text& literal) {
    const char* quote = literal.value.find('\'') == std::string::npos ? "'" : "\"";
    text_ += quote + literal.value + quote;
  }
  void print(const Name& name) { text_ += name_text(name.name); }
  void print(const Unary& unary) {
    text_ += std::string("(") + spelling(unary.op);
    pending_.emplace_back(")");
    pending_.emplace_back(unary.operand);
  }
  void print(const Binary& binary) {
    text_ += "(";
    pending_.emplace_back(")");
    pending_.emplace_back(binary.right);
    pending_.emplace_back(std::string(" ") + spelling(binary.op) + " ");
    pending_.emplace_back(binary.left);
  }
  void print(const Call& call) {
    text_ += call.function + "(";
    pending_.emplace_back(")");
    for (std::size_t i = call.arguments.size(); i-- > 0;) {
      const Argument& argument = call.arguments[i];
      pending_.emplace_back(argument.value);
      std::string before = i == 0 ? "" : ", ";
      if (!argument.keyword.empty()) before += name_text(argument.keyword) + "=";
      pending_.emplace_back(std::move(before));
    }
  }
  void print(const Subscript& subscript) {
    std::string items = "[";
    for (const SubscriptItem& item : subscript.items) {
      if (items.size() > 1) items += ", ";
      items += item_text(item);
    }
    pending_.emplace_back(items + "]");
    pending_.emplace_back(subscript.operand);
  }

  const Ast& ast_;
  std::vector<Piece> pending_;
  std::string text_;
};

}  // namespace

bool Real::operator==(const Real& other) const {
  return std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(other.value);
}
bool Argument::operator==(const Argument& other) const {
  return keyword == other.keyword && value == other.value;
}
bool SubscriptItem::operator==(const SubscriptItem& other) const {
  return dimension == other.dimension && selection == other.selection;
}
bool Node::operator==(const Node& other) const { return value == other.value; }
bool Statement::operator==(const Statement& other) const {
  return name == other.name && value == other.value;
}
bool Ast::operator==(const Ast& other) const {
  return nodes == other.nodes && statements == other.statements;
}

const char* spelling(UnaryOp op) {
  constexpr std::array kSpellings = {"+", "-", "!"};
  return kSpellings[static_cast<std::size_t>(op)];
}

const char* spelling(BinaryOp op) {
  constexpr std::array kSpellings = {"|",  "&", "==", "!=", "<", "<=", ">",
                                     ">=", "+", "-",  "*",  "/", "%",  "^"};
  return kSpellings[static_cast<std::size_t>(op)];
}

std::optional<std::int64_t> literal_integer(const Ast& ast, NodeId node) {
  bool negative = false;
  const Unary* sign = nullptr;
  while ((sign = std::get_if<Unary>(&ast.nodes[node].value)) && sign->op != UnaryOp::kNot) {
    negative ^= sign->op == UnaryOp::kMinus;
    node = sign->operand;
  }
  const auto* literal = std::get_if<Integer>(&ast.nodes[node].value);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!literal || literal->value > kMost + (negative ? 1 : 0)) return std::nullopt;
  // Unsigned negation wraps, so that -2^63 needs no special case.
  return static_cast<std::int64_t>(negative ? 0 - literal->value : literal->value);
}

std::string to_text(const Ast& ast, NodeId node) { return Printer(ast, node).run(); }

std::string to_text(const Ast& ast) {
  std::string text;
  for (const Statement& statement : ast.statements) {
    if (!text.empty()) text += "; ";
    text += name_text(statement.name) + " = " + to_text(ast, statement.value);
  }
  return text;
}

}  // namespace rankine::language
