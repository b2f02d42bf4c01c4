#include "runtime/api/output_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>

namespace rankine::api {
namespace {

using kernels::Op;
using kernels::ReduceOp;

// NC_FILL_FLOAT and NC_FILL_DOUBLE.
constexpr float kDefaultFill32 = 9.9692099683868690e+36F;
constexpr double kDefaultFill64 = 9.9692099683868690e+36;

// An input may declare 0 or -1 missing; a difference of two values is then 0 often enough. From
// -999 on, that is a risk every climate tool takes.
constexpr double kSmallestOwnFill = 900;

// The order in which operands are asked for a data set.
std::vector<std::size_t> operand_order(const expr::Node& node) {
  const auto* elementwise = node.as<expr::Elementwise>();
  if (elementwise != nullptr && elementwise->op == Op::kWhere) return {1, 2, 0};
  std::vector<std::size_t> order(node.operands.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  return order;
}

// The operand that leads to the leftmost data set, for each node that has one below it; for a data
// set itself 0.
std::unordered_map<const expr::Node*, std::size_t> ways_down(const expr::NodePtr& root) {
  std::unordered_map<const expr::Node*, std::size_t> ways;
  for (const expr::NodePtr& node : expr::topological_order({root})) {
    if (const auto* leaf = node->as<expr::FromDataset>()) {
      if (leaf->file) ways.emplace(node.get(), 0);
      continue;
    }
    if (const auto* held = node->as<expr::FromHeld>()) {
      if (ways_down(held->origin).contains(held->origin.get())) ways.emplace(node.get(), 0);
      continue;
    }
    for (const std::size_t i : operand_order(*node)) {
      if (ways.contains(node->operands[i].get())) {
        ways.emplace(node.get(), i);
        break;
      }
    }
  }
  return ways;
}

bool is_literal(expr::NodePtr node) {
  while (node->as<expr::Cast>() != nullptr) node = node->operands.front();
  return node->rank() == 0 && node->as<expr::Full>() != nullptr;
}

// Operations whose result has the unit of the operand `from`. Beside + - and scaling by a literal,
// those that only round, select or negate its values.
bool elementwise_keeps_units(const expr::Node& node, Op op, std::size_t from) {
  switch (op) {
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kNegative:
    case Op::kAbsolute:
    case Op::kFloor:
    case Op::kCeil:
    case Op::kRint:
    case Op::kMinimum:
    case Op::kMaximum:
    case Op::kClip: return true;
    case Op::kWhere: return from > 0;
    case Op::kMultiply: return is_literal(node.operands[1 - from]);
    case Op::kDivide: return from == 0 && is_literal(node.operands[1]);
    default: return false;
  }
}

bool reduction_keeps_units(ReduceOp op) {
  return op == ReduceOp::kMin || op == ReduceOp::kMax || op == ReduceOp::kMean ||
         op == ReduceOp::kStd || op == ReduceOp::kSum;
}

bool keeps_units(const expr::Node& node, std::size_t from) {
  if (const auto* x = node.as<expr::Elementwise>())
    return elementwise_keeps_units(node, x->op, from);
  if (const auto* x = node.as<expr::Reduce>()) return reduction_keeps_units(x->spec.op);
  // What a user's function makes of them is not known. Slices, views, shift, rechunk, concatenate
  // and cast keep them.
  return node.as<expr::MapBlocks>() == nullptr && node.as<expr::CombineBlocks>() == nullptr;
}

bool moves_only(const expr::Node& node) {
  return node.as<expr::Slice>() != nullptr || node.as<expr::View>() != nullptr ||
         node.as<expr::Rechunk>() != nullptr || node.as<expr::Concatenate>() != nullptr;
}

// CF 1.11, appendix E; empty for reductions it has no word for.
std::string_view cell_method(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum: return "sum";
    case ReduceOp::kMean: return "mean";
    case ReduceOp::kMin: return "minimum";
    case ReduceOp::kMax: return "maximum";
    case ReduceOp::kStd: return "standard_deviation";
    case ReduceOp::kVar: return "variance";
    default: return {};
  }
}

// "lat: lon: mean", or empty.
std::string cell_methods_of(const expr::Node& node) {
  const auto* reduce = node.as<expr::Reduce>();
  if (reduce == nullptr || cell_method(reduce->spec.op).empty()) return {};
  std::string text;
  for (std::size_t k = 0; k < reduce->reduced.size(); ++k) {
    const std::string& dim = node.operands.front()->dims[k];
    if (reduce->reduced[k] != 0 && !dim.empty()) text += dim + ": ";
  }
  return text.empty() ? text : text + std::string(cell_method(reduce->spec.op));
}

void add_reduced(const expr::Node& node, std::vector<ReducedAxis>& axes) {
  const auto& reduced = node.as<expr::Reduce>()->reduced;
  const expr::NodePtr& array = node.operands.front();
  for (std::size_t k = 0; k < reduced.size(); ++k) {
    if (reduced[k] != 0 && !array->dims[k].empty()) axes.push_back({array, k});
  }
}

io::Numbers one_number(DType dtype, double value) {
  io::Numbers number{dtype, std::vector<std::byte>(size_of(dtype))};
  if (dtype == DType::kFloat32) {
    const auto narrow = static_cast<float>(value);
    std::memcpy(number.bytes.data(), &narrow, sizeof narrow);
  } else {
    std::memcpy(number.bytes.data(), &value, sizeof value);
  }
  return number;
}

}  // namespace

OutputSource find_source(const expr::NodePtr& node) {
  const auto ways = ways_down(node);
  OutputSource source;
  if (!ways.contains(node.get())) return source;
  source.keeps_units = true;
  bool moved = true;
  std::vector<std::string> methods;  // outermost first
  const expr::Node* at = node.get();
  while (at->as<expr::FromDataset>() == nullptr && at->as<expr::FromHeld>() == nullptr) {
    const std::size_t from = ways.at(at);
    source.keeps_units = source.keeps_units && keeps_units(*at, from);
    moved = moved && moves_only(*at);
    if (auto text = cell_methods_of(*at); !text.empty()) {
      methods.push_back(std::move(text));
      add_reduced(*at, source.reduced);
    }
    at = at->operands[from].get();
  }
  if (const auto* held = at->as<expr::FromHeld>()) {
    OutputSource origin = find_source(held->origin);
    source.file = std::move(origin.file);
    source.variable = origin.variable;
    source.keeps_units = source.keeps_units && origin.keeps_units;
    source.cell_methods = std::move(origin.cell_methods);
    source.reduced.insert(source.reduced.end(), origin.reduced.rbegin(), origin.reduced.rend());
  } else {
    const auto* leaf = at->as<expr::FromDataset>();
    source.file = leaf->file;
    source.variable = &io::find_variable(*leaf->file, leaf->dataset->path);
    source.stored = moved && !leaf->dataset->conventions;
  }
  for (auto method = methods.rbegin(); method != methods.rend(); ++method) {
    source.cell_methods += (source.cell_methods.empty() ? "" : " ") + *method;
  }
  std::ranges::reverse(source.reduced);
  return source;
}

std::optional<io::Numbers> output_fill(const OutputSource& source, DType dtype) {
  if (!is_float(dtype)) return std::nullopt;
  const io::Attribute* own =
      source.variable == nullptr ? nullptr : source.variable->attribute("_FillValue");
  const auto* numbers = own == nullptr ? nullptr : std::get_if<io::Numbers>(&own->value);
  // The fill value of packed or integer data is a packed value, which unpacked data may well hold.
  if (numbers != nullptr && numbers->count() == 1 && is_float(numbers->dtype) &&
      source.variable->attribute("scale_factor") == nullptr &&
      source.variable->attribute("add_offset") == nullptr) {
    const double value = numbers->as_double(0);
    const double largest = dtype == DType::kFloat32 ? double{std::numeric_limits<float>::max()}
                                                    : std::numeric_limits<double>::max();
    if (std::abs(value) >= kSmallestOwnFill && std::abs(value) <= largest) {
      return one_number(dtype, value);
    }
  }
  return one_number(dtype, dtype == DType::kFloat32 ? double{kDefaultFill32} : kDefaultFill64);
}

std::optional<io::Numbers> stored_fill(const io::Variable& variable) {
  const io::Attribute* own = variable.attribute("_FillValue");
  const auto* fill = own == nullptr ? nullptr : std::get_if<io::Numbers>(&own->value);
  const bool usable = fill != nullptr && fill->count() == 1 && fill->dtype == variable.dtype;
  if (!usable) return std::nullopt;
  return std::isfinite(fill->as_double(0)) ? *fill : output_fill({}, fill->dtype);
}

bool describes_packing(const std::string& attribute_name) {
  constexpr std::array kNames = {"scale_factor", "add_offset", "_FillValue",  "missing_value",
                                 "valid_min",    "valid_max",  "valid_range", "_Unsigned"};
  return std::ranges::find(kNames, attribute_name) != kNames.end();
}

}  // namespace rankine::api
