// transpose, astype, concatenate, rechunk, shift, matmul, rename, unnamed.
#include <algorithm>
#include <set>

#include "apps/language/functions.h"
#include "apps/language/token.h"
#include "apps/language/words.h"

namespace rankine::language {
namespace {

Term build_transpose(CallSite& site) {
  const Array array = to_array(site.values.front());
  std::vector<Axis> order;
  for (std::size_t i = 1; i < site.call.arguments.size(); ++i) {
    const std::size_t axis = axis_word(site.ast, site.call.arguments[i], array);
    order.emplace_back(static_cast<std::int64_t>(axis));
  }
  return array.transpose(Axes(std::move(order)));
}

Term build_astype(CallSite& site) {
  return to_array(site.values.front()).astype(dtype_word(site.ast, site.call.arguments[1]));
}

bool fully_named(const Array& array) {
  const std::set<std::string> names(array.dims().begin(), array.dims().end());
  return names.size() == array.rank() && !names.contains("");
}

// `array` with its axes in the order of `first` if both have names for all of them.
Array in_order_of(const Array& first, const Array& array) {
  if (!fully_named(first) || !fully_named(array) || array.dims() == first.dims()) return array;
  std::vector<Axis> order(first.dims().begin(), first.dims().end());
  if (!std::is_permutation(first.dims().begin(), first.dims().end(), array.dims().begin(),
                           array.dims().end())) {
    throw usage_error("concatenate needs arrays with the same dimensions",
                      "unnamed(x) goes by position; rename(x, new, ...) gives other names");
  }
  return array.transpose(Axes(std::move(order)));
}

Term build_concatenate(CallSite& site) {
  const Argument* axis = keyword(site.call, "axis");
  if (axis == nullptr) {
    throw error_at(site.ast.source, site.node.offset, "concatenate needs an axis",
                   "write concatenate(x, y, axis=time)");
  }
  std::vector<Array> arrays;
  for (const Term& term : site.values) {
    const Array array = to_array(term);
    arrays.push_back(arrays.empty() ? array : in_order_of(arrays.front(), array));
  }
  const std::size_t number = axis_word(site.ast, *axis, arrays.front());
  return concatenate(arrays, static_cast<std::int64_t>(number));
}

// time=100, lat=-1 by name; or one integer for each of the leading axes.
std::vector<std::pair<Axis, std::int64_t>> numbers_by_axis(const CallSite& site,
                                                           const Array& array) {
  std::vector<std::pair<Axis, std::int64_t>> numbers;
  std::vector<bool> taken(array.rank(), false);
  for (std::size_t i = 1; i < site.call.arguments.size(); ++i) {
    const Argument& argument = site.call.arguments[i];
    const bool by_name = !argument.keyword.empty();
    if (!by_name && i > array.rank()) {
      throw error_at(site.ast.source, argument.offset,
                     "the operand has only " + std::to_string(array.rank()) + " axes",
                     "give one number for each axis at most");
    }
    const std::size_t axis =
        by_name ? named_axis(site.ast, argument.offset, argument.keyword, array) : i - 1;
    if (taken[axis])
      throw error_at(site.ast.source, argument.offset, "an axis is named twice",
                     "name each axis once");
    taken[axis] = true;
    numbers.emplace_back(static_cast<std::int64_t>(axis), integer_word(site.ast, argument));
  }
  return numbers;
}

Term build_rechunk(CallSite& site) {
  const Array array = to_array(site.values.front());
  const auto lengths = numbers_by_axis(site, array);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    check_chunk_length(site.ast, site.call.arguments[i + 1], lengths[i].second);
  }
  return array.rechunk(lengths);
}

Term build_shift(CallSite& site) {
  const Array array = to_array(site.values.front());
  return array.shift(numbers_by_axis(site, array));
}

Term build_matmul(CallSite& site) {
  return matmul(to_array(site.values[0]), to_array(site.values[1]));
}

// rename(x, a, b): names for all axes; rename(x, old=new): for some.
Term build_rename(CallSite& site) {
  const Array array = to_array(site.values.front());
  std::vector<std::string> dims = array.dims();
  std::vector<std::string> listed;
  for (std::size_t i = 1; i < site.call.arguments.size(); ++i) {
    const Argument& argument = site.call.arguments[i];
    const auto name = word_text(site.ast, argument);
    if (!name || name->empty() || name->find('/') != std::string::npos) {
      throw error_at(site.ast.source, argument.offset, "expected a name for a dimension",
                     "write a name, between quotes if it has unusual characters");
    }
    if (argument.keyword.empty()) {
      listed.push_back(*name);
    } else {
      dims[named_axis(site.ast, argument.offset, argument.keyword, array)] = *name;
    }
  }
  if (!listed.empty()) {
    if (listed.size() != array.rank() || listed.size() + 1 != site.call.arguments.size()) {
      throw usage_error("rename needs one name for each of the " + std::to_string(array.rank()) +
                            " axes, or old=new for some",
                        "write rename(x, time, lat) or rename(x, lat=y)");
    }
    dims = listed;
  }
  for (std::size_t k = 0; k < dims.size(); ++k) {
    if (!dims[k].empty() && std::count(dims.begin(), dims.end(), dims[k]) > 1) {
      throw usage_error("rename gives two axes the name `" + dims[k] + "`",
                        "give each axis a name of its own");
    }
  }
  return array.rename(std::move(dims));
}

Term build_unnamed(CallSite& site) { return to_array(site.values.front()).unnamed(); }

Function layout(std::string name, std::string arguments, std::function<Term(CallSite&)> build) {
  Function function;
  function.name = std::move(name);
  function.usage = function.name + "(" + arguments + ")";
  function.build = std::move(build);
  return function;
}

}  // namespace

std::vector<Function> layout_functions() {
  std::vector<Function> all;
  const auto add = [&](const char* name, const char* arguments, Term (*build)(CallSite&)) {
    all.push_back(layout(name, arguments, build));
    return &all.back();
  };
  add("transpose", "x, axis, ...", build_transpose)->most_words = Function::kAny;
  Function* function = add("astype", "x, type", build_astype);
  function->least_words = function->most_words = 1;
  function = add("concatenate", "x, y, ..., axis=", build_concatenate);
  function->most_values = Function::kAny;
  function->keywords = {"axis"};
  function = add("rechunk", "x, dimension=length, ...", build_rechunk);
  function->most_words = Function::kAny;
  function->dimension_keywords = true;
  function = add("shift", "x, dimension=offset, ...", build_shift);
  function->most_words = Function::kAny;
  function->dimension_keywords = true;
  function = add("matmul", "a, b", build_matmul);
  function->least_values = function->most_values = 2;
  function = add("rename", "x, new, ... or old=new, ...", build_rename);
  function->most_words = Function::kAny;
  function->dimension_keywords = true;
  add("unnamed", "x", build_unnamed);
  return all;
}

}  // namespace rankine::language
