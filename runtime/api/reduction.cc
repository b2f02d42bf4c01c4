#include "runtime/api/reduction.h"

#include "runtime/base/error.h"
#include "runtime/expr/build.h"

namespace rankine::api {
namespace {

Extents reduced_axes(const Array& array, const Axes& axes) {
  Extents reduced(array.rank(), axes.list().empty() ? 1 : 0);
  for (const Axis& axis : axes.list()) {
    std::int64_t& flag = reduced[array.axis_number(axis)];
    if (flag != 0) {
      throw usage_error("an axis is named twice in a reduction", "name each axis once");
    }
    flag = 1;
  }
  return reduced;
}

// The axes of the state go.
expr::NodePtr finalized(const expr::NodePtr& states, const ReductionRequest& request,
                        const ReductionOptions& options, const Location& at) {
  expr::BlocksSpec spec;
  spec.function = named(request.finalize->callable, "reduction end", options.name, at);
  spec.dtype = *request.finalize->result;
  if (!options.state.empty()) {
    spec.dropped = Extents(states->rank(), 0);
    for (std::size_t k = 0; k < options.state.size(); ++k) {
      spec.dropped[states->rank() - 1 - k] = 1;
    }
  }
  const expr::Alignment operand{{states}, states->grid, states->dims, states->broadcast};
  return expr::map_blocks(operand, std::move(spec), at);
}

// Reduced axes with length 1 again, before the axes of the state if they are still there.
expr::NodePtr with_reduced(const expr::NodePtr& result, const Array& array, const Extents& reduced,
                           const Location& at) {
  Extents axes;
  std::vector<std::string> dims;
  std::int64_t next = 0;
  for (std::size_t k = 0; k < reduced.size(); ++k) {
    axes.push_back(reduced[k] != 0 ? -1 : next++);
    dims.push_back(array.dims()[k]);
  }
  for (; next < static_cast<std::int64_t>(result->rank()); ++next) {
    axes.push_back(next);
    dims.emplace_back();
  }
  return expr::view(result, axes, Extents(axes.size(), 1), std::move(dims), at);
}

}  // namespace

Array reduced_array(const Array& array, const Axes& axes, const ReductionRequest& request,
                    const ReductionOptions& options, const Location& at) {
  require_dtype("reduction", 0, array.dtype(), request.chunk.inputs.front());
  expr::CombineSpec spec;
  spec.chunk = named(request.chunk.callable, "reduction", options.name, at);
  spec.combine = named(request.combine, "reduction tree", options.name, at);
  spec.dtype = *request.chunk.result;
  spec.reduced = reduced_axes(array, axes);
  spec.state = options.state;
  expr::NodePtr result = expr::combine_blocks(array.node(), spec, at);
  if (request.finalize) result = finalized(result, request, options, at);
  if (options.keepdims) result = with_reduced(result, array, spec.reduced, at);
  return Array(std::move(result));
}

}  // namespace rankine::api
