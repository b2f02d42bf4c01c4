#include "runtime/expr/align.h"

#include <algorithm>
#include <set>

#include "runtime/base/error.h"

namespace rankine::expr {
namespace {

bool fully_named(const Node& array) {
  const std::set<std::string> names(array.dims.begin(), array.dims.end());
  return names.size() == array.dims.size() && !names.contains("");
}

// out axis of each array axis, and the axes of the result.
struct Plan {
  std::vector<std::string> dims;
  Extents lengths;
};

Plan plan_by_name(const std::vector<NodePtr>& arrays) {
  Plan plan;
  for (const NodePtr& array : arrays) {
    for (std::size_t k = 0; k < array->rank(); ++k) {
      const std::int64_t length = array->grid.axis(k).length();
      const auto found = std::find(plan.dims.begin(), plan.dims.end(), array->dims[k]);
      if (found == plan.dims.end()) {
        plan.dims.push_back(array->dims[k]);
        plan.lengths.push_back(length);
      } else if (plan.lengths[found - plan.dims.begin()] != length) {
        throw usage_error("dimension '" + array->dims[k] + "' has length " +
                              std::to_string(plan.lengths[found - plan.dims.begin()]) +
                              " in one operand and " + std::to_string(length) + " in another",
                          "take a slice of the longer one first");
      }
    }
  }
  return plan;
}

Extents axes_by_name(const Node& array, const Plan& plan) {
  Extents axes;
  for (const std::string& dim : plan.dims) {
    const auto found = std::find(array.dims.begin(), array.dims.end(), dim);
    axes.push_back(found == array.dims.end() ? -1 : found - array.dims.begin());
  }
  return axes;
}

Plan plan_by_position(const std::vector<NodePtr>& arrays) {
  Plan plan;
  std::size_t rank = 0;
  for (const NodePtr& array : arrays) rank = std::max(rank, array->rank());
  plan.dims.resize(rank);
  plan.lengths = Extents(rank, 1);
  for (const NodePtr& array : arrays) {
    const std::size_t lead = rank - array->rank();
    for (std::size_t k = 0; k < array->rank(); ++k) {
      const std::int64_t length = array->grid.axis(k).length();
      std::int64_t& common = plan.lengths[lead + k];
      if (common != length && common != 1 && length != 1) {
        throw usage_error("shapes " + to_string(arrays.front()->shape()) + " and " +
                              to_string(array->shape()) + " do not fit together",
                          "counted from the last, axes must be equally long or have length 1");
      }
      if (common == 1) common = length;
      if (plan.dims[lead + k].empty()) plan.dims[lead + k] = array->dims[k];
    }
  }
  return plan;
}

Extents axes_by_position(const Node& array, const Plan& plan) {
  Extents axes(plan.dims.size(), -1);
  const std::size_t lead = plan.dims.size() - array.rank();
  for (std::size_t k = 0; k < array.rank(); ++k) {
    const bool stretched = array.grid.axis(k).length() == 1 && plan.lengths[lead + k] != 1;
    axes[lead + k] = stretched ? -1 : static_cast<std::int64_t>(k);
  }
  return axes;
}

std::int64_t stored_elements(const Node& array) {
  std::int64_t elements = 1;
  for (std::size_t k = 0; k < array.rank(); ++k) {
    if (array.broadcast[k] == 0) elements *= array.grid.axis(k).length();
  }
  return elements;
}

// Axis by axis the chunks of the operand with most elements (ties: the left one) that is not
// broadcast along it.
void choose_chunks(const std::vector<NodePtr>& aligned, Alignment& result) {
  std::vector<NodePtr> by_size = aligned;
  std::stable_sort(by_size.begin(), by_size.end(), [](const NodePtr& a, const NodePtr& b) {
    return stored_elements(*a) > stored_elements(*b);
  });
  std::vector<AxisChunks> axes;
  for (std::size_t k = 0; k < result.dims.size(); ++k) {
    const auto owner = std::find_if(by_size.begin(), by_size.end(),
                                    [&](const NodePtr& a) { return a->broadcast[k] == 0; });
    const NodePtr& chosen = owner == by_size.end() ? by_size.front() : *owner;
    axes.push_back(chosen->grid.axis(k));
    result.broadcast.push_back(chosen->broadcast[k]);
  }
  result.grid = ChunkGrid(std::move(axes));
}

}  // namespace

Alignment align(const std::vector<Operand>& operands, Location location) {
  std::vector<NodePtr> arrays;  // those with axes
  for (const Operand& operand : operands) {
    if (operand.array && operand.array->rank() > 0) arrays.push_back(operand.array);
  }
  const bool by_name =
      std::all_of(arrays.begin(), arrays.end(), [](const NodePtr& a) { return fully_named(*a); });
  const Plan plan = by_name ? plan_by_name(arrays) : plan_by_position(arrays);

  Alignment result;
  result.dims = plan.dims;
  std::vector<NodePtr> aligned;
  for (const Operand& operand : operands) {
    NodePtr array = operand.array;
    if (array && array->rank() > 0) {
      const Extents axes = by_name ? axes_by_name(*array, plan) : axes_by_position(*array, plan);
      const bool renames = !by_name && axes.size() == array->rank();
      array = view(array, axes, plan.lengths, renames ? array->dims : plan.dims, location);
      aligned.push_back(array);
    }
    result.arrays.push_back(array);
  }
  choose_chunks(aligned, result);
  return result;
}

bool looks_for_loop(kernels::Op op) {
  using kernels::Op;
  return op == Op::kRemainder || op == Op::kPower || op == Op::kBitwiseAnd || op == Op::kBitwiseOr;
}

std::vector<DType> operand_types(kernels::Op op, const std::vector<Operand>& operands) {
  const std::size_t first_value = op == kernels::Op::kWhere ? 1 : 0;
  std::optional<DType> common;
  for (std::size_t i = first_value; i < operands.size(); ++i) {
    if (!operands[i].array) continue;
    common = common ? promote(*common, operands[i].array->dtype) : operands[i].array->dtype;
  }
  const bool only_literals = !common;
  for (std::size_t i = first_value; i < operands.size(); ++i) {
    if (operands[i].array) continue;
    const DType own = dtype_of(operands[i].literal);
    if (only_literals) {
      common = common ? promote(*common, own) : own;
    } else {
      common = looks_for_loop(op) ? promote_to_loop(*common, operands[i].literal)
                                  : promote(*common, operands[i].literal);
    }
  }
  std::vector<DType> types;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].array) {
      types.push_back(operands[i].array->dtype);
    } else {
      types.push_back(i < first_value ? dtype_of(operands[i].literal) : *common);
    }
  }
  return types;
}

}  // namespace rankine::expr
