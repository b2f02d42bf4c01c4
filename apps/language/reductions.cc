#include "apps/language/functions.h"
#include "apps/language/token.h"
#include "apps/language/words.h"
#include "runtime/expr/node.h"

namespace rankine::language {
namespace {

using kernels::ReduceOp;

// The axes of the positional arguments after the first and of axis=.
Axes axes_of(const CallSite& site, const Array& array) {
  std::vector<Axis> axes;
  std::vector<bool> taken(array.rank(), false);
  for (std::size_t i = 1; i < site.call.arguments.size(); ++i) {
    const Argument& argument = site.call.arguments[i];
    if (!argument.keyword.empty() && argument.keyword != "axis") continue;
    const std::size_t axis = axis_word(site.ast, argument, array);
    if (taken[axis])
      throw error_at(site.ast.source, argument.offset, "an axis is named twice",
                     "name each axis once");
    taken[axis] = true;
    axes.emplace_back(static_cast<std::int64_t>(axis));
  }
  return Axes(std::move(axes));
}

Term build_reduction(CallSite& site, ReduceOp op) {
  const Array array = to_array(site.values.front());
  ReduceOptions options;
  if (const Argument* given = keyword(site.call, "keepdims")) {
    options.keepdims = flag_word(site.ast, *given);
  }
  if (const Argument* given = keyword(site.call, "skipna")) {
    options.skipna = flag_word(site.ast, *given);
  }
  if (const Argument* given = keyword(site.call, "ddof")) {
    options.ddof = integer_word(site.ast, *given);
  }
  return array.reduce(op, axes_of(site, array), options, Here::current());
}

Function reduction(std::string name, ReduceOp op, bool has_skipna) {
  Function function;
  function.name = std::move(name);
  function.most_words = Function::kAny;
  function.keywords = {"axis", "keepdims"};
  if (has_skipna) function.keywords.push_back("skipna");
  if (op == ReduceOp::kVar || op == ReduceOp::kStd) function.keywords.push_back("ddof");
  function.usage = function.name + "(x, axis, ...";
  for (const std::string& word : function.keywords) function.usage += ", " + word + "=";
  function.usage += ")";
  function.build = [op](CallSite& site) { return build_reduction(site, op); };
  return function;
}

}  // namespace

std::vector<Function> reduction_functions() {
  std::vector<Function> all;
  for (ReduceOp op : {ReduceOp::kSum, ReduceOp::kProd, ReduceOp::kMean, ReduceOp::kVar,
                      ReduceOp::kStd, ReduceOp::kMin, ReduceOp::kMax}) {
    const std::string name(expr::name_of(op));
    all.push_back(reduction(name, op, true));
    all.push_back(reduction("nan" + name, op, false));  // skips NaN, as all do without skipna=
  }
  for (ReduceOp op : {ReduceOp::kAny, ReduceOp::kAll, ReduceOp::kCount}) {
    all.push_back(reduction(std::string(expr::name_of(op)), op, false));
  }
  return all;
}

}  // namespace rankine::language
