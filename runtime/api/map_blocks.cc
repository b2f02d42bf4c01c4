#include "runtime/api/map_blocks.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace rankine::api {
namespace {

std::string text_of(const Axis& axis) {
  if (const auto* name = std::get_if<std::string>(&axis.which())) return "'" + *name + "'";
  return std::to_string(std::get<std::int64_t>(axis.which()));
}

// The position of an axis among those with these names.
std::size_t axis_among(const std::vector<std::string>& dims, const Axis& axis,
                       const std::string& verb) {
  const auto count = static_cast<std::int64_t>(dims.size());
  if (const auto* name = std::get_if<std::string>(&axis.which())) {
    const auto found = std::find(dims.begin(), dims.end(), *name);
    if (found != dims.end()) return static_cast<std::size_t>(found - dims.begin());
  } else {
    const std::int64_t number = std::get<std::int64_t>(axis.which());
    const std::int64_t position = number < 0 ? number + count : number;
    if (position >= 0 && position < count) return static_cast<std::size_t>(position);
  }
  std::string known;
  for (const std::string& dim : dims) {
    known += (known.empty() ? "" : ", ") + (dim.empty() ? "(no name)" : dim);
  }
  throw usage_error(verb + ": there is no axis " + text_of(axis),
                    known.empty() ? "the blocks have no axes" : "the axes are " + known);
}

Error named_twice(const Axis& axis, const std::string& verb) {
  return usage_error(verb + ": axis " + text_of(axis) + " is named twice", "name each axis once");
}

std::vector<expr::AxisHalo> halo_of(const std::vector<std::string>& dims,
                                    const std::vector<Halo>& halo, const std::string& verb) {
  std::vector<expr::AxisHalo> axes(halo.empty() ? 0 : dims.size());
  std::vector<bool> given(dims.size(), false);
  for (const Halo& one : halo) {
    const std::size_t k = axis_among(dims, one.axis, verb);
    if (given[k]) throw named_twice(one.axis, verb);
    given[k] = true;
    axes[k] = {one.before, one.after, one.boundary};
  }
  return axes;
}

Extents dropped_of(const std::vector<std::string>& dims, const std::vector<Axis>& axes,
                   const std::string& verb) {
  Extents dropped(axes.empty() ? 0 : dims.size(), 0);
  for (const Axis& axis : axes) {
    std::int64_t& flag = dropped[axis_among(dims, axis, verb)];
    if (flag != 0) throw named_twice(axis, verb);
    flag = 1;
  }
  return dropped;
}

}  // namespace

void require_dtype(const std::string& verb, std::size_t number, DType array, DType block) {
  if (array == block) return;
  const std::string wanted(name_of(block));
  throw usage_error(verb + ": the function takes blocks of " + wanted + ", array " +
                        std::to_string(number) + " holds " + std::string(name_of(array)),
                    "give it array.astype(" + wanted + "), or take blocks of its own type");
}

kernels::BlockFunction named(const BlockCallable& callable, const std::string& verb,
                             const std::string& name, const Location& at) {
  kernels::BlockFunction function;
  function.thunk = function.modules.name_of(callable.thunk);
  function.pointed = callable.function != nullptr;
  std::string own = name;
  if (function.pointed) {
    function.function = function.modules.name_of(callable.function);
    if (own.empty()) own = kernels::describe_address(callable.function);
    own = own.substr(0, name.empty() ? own.find('(') : std::string::npos);
  }
  function.state.assign(reinterpret_cast<const char*>(callable.state.data()),
                        callable.state.size());
  function.values = callable.values;
  function.name = own.empty() ? verb : verb + "(" + own + ")";
  function.location = expr::to_string(expr::LocationScope::or_else(at));
  return function;
}

Array array_of_blocks(const BlockRequest& request, const std::vector<Array>& arrays,
                      const std::vector<Halo>& halo, const BlockOptions& options,
                      const Location& at) {
  const std::string& verb = request.verb;
  std::vector<expr::Operand> operands;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    require_dtype(verb, i, arrays[i].dtype(), request.inputs[i]);
    operands.push_back({arrays[i].node(), {}});
  }
  const expr::Alignment aligned = expr::align(operands, at);
  expr::BlocksSpec spec;
  spec.dtype = request.result.value_or(options.dtype.value_or(arrays.front().dtype()));
  if (options.dtype && *options.dtype != spec.dtype) {
    throw usage_error(verb + ": the function makes " + std::string(name_of(spec.dtype)) +
                          ", BlockOptions::dtype says " + std::string(name_of(*options.dtype)),
                      "leave it out: only a returned NdArray needs it");
  }
  spec.function = named(request.callable, verb, options.name, at);
  spec.halo = halo_of(aligned.dims, halo, verb);
  spec.trims = options.trim;
  spec.elementwise = options.elementwise;
  spec.dropped = dropped_of(aligned.dims, options.drop_axes, verb);
  spec.new_axes = options.new_axes;
  for (const auto& [axis, lengths] : options.chunks) {
    const auto* name = std::get_if<std::string>(&axis.which());
    spec.chunks.push_back({name != nullptr ? 0 : std::get<std::int64_t>(axis.which()),
                           name != nullptr ? *name : "", lengths});
  }
  return Array(expr::map_blocks(aligned, std::move(spec), at));
}

}  // namespace rankine::api
