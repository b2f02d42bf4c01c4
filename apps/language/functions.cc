#include "apps/language/functions.h"

#include <algorithm>

#include "apps/language/literal.h"
#include "apps/language/near.h"
#include "apps/language/token.h"

namespace rankine::language {
namespace {

std::vector<Function> make_table() {
  std::vector<Function> all;
  for (auto&& part :
       {elementwise_functions(), reduction_functions(), layout_functions(), creation_functions()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// NumPy's names of elementwise functions are accepted, but not listed.
const Function* find_function(std::string_view name) {
  const auto known = [](std::string_view wanted) -> const Function* {
    const auto found = std::find_if(functions().begin(), functions().end(),
                                    [&](const Function& f) { return f.name == wanted; });
    return found == functions().end() ? nullptr : &*found;
  };
  if (const Function* function = known(name)) return function;
  const auto op = kernels::find_op(name);
  return op ? known(kernels::name_of(*op)) : nullptr;
}

std::size_t positional_count(const Call& call) {
  return std::count_if(call.arguments.begin(), call.arguments.end(),
                       [](const Argument& a) { return a.keyword.empty(); });
}

void check_keywords(const Ast& ast, const Function& function, const Call& call) {
  if (function.dimension_keywords) return;
  for (const Argument& argument : call.arguments) {
    const auto& known = function.keywords;
    if (argument.keyword.empty() ||
        std::find(known.begin(), known.end(), argument.keyword) != known.end()) {
      continue;
    }
    throw error_at(ast.source, argument.offset,
                   function.name + " has no argument `" + argument.keyword + "`",
                   "write " + function.usage);
  }
}

}  // namespace

const std::vector<Function>& functions() {
  static const std::vector<Function> table = make_table();
  return table;
}

std::size_t value_count(const Function& function, const Call& call) {
  return std::min(function.most_values, positional_count(call));
}

const Function& function_of(const Ast& ast, const Node& node, const Call& call) {
  const Function* function = find_function(call.function);
  if (function == nullptr) {
    std::vector<std::string> names;
    for (const Function& known : functions()) names.push_back(known.name);
    const auto near = near_names(call.function, names);
    throw error_at(ast.source, node.offset, "there is no function `" + call.function + "`",
                   near.empty() ? "README.md lists the functions under 'The eval language'"
                                : "did you mean " + listed(near, near.size()) + "?");
  }
  const std::size_t given = positional_count(call);
  const bool open_ended =
      function->most_values == Function::kAny || function->most_words == Function::kAny;
  if (given < function->least_values + function->least_words ||
      (!open_ended && given > function->most_values + function->most_words)) {
    throw error_at(ast.source, node.offset,
                   "wrong number of arguments for " + function->name + ": " + std::to_string(given),
                   "write " + function->usage);
  }
  check_keywords(ast, *function, call);
  return *function;
}

Array to_array(const Term& term) {
  if (const auto* array = std::get_if<Array>(&term)) return *array;
  const auto& literal = std::get<Literal>(term);
  return full({}, literal, dtype_of(literal));
}

Value to_value(const Term& term) {
  if (const auto* array = std::get_if<Array>(&term)) return Value(*array);
  return Value(std::get<Literal>(term), Here::current());
}

std::vector<Function> elementwise_functions() {
  std::vector<Function> all;
  for (int i = 0; i < kernels::kOpCount; ++i) {
    const auto op = static_cast<kernels::Op>(i);
    Function function;
    function.name = kernels::name_of(op);
    if (function.name == "and" || function.name == "or" || function.name == "not") {
      function.name = kernels::numpy_name(op);  // those are reserved words
    }
    const auto operands = static_cast<std::size_t>(kernels::arity(op));
    constexpr const char* kOperands[] = {"(x)", "(a, b)", "(condition, a, b)"};
    function.usage =
        function.name + (op == kernels::Op::kClip ? "(x, low, high)" : kOperands[operands - 1]);
    function.least_values = function.most_values = operands;
    function.build = [op](CallSite& site) -> Term {
      std::vector<Literal> literals;
      std::vector<Value> values;
      for (const Term& term : site.values) {
        if (const auto* literal = std::get_if<Literal>(&term)) literals.push_back(*literal);
        values.push_back(to_value(term));
      }
      if (literals.size() == values.size()) return fold(op, literals);
      return rankine::apply(op, values);
    };
    all.push_back(std::move(function));
  }
  return all;
}

}  // namespace rankine::language
