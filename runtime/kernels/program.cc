#include "runtime/kernels/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>

#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "runtime/kernels/convert.h"

namespace rankine::kernels {
namespace {

constexpr std::size_t kMaxValues = 65535;

Error damaged() { return input_error("a program in the plan is damaged", ""); }

std::string constant_text(const Program::Value& value) {
  return visit_dtype(value.dtype, [&](auto tag) {
    typename decltype(tag)::type element;
    std::memcpy(&element, &value.bits, sizeof element);
    return fmt::format("{}", element);
  });
}

// pow(x, 2) and pow(x, 0.5) of an array are square and sqrt in NumPy: faster, and other bits.
std::optional<Op> simpler_power(const Program::Value& exponent, DType compute) {
  if (exponent.kind != Program::Kind::kConstant || exponent.dtype != compute) return std::nullopt;
  if (exponent.bits == element_bits(Literal::of(std::int64_t{2}), compute)) return Op::kSquare;
  if (is_float(compute) && exponent.bits == element_bits(Literal::of(0.5), compute)) {
    return Op::kSqrt;
  }
  return std::nullopt;
}

}  // namespace

int Program::argument_count(const Value& value) {
  if (value.kind == Kind::kCast) return 1;
  const bool known = value.kind == Kind::kOp && static_cast<int>(value.op) < kOpCount;
  return known ? arity(value.op) : 0;
}

std::size_t Program::ValueHash::operator()(const Value& value) const {
  const std::uint64_t parts[] = {static_cast<std::uint64_t>(value.kind),
                                 static_cast<std::uint64_t>(value.dtype),
                                 static_cast<std::uint64_t>(value.op),
                                 static_cast<std::uint64_t>(value.compute),
                                 value.arguments[0],
                                 value.arguments[1],
                                 value.arguments[2],
                                 value.bits};
  return hash_bytes(std::as_bytes(std::span(parts)));
}

int Program::append(const Value& value) {
  if (value.kind != Kind::kLeaf) {
    const auto found = numbers_.find(value);
    if (found != numbers_.end()) return found->second;
  }
  if (values_.size() == kMaxValues) {
    throw usage_error("an expression has more than 65535 values", "compute it in parts");
  }
  if (value.kind == Kind::kLeaf) leaves_.push_back(static_cast<std::uint16_t>(values_.size()));
  if (value.kind != Kind::kLeaf) numbers_.emplace(value, value_count());
  values_.push_back(value);
  slots_.push_back(kNoSlot);
  needed_.push_back(0);
  return value_count() - 1;
}

void Program::check_argument(int value) const {
  if (value < 0 || value >= value_count()) {
    throw usage_error(fmt::format("a program has no value {}", value));
  }
}

int Program::add_leaf(DType dtype) {
  return append({.kind = Kind::kLeaf, .dtype = dtype, .bits = leaves_.size()});
}

int Program::add_constant(const Literal& literal, DType dtype) {
  return append({.kind = Kind::kConstant, .dtype = dtype, .bits = element_bits(literal, dtype)});
}

int Program::add_cast(int source, DType dtype) {
  check_argument(source);
  if (this->dtype(source) == dtype) return source;
  Value cast{.kind = Kind::kCast, .dtype = dtype};
  if (value(source).kind == Kind::kConstant) {
    cast.kind = Kind::kConstant;
    const std::uint64_t bits = value(source).bits;
    convert(this->dtype(source), dtype, 1, reinterpret_cast<const std::byte*>(&bits), 0,
            reinterpret_cast<std::byte*>(&cast.bits), 0);
  } else {
    cast.arguments[0] = static_cast<std::uint16_t>(source);
  }
  return append(cast);
}

int Program::add(Op op, std::span<const int> arguments) {
  std::vector<DType> dtypes;
  for (int argument : arguments) {
    check_argument(argument);
    dtypes.push_back(dtype(argument));
  }
  const OpTypes types = infer_types(op, dtypes);
  Value result{.kind = Kind::kOp, .dtype = types.result, .op = op, .compute = types.compute};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const DType needed = operand_dtype(op, static_cast<int>(i), types.compute);
    result.arguments[i] = static_cast<std::uint16_t>(add_cast(arguments[i], needed));
  }
  if (op == Op::kPower) {
    if (const auto simpler = simpler_power(value(result.arguments[1]), types.compute)) {
      result.op = *simpler;
      result.arguments[1] = 0;
    }
  }
  return append(result);
}

