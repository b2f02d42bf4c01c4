#include "apps/language/bind.h"

#include <map>
#include <new>
#include <optional>
#include <stdexcept>

#include "apps/language/functions.h"
#include "apps/language/literal.h"
#include "apps/language/near.h"
#include "apps/language/select.h"
#include "apps/language/sources.h"
#include "apps/language/token.h"
#include "apps/language/words.h"

namespace rankine::language {
namespace {

struct CheckedCalls {
  std::vector<const Function*> functions;  // per node; null if it is no call
  std::vector<bool> is_word;               // per node: an axis, a type, ..., not a variable
};

// Functions, numbers of arguments, keywords: what can be wrong before any file is looked at.
CheckedCalls check_calls(const Ast& ast) {
  CheckedCalls checked{std::vector<const Function*>(ast.nodes.size(), nullptr),
                       std::vector<bool>(ast.nodes.size(), false)};
  for (std::size_t id = 0; id < ast.nodes.size(); ++id) {
    const auto* call = std::get_if<Call>(&ast.nodes[id].value);
    if (call == nullptr) continue;
    checked.functions[id] = &function_of(ast, ast.nodes[id], *call);
    const std::size_t values = value_count(*checked.functions[id], *call);
    for (std::size_t i = 0; i < call->arguments.size(); ++i) {
      const Argument& argument = call->arguments[i];
      const Node& given = ast.nodes[argument.value];
      const bool is_text = std::holds_alternative<Text>(given.value);
      if (i < values && is_text) {
        throw error_at(ast.source, argument.offset, "expected a value, not a text",
                       "a name with unusual characters stands between backquotes");
      }
      checked.is_word[argument.value] =
          i >= values && (is_text || std::holds_alternative<Name>(given.value));
    }
  }
  return checked;
}

// One loop over the nodes: operands come before their users.
class Binder {
 public:
  Binder(const Ast& ast, CheckedCalls calls, const Inputs& inputs)
      : ast_(ast),
        calls_(std::move(calls)),
        places_(places_of(ast.source)),
        terms_(ast.nodes.size()),
        sources_(inputs) {}

  std::vector<Binding> run() {
    std::vector<Binding> bindings;
    NodeId next = 0;
    for (const Statement& statement : ast_.statements) {
      for (; next <= statement.value; ++next) {
        if (!calls_.is_word[next]) terms_[next] = term_at(next);
      }
      Term value = *terms_[statement.value];
      earlier_.insert_or_assign(statement.name, value);
      bindings.push_back({statement.name, std::move(value), statement.name.starts_with('_')});
    }
    return bindings;
  }

 private:
  // Gives errors without a place that of the node.
  Term term_at(NodeId id) {
    const Node& node = ast_.nodes[id];
    const expr::LocationScope here(places_[node.offset]);
    try {
      return std::visit([&](const auto& value) { return term(id, node, value); }, node.value);
    } catch (const Error& error) {
      if (!error.where.empty()) throw;
      Error placed = error_at(ast_.source, node.offset, error.message, error.remedy);
      placed.exit_code = error.exit_code;
      throw placed;
    } catch (const std::length_error&) {
      throw error_at(ast_.source, node.offset, "the result has more than 32 axes",
                     "reduce or select some of them first");
    }
  }

  Term term(NodeId, const Node&, const Boolean& literal) { return Literal::of(literal.value); }
  Term term(NodeId, const Node&, const Real& literal) { return Literal::of(literal.value); }
  Term term(NodeId id, const Node& node, const Integer& literal) {
    if (literal.value <= static_cast<std::uint64_t>(INT64_MAX)) {
      return Literal::of(static_cast<std::int64_t>(literal.value));
    }
    // -9223372036854775808: the sign that uses this node is the next one and gives the value.
    const auto* sign =
        id + 1 < ast_.nodes.size() ? std::get_if<Unary>(&ast_.nodes[id + 1].value) : nullptr;
    if (sign != nullptr && sign->operand == id && literal_integer(ast_, id + 1)) {
      return Literal::of(INT64_MIN);
    }
    throw error_at(ast_.source, node.offset, "a whole number goes beyond 64 bits with a sign",
                   "write it with a point, as a float64");
  }
  // Only ever an argument, and check_calls lets none be a value.
  Term term(NodeId, const Node&, const Text&) { return Literal(); }

  Term term(NodeId, const Node& node, const Name& name) {
    if (const auto found = earlier_.find(name.name); found != earlier_.end()) return found->second;
    if (const auto array = sources_.find(name.name, reader_)) return *array;
    throw unknown(node, name.name);
  }

  Term term(NodeId id, const Node&, const Unary& unary) {
    const Term& operand = *terms_[unary.operand];
    if (const auto whole = literal_integer(ast_, id)) return Literal::of(*whole);
    if (const auto* literal = std::get_if<Literal>(&operand)) return fold(unary.op, *literal);
    if (unary.op == UnaryOp::kPlus) return operand;
    return rankine::apply(
        unary.op == UnaryOp::kMinus ? kernels::Op::kNegative : kernels::Op::kInvert,
        {to_value(operand)});
  }

  Term term(NodeId, const Node&, const Binary& binary) {
    const Term& left = *terms_[binary.left];
    const Term& right = *terms_[binary.right];
    const auto* a = std::get_if<Literal>(&left);
    const auto* b = std::get_if<Literal>(&right);
    if (a != nullptr && b != nullptr) return fold(binary.op, *a, *b);
    return rankine::apply(operation_of(binary.op), {to_value(left), to_value(right)});
  }

  Term term(NodeId id, const Node& node, const Call& call) {
    CallSite site{ast_, node, call, {}};
    const std::size_t values = value_count(*calls_.functions[id], call);
    for (std::size_t i = 0; i < values; ++i) {
      site.values.push_back(*terms_[call.arguments[i].value]);
    }
    return calls_.functions[id]->build(site);
  }

  Term term(NodeId, const Node& node, const Subscript& subscript) {
    const auto* array = std::get_if<Array>(&*terms_[subscript.operand]);
    if (array == nullptr) {
      throw error_at(ast_.source, node.offset, "a number has no axes to select from",
                     "leave the brackets out");
    }
    return select(ast_, subscript, *array, reader_);
  }

  Error unknown(const Node& node, const std::string& name) const {
    std::vector<std::string> known = sources_.names();
    for (const auto& [statement, value] : earlier_) known.push_back(statement);
    const auto near = near_names(name, known);
    std::string remedy = "name a file, or give it by -v " + name + "=FILE:/path";
    if (!near.empty()) {
      remedy = "did you mean " + listed(near, near.size()) + "?";
    } else if (!known.empty()) {
      remedy = "there is " + listed(known, 10);
    }
    for (const Statement& statement : ast_.statements) {
      if (statement.name != name) continue;
      remedy = "it is given a value further on; put that statement first";
    }
    const std::string place = sources_.place();
    Error error =
        error_at(ast_.source, node.offset,
                 "there is no variable `" + name + "`" + (place.empty() ? "" : " in " + place),
                 std::move(remedy));
    if (!place.empty()) error.exit_code = ExitCode::kInput;
    return error;
  }

  const Ast& ast_;
  const CheckedCalls calls_;
  const std::vector<expr::Location> places_;
  std::vector<std::optional<Term>> terms_;
  std::map<std::string, Term> earlier_;
  Sources sources_;
  LabelReader reader_;
};

}  // namespace

std::vector<Binding> bind(const Ast& ast, const Inputs& inputs) {
  return Binder(ast, check_calls(ast), inputs).run();
}

}  // namespace rankine::language
