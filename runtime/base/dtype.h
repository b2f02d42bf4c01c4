// Element types. Names, sizes and promotion are those of NumPy 1.24.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rankine {

enum class DType : std::uint8_t {
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kFloat32,
  kFloat64,
};
inline constexpr int kDTypeCount = 11;
constexpr int value_count(DType) { return kDTypeCount; }

std::size_t size_of(DType dtype);                         // bytes of one element
std::string_view name_of(DType dtype);                    // "float32"
std::optional<DType> parse_dtype(std::string_view name);  // NumPy names: "float32", "f4", "bool"
bool is_float(DType dtype);
bool is_integer(DType dtype);  // signed or unsigned, not bool
bool is_signed_integer(DType dtype);
bool is_unsigned(DType dtype);

// numpy.promote_types: the smallest type both convert to safely (int64 + uint64 -> float64).
DType promote(DType a, DType b);

// A scalar written in a program. Literals are weak: they take part in promotion by kind and value,
// as Python scalars do in NumPy 1.24 (int8 + 100 is int8, int8 + 1000 is int16, int8 + 1.5 float64,
// float32 + 1e300 is float64).
struct Literal {
  enum class Kind : std::uint8_t { kBool, kInteger, kFloat } kind = Kind::kFloat;
  friend constexpr int value_count(Kind) { return 3; }
  double real = 0;           // the value as float64
  std::int64_t integer = 0;  // the exact value where kind is not kFloat

  static Literal of(bool value) { return {Kind::kBool, value ? 1.0 : 0.0, value ? 1 : 0}; }
  static Literal of(std::int64_t value) {
    return {Kind::kInteger, static_cast<double>(value), value};
  }
  static Literal of(double value) { return {Kind::kFloat, value, 0}; }

  bool operator==(const Literal&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, real, integer);
  }
};

// numpy.result_type of an array of type `array` and a weak literal.
DType promote(DType array, const Literal& literal);
// The same where NumPy looks for the first loop that takes both (remainder, power, bitwise_and,
// bitwise_or), in the order int8, uint8, int16, ...: uint8 % 300 is int16, uint8 + 300 is uint16.
DType promote_to_loop(DType array, const Literal& literal);
// The type of a literal alone: bool, int64, float64.
DType dtype_of(const Literal& literal);

template <class T>
struct TypeTag {
  using type = T;
};

// Calls visit(TypeTag<T>{}) with the C++ type of dtype; bool elements are one byte, 0 or 1.
template <class Visitor>
decltype(auto) visit_dtype(DType dtype, Visitor&& visit) {
  switch (dtype) {
    case DType::kBool: return visit(TypeTag<bool>{});
    case DType::kInt8: return visit(TypeTag<std::int8_t>{});
    case DType::kInt16: return visit(TypeTag<std::int16_t>{});
    case DType::kInt32: return visit(TypeTag<std::int32_t>{});
    case DType::kInt64: return visit(TypeTag<std::int64_t>{});
    case DType::kUInt8: return visit(TypeTag<std::uint8_t>{});
    case DType::kUInt16: return visit(TypeTag<std::uint16_t>{});
    case DType::kUInt32: return visit(TypeTag<std::uint32_t>{});
    case DType::kUInt64: return visit(TypeTag<std::uint64_t>{});
    case DType::kFloat32: return visit(TypeTag<float>{});
    case DType::kFloat64: break;
  }
  return visit(TypeTag<double>{});
}

template <class T>
constexpr DType dtype_for();
// clang-format off
template <> constexpr DType dtype_for<bool>() { return DType::kBool; }
template <> constexpr DType dtype_for<std::int8_t>() { return DType::kInt8; }
template <> constexpr DType dtype_for<std::int16_t>() { return DType::kInt16; }
template <> constexpr DType dtype_for<std::int32_t>() { return DType::kInt32; }
template <> constexpr DType dtype_for<std::int64_t>() { return DType::kInt64; }
template <> constexpr DType dtype_for<std::uint8_t>() { return DType::kUInt8; }
template <> constexpr DType dtype_for<std::uint16_t>() { return DType::kUInt16; }
template <> constexpr DType dtype_for<std::uint32_t>() { return DType::kUInt32; }
template <> constexpr DType dtype_for<std::uint64_t>() { return DType::kUInt64; }
template <> constexpr DType dtype_for<float>() { return DType::kFloat32; }
template <> constexpr DType dtype_for<double>() { return DType::kFloat64; }
// clang-format on

}  // namespace rankine