void Program::add_output(int output) {
  check_argument(output);
  outputs_.push_back(static_cast<std::uint16_t>(output));
  assign_slots();
}

// A value's slot is free again after the value's last use, and only then: the loops need results
// that overlap no argument. Outputs stay until the end of the tile.
void Program::assign_slots() {
  const auto count = values_.size();
  std::vector<std::size_t> last_use(count, 0);
  needed_.assign(count, 0);
  slots_.assign(count, kNoSlot);
  slot_count_ = 0;
  for (std::uint16_t output : outputs_) {
    needed_[output] = 1;
    last_use[output] = count;
  }
  for (std::size_t i = count; i-- > 0;) {
    if (!needed_[i]) continue;
    for (int k = 0; k < argument_count(values_[i]); ++k) {
      const std::size_t argument = values_[i].arguments[static_cast<std::size_t>(k)];
      needed_[argument] = 1;
      last_use[argument] = std::max(last_use[argument], i);
    }
  }
  std::vector<int> free;
  for (std::size_t i = 0; i < count; ++i) {
    if (!needed_[i] || values_[i].kind < Kind::kCast) continue;
    if (free.empty()) free.push_back(slot_count_++);
    slots_[i] = free.back();
    free.pop_back();
    for (int k = 0; k < argument_count(values_[i]); ++k) {
      const std::size_t argument = values_[i].arguments[static_cast<std::size_t>(k)];
      if (last_use[argument] != i || slots_[argument] == kNoSlot) continue;
      free.push_back(slots_[argument]);
      last_use[argument] = count;  // an operation may use one value twice
    }
  }
}

std::uint16_t Program::checked_number(std::int64_t value) const {
  if (value < 0 || value >= value_count()) throw damaged();
  return static_cast<std::uint16_t>(value);
}

void Program::check_loaded(const Value& value) const {
  const auto bad_dtype = [](DType dtype) { return static_cast<int>(dtype) >= kDTypeCount; };
  if (value.kind > Kind::kOp || bad_dtype(value.dtype) || bad_dtype(value.compute) ||
      static_cast<int>(value.op) >= kOpCount || values_.size() == kMaxValues) {
    throw damaged();
  }
  const std::size_t used_bits = value.dtype == DType::kBool ? 1 : 8 * size_of(value.dtype);
  if (value.kind == Kind::kConstant && used_bits < 64 && value.bits >> used_bits != 0) {
    throw damaged();
  }
  if (value.kind != Kind::kOp) return;
  for (int i = 0; i < arity(value.op); ++i) {
    const DType given = dtype(value.arguments[static_cast<std::size_t>(i)]);
    if (given != operand_dtype(value.op, i, value.compute)) throw damaged();
  }
  const std::vector<DType> operands(static_cast<std::size_t>(arity(value.op)), value.compute);
  if (infer_types(value.op, operands) != OpTypes{value.compute, value.dtype}) throw damaged();
}

std::string Program::print() const {
  std::string text;
  auto out = std::back_inserter(text);
  for (int n = 0; n < value_count(); ++n) {
    const Value& v = value(n);
    fmt::format_to(out, "%{} = ", n);
    if (v.kind == Kind::kLeaf) {
      fmt::format_to(out, "leaf {} {}", v.bits, rankine::name_of(v.dtype));
    } else if (v.kind == Kind::kConstant) {
      fmt::format_to(out, "constant {} {}", constant_text(v), rankine::name_of(v.dtype));
    } else if (v.kind == Kind::kCast) {
      fmt::format_to(out, "astype.{}", rankine::name_of(v.dtype));
    } else {
      fmt::format_to(out, "{}.{}", name_of(v.op), rankine::name_of(v.compute));
    }
    for (int i = 0; i < argument_count(v); ++i) {
      fmt::format_to(out, " %{}", v.arguments[static_cast<std::size_t>(i)]);
    }
    text += '\n';
  }
  for (std::uint16_t output : outputs_) fmt::format_to(out, "output %{}\n", output);
  return text;
}

}  // namespace rankine::kernels
