// What an eval program says, before anybody knows what its names mean.
//
// The nodes lie in one vector, operands before the nodes that use them, every node used exactly
// once. So one loop from front to back can give each node its meaning, nothing here recurses, and a
// chain of 30,000 additions is no deeper for the stack than one of two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace rankine::language {

using NodeId = std::uint32_t;  // an index into Ast::nodes

enum class UnaryOp : std::uint8_t { kPlus, kMinus, kNot };

enum class BinaryOp : std::uint8_t {
  kOr,
  kAnd,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,
  kPower,
};

// Literals are never negative: a minus sign is a Unary.
struct Boolean {
  bool value = false;
  bool operator==(const Boolean&) const = default;
};
struct Integer {
  std::uint64_t value = 0;
  bool operator==(const Integer&) const = default;
};
struct Real {
  double value = 0;                          // finite, inf or nan
  bool operator==(const Real& other) const;  // by bits, so that nan equals nan
};
// Only ever the value of an Argument.
struct Text {
  std::string value;
  bool operator==(const Text&) const = default;
};
// A variable, an earlier name of the program, or an axis or dtype if it is an argument of a call.
struct Name {
  std::string name;
  bool operator==(const Name&) const = default;
};
struct Unary {
  UnaryOp op{};
  NodeId operand = 0;
  bool operator==(const Unary&) const = default;
};
struct Binary {
  BinaryOp op{};
  NodeId left = 0;
  NodeId right = 0;
  bool operator==(const Binary&) const = default;
};

// Offsets are bytes into Ast::source; comparison passes over them.
struct Argument {
  std::string keyword;  // empty: by position; all of these stand before the first keyword
  NodeId value = 0;
  std::size_t offset = 0;
  bool operator==(const Argument& other) const;
};
// No keyword occurs twice.
struct Call {
  std::string function;
  std::vector<Argument> arguments;
  bool operator==(const Call&) const = default;
};

// An integer is an index (negative: from the end), a finite double a coordinate value.
using Bound = std::variant<std::int64_t, double>;

struct Single {
  Bound at;
  bool operator==(const Single&) const = default;
};
// If both ends are given they are of one kind. Half open for indices, closed for coordinates.
struct Range {
  std::optional<Bound> begin;
  std::optional<Bound> end;
  std::optional<std::int64_t> step;  // of indices, never 0
  bool operator==(const Range&) const = default;
};
struct Ellipsis {
  bool operator==(const Ellipsis&) const = default;
};
struct SubscriptItem {
  std::string dimension;  // empty: by position; then it may be an Ellipsis
  std::variant<Single, Range, Ellipsis> selection;
  std::size_t offset = 0;
  bool operator==(const SubscriptItem& other) const;
};
// At least one item, at most one Ellipsis, no dimension named twice.
struct Subscript {
  NodeId operand = 0;
  std::vector<SubscriptItem> items;
  bool operator==(const Subscript&) const = default;
};

struct Node {
  std::variant<Boolean, Integer, Real, Text, Name, Unary, Binary, Call, Subscript> value;
  std::size_t offset = 0;  // of the operator, the function's name, or the "[" of a subscript
  bool operator==(const Node& other) const;
};

struct Statement {
  std::string name;  // no two statements have the same one
  NodeId value = 0;
  std::size_t offset = 0;
  bool operator==(const Statement& other) const;
};

struct Ast {
  std::string source;  // for error_at (token.h)
  std::vector<Node> nodes;
  std::vector<Statement> statements;        // at least one
  bool operator==(const Ast& other) const;  // of meaning: sources and offsets may differ
};

// "+", "-", "!", "|", "==", ...
const char* spelling(UnaryOp op);
const char* spelling(BinaryOp op);

// The value of a literal integer under any number of + and -, such as the -1 of `lat=-1`; nothing
// if the node is something else or beyond 64 bits with a sign.
std::optional<std::int64_t> literal_integer(const Ast& ast, NodeId node);

// The program with every operation in parentheses: parse(to_text(x)) == x while the parentheses
// nest no deeper than kMaxNesting. to_text of a node prints that expression alone.
std::string to_text(const Ast& ast);
std::string to_text(const Ast& ast, NodeId node);

}  // namespace rankine::language
