#include "runtime/base/dtype.h"

#include <array>
#include <cmath>
#include <limits>

namespace rankine {
namespace {

struct Description {
  std::string_view name;
  std::string_view code;  // NumPy's short form
  std::size_t size;
  char kind;  // NumPy's kind: b i u f
};

constexpr std::array<Description, kDTypeCount> kTable{{
    {"bool", "?", 1, 'b'},
    {"int8", "i1", 1, 'i'},
    {"int16", "i2", 2, 'i'},
    {"int32", "i4", 4, 'i'},
    {"int64", "i8", 8, 'i'},
    {"uint8", "u1", 1, 'u'},
    {"uint16", "u2", 2, 'u'},
    {"uint32", "u4", 4, 'u'},
    {"uint64", "u8", 8, 'u'},
    {"float32", "f4", 4, 'f'},
    {"float64", "f8", 8, 'f'},
}};

const Description& describe(DType dtype) { return kTable[static_cast<std::size_t>(dtype)]; }

DType find(char kind, std::size_t size) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kTable[i].kind == kind && kTable[i].size == size) return static_cast<DType>(i);
  }
  return DType::kFloat64;
}

DType promote_integers(DType a, DType b) {
  const auto& x = describe(a);
  const auto& y = describe(b);
  if (x.kind == y.kind) return x.size >= y.size ? a : b;
  const std::size_t signed_size = x.kind == 'i' ? x.size : y.size;
  const std::size_t unsigned_size = x.kind == 'u' ? x.size : y.size;
  if (signed_size > unsigned_size) return find('i', signed_size);
  return unsigned_size == 8 ? DType::kFloat64 : find('i', unsigned_size * 2);
}

DType promote_with_float(DType floating, DType other) {
  if (is_float(other)) return size_of(floating) >= size_of(other) ? floating : other;
  // float32 holds integers up to 16 bits exactly; NumPy goes to float64 beyond.
  return other != DType::kBool && size_of(other) > 2 ? DType::kFloat64 : floating;
}

// numpy.min_scalar_type of an integer, seen by an array of the given kind: a positive value is
// unsigned, so that uint8 + 200 stays uint8.
DType smallest_integer(std::int64_t value, char array_kind) {
  const bool use_unsigned = value >= 0 && array_kind == 'u';
  for (std::size_t size = 1; size < 8; size *= 2) {
    const int bits = static_cast<int>(size) * 8;
    const std::int64_t top = (std::int64_t{1} << (use_unsigned ? bits : bits - 1)) - 1;
    const std::int64_t bottom = use_unsigned ? 0 : -top - 1;
    if (value >= bottom && value <= top) return find(use_unsigned ? 'u' : 'i', size);
  }
  return use_unsigned ? DType::kUInt64 : DType::kInt64;
}

}  // namespace

std::size_t size_of(DType dtype) { return describe(dtype).size; }
std::string_view name_of(DType dtype) { return describe(dtype).name; }
bool is_float(DType dtype) { return describe(dtype).kind == 'f'; }
bool is_integer(DType dtype) { return describe(dtype).kind == 'i' || describe(dtype).kind == 'u'; }
bool is_signed_integer(DType dtype) { return describe(dtype).kind == 'i'; }
bool is_unsigned(DType dtype) { return describe(dtype).kind == 'u'; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kTable[i].name == name || kTable[i].code == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_float(a)) return promote_with_float(a, b);
  if (is_float(b)) return promote_with_float(b, a);
  if (a == DType::kBool) return b;
  if (b == DType::kBool) return a;
  return promote_integers(a, b);
}

DType dtype_of(const Literal& literal) {
  switch (literal.kind) {
    case Literal::Kind::kBool: return DType::kBool;
    case Literal::Kind::kInteger: return DType::kInt64;
    case Literal::Kind::kFloat: break;
  }
  return DType::kFloat64;
}

DType promote(DType array, const Literal& literal) {
  switch (literal.kind) {
    case Literal::Kind::kBool: return array;
    case Literal::Kind::kInteger:
      if (is_float(array)) return promote(array, smallest_integer(literal.integer, 'u'));
      if (array == DType::kBool) return DType::kInt64;
      return promote(array, smallest_integer(literal.integer, describe(array).kind));
    case Literal::Kind::kFloat: break;
  }
  if (array == DType::kFloat32 && std::isfinite(literal.real) &&
      std::abs(literal.real) > std::numeric_limits<float>::max()) {
    return DType::kFloat64;
  }
  return is_float(array) ? array : DType::kFloat64;
}

DType promote_to_loop(DType array, const Literal& literal) {
  if (literal.kind != Literal::Kind::kInteger || !is_integer(array)) return promote(array, literal);
  for (std::size_t size = 1; size <= 8; size *= 2) {
    for (const char kind : {'i', 'u'}) {
      const DType loop = find(kind, size);
      const DType smallest = smallest_integer(literal.integer, kind);
      const bool fits = describe(smallest).kind == kind && size_of(smallest) <= size;
      if (fits && promote(array, loop) == loop) return loop;
    }
  }
  return promote(array, literal);
}

}  // namespace rankine
