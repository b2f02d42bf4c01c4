// The functions of the language: one table from which calls are checked, built and described.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/language/ast.h"
#include "apps/language/bind.h"

namespace rankine::language {

// A call whose operands have their meaning. `values` belongs to the leading positional arguments,
// one each; the other arguments are words: axes, lengths, types, flags.
struct CallSite {
  const Ast& ast;
  const Node& node;
  const Call& call;
  std::vector<Term> values;
};

struct Function {
  std::string name;
  std::string usage;  // "mean(x, axis, ..., keepdims=, skipna=)"
  std::size_t least_values = 1;
  std::size_t most_values = 1;  // kAny: all positional arguments are values
  std::size_t least_words = 0;
  std::size_t most_words = 0;       // positional arguments after the values; kAny: no limit
  bool dimension_keywords = false;  // any keyword may stand, as the name of a dimension
  std::vector<std::string> keywords;
  std::function<Term(CallSite&)> build;

  static constexpr std::size_t kAny = ~std::size_t{0};
};

// All functions.
const std::vector<Function>& functions();

// Checks the name, the number of arguments and the keywords of a call. Throws Error (usage) with
// the position.
const Function& function_of(const Ast& ast, const Node& node, const Call& call);

// How many of the positional arguments of a call are values.
std::size_t value_count(const Function& function, const Call& call);

Array to_array(const Term& term);
Value to_value(const Term& term);

// The parts of the table.
std::vector<Function> elementwise_functions();
std::vector<Function> reduction_functions();
std::vector<Function> layout_functions();    // transpose, rechunk, concatenate, ...
std::vector<Function> creation_functions();  // zeros, full, arange, ...

}  // namespace rankine::language
