#include "runtime/kernels/op_table.h"

#include <array>
#include <string>

#include "runtime/base/error.h"

namespace rankine::kernels {
namespace {

struct Description {
  std::string_view numpy_name;
  std::string_view name;
  int arity;
  TypeRule rule;
};

constexpr std::array kTable{
#define RANKINE_KERNEL_ROW(id, numpy, ours, operands, rule, function) \
  Description{numpy, ours, operands, TypeRule::rule},
    RANKINE_KERNEL_OPS(RANKINE_KERNEL_ROW)
#undef RANKINE_KERNEL_ROW
};

const Description& describe(Op op) { return kTable[static_cast<std::size_t>(op)]; }

DType as_floating(DType dtype) {
  if (is_float(dtype)) return dtype;
  return size_of(dtype) <= 2 ? DType::kFloat32 : DType::kFloat64;
}

DType promote_all(std::span<const DType> operands) {
  DType dtype = operands[0];
  for (DType operand : operands.subspan(1)) dtype = promote(dtype, operand);
  return dtype;
}

[[noreturn]] void refuse(Op op, DType dtype, std::string remedy) {
  throw usage_error(
      std::string(name_of(op)) + " is not defined for " + std::string(rankine::name_of(dtype)),
      std::move(remedy));
}

DType bitwise_type(Op op, std::span<const DType> operands) {
  const DType dtype = promote_all(operands);
  if (is_float(dtype)) refuse(op, dtype, "compare first, or convert with astype");
  return dtype;
}

DType floating_type(std::span<const DType> operands) {
  DType dtype = as_floating(operands[0]);
  for (DType operand : operands.subspan(1)) dtype = promote(dtype, as_floating(operand));
  return dtype;
}

std::string_view no_bool_remedy(Op op) {
  return op == Op::kSign ? "convert it with astype" : "use ! or != on bool";
}

}  // namespace

std::string_view numpy_name(Op op) { return describe(op).numpy_name; }
std::string_view name_of(Op op) { return describe(op).name; }
int arity(Op op) { return describe(op).arity; }
TypeRule type_rule(Op op) { return describe(op).rule; }

std::optional<Op> find_op(std::string_view name) {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].name == name || kTable[i].numpy_name == name) return static_cast<Op>(i);
  }
  return std::nullopt;
}

OpTypes infer_types(Op op, std::span<const DType> operands) {
  if (operands.size() != static_cast<std::size_t>(arity(op))) {
    throw usage_error(std::string(name_of(op)) + " takes " + std::to_string(arity(op)) +
                      " operands, not " + std::to_string(operands.size()));
  }
  DType dtype{};
  switch (type_rule(op)) {
    case TypeRule::kPredicate: return {promote_all(operands), DType::kBool};
    case TypeRule::kSelect: dtype = promote_all(operands.subspan(1)); break;
    case TypeRule::kFloating: dtype = floating_type(operands); break;
    case TypeRule::kBitwise: dtype = bitwise_type(op, operands); break;
    case TypeRule::kArithmetic: dtype = promote_all(operands); break;
    case TypeRule::kNoBool:
      dtype = promote_all(operands);
      if (dtype == DType::kBool) refuse(op, dtype, std::string(no_bool_remedy(op)));
      break;
    case TypeRule::kBoolAsInt8:
      dtype = promote_all(operands);
      if (dtype == DType::kBool) dtype = DType::kInt8;
      break;
    case TypeRule::kDivision:
      dtype = promote_all(operands);
      if (!is_float(dtype)) dtype = DType::kFloat64;
      break;
  }
  return {dtype, dtype};
}

DType operand_dtype(Op op, int index, DType compute) {
  return type_rule(op) == TypeRule::kSelect && index == 0 ? DType::kBool : compute;
}

}  // namespace rankine::kernels
