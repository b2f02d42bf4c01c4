#include "io/decode.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace rankine::io {
namespace {

constexpr std::int64_t kTile = 4096;  // elements decoded at a time, so that passes stay in L1

const Numbers* numbers_of(const Variable& variable, const std::string& name) {
  const auto* attribute = variable.attribute(name);
  if (attribute == nullptr) return nullptr;
  const auto* numbers = std::get_if<Numbers>(&attribute->value);
  return numbers == nullptr || numbers->count() == 0 ? nullptr : numbers;
}

const std::string* text_of(const Variable& variable, const std::string& name) {
  const auto* attribute = variable.attribute(name);
  return attribute == nullptr ? nullptr : std::get_if<std::string>(&attribute->value);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c;
  });
}

DType with_sign(DType dtype, bool is_signed) {
  switch (size_of(dtype)) {
    case 1: return is_signed ? DType::kInt8 : DType::kUInt8;
    case 2: return is_signed ? DType::kInt16 : DType::kUInt16;
    case 4: return is_signed ? DType::kInt32 : DType::kUInt32;
    default: return is_signed ? DType::kInt64 : DType::kUInt64;
  }
}

// The packed type: `_Unsigned` says that integers were meant with the other sign.
DType packed_type(const Variable& variable) {
  const DType stored = *variable.dtype;
  const auto* text = text_of(variable, "_Unsigned");
  if (text == nullptr || !is_integer(stored)) return stored;
  if (equals_ignoring_case(*text, "true")) return with_sign(stored, false);
  if (equals_ignoring_case(*text, "false")) return with_sign(stored, true);
  return stored;
}

// Element i of an attribute. One of the stored type is reinterpreted as the data are.
template <class Visit>
auto with_value(const Numbers& numbers, std::size_t i, DType stored, DType packed, Visit&& visit) {
  return visit_dtype(numbers.dtype == stored ? packed : numbers.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T value;
    std::memcpy(&value, numbers.bytes.data() + i * sizeof(T), sizeof(T));
    return visit(value);
  });
}

// value as a T if some T equals it; floats are rounded to T, which is what was meant.
template <class T, class V>
std::optional<T> exact(V value) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto rounded = static_cast<T>(value);
    if (std::isnan(rounded)) return std::nullopt;
    return rounded;
  } else if constexpr (std::is_floating_point_v<V>) {
    // 2^digits is exact in a double, the largest T need not be.
    const double end = std::ldexp(1.0, std::numeric_limits<T>::digits);
    const double begin = std::is_signed_v<T> ? -end : 0.0;
    if (!(value >= begin && value < end) || std::trunc(value) != value) return std::nullopt;
    return static_cast<T>(value);
  } else if constexpr (std::is_same_v<V, bool>) {
    return static_cast<T>(value);
  } else {
    if (!std::in_range<T>(value)) return std::nullopt;
    return static_cast<T>(value);
  }
}

// The least T not below value, or the greatest not above it; empty if there is none.
template <class T, class V>
std::optional<T> bound(V value, bool upper) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else {
    if constexpr (std::is_floating_point_v<V>) {
      const auto whole = upper ? std::floor(value) : std::ceil(value);
      if (const auto fits = exact<T>(whole)) return fits;
      const bool above = whole > 0;
      if (above != upper) return std::nullopt;
    } else {
      if (const auto fits = exact<T>(value)) return fits;
      const bool above = value > 0;
      if (above != upper) return std::nullopt;
    }
    return upper ? std::numeric_limits<T>::max() : std::numeric_limits<T>::lowest();
  }
}

template <class T>
void append(Numbers& numbers, T value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  numbers.bytes.insert(numbers.bytes.end(), bytes, bytes + sizeof(T));
}

// What netCDF fills variables with.
template <class T>
std::optional<T> default_fill(const Variable& variable) {
  if (!variable.assume_fill || numbers_of(variable, "_FillValue") != nullptr) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(9.9692099683868690e+36);
  } else {
    // Of the stored type, whose bits they are.
    using Signed = std::make_signed_t<T>;
    using Unsigned = std::make_unsigned_t<T>;
    constexpr int kMore = sizeof(T) == 8 ? 1 : 0;
    if (is_signed_integer(*variable.dtype)) {
      return static_cast<T>(std::numeric_limits<Signed>::min() + 1 + kMore);
    }
    return static_cast<T>(std::numeric_limits<Unsigned>::max() - kMore);
  }
}

template <class T>
Numbers missing_values(const Variable& variable, DType packed) {
  Numbers missing{packed, {}};
  for (const char* name : {"_FillValue", "missing_value"}) {
    const auto* numbers = numbers_of(variable, name);
    if (numbers == nullptr) continue;
    for (std::size_t i = 0; i < numbers->count(); ++i) {
      const auto value =
          with_value(*numbers, i, *variable.dtype, packed, [](auto v) { return exact<T>(v); });
      if (!value) continue;
      const auto* known = reinterpret_cast<const T*>(missing.bytes.data());
      if (std::find(known, known + missing.count(), *value) == known + missing.count()) {
        append(missing, *value);
      }
    }
  }
  if (const auto fill = default_fill<T>(variable)) append(missing, *fill);
  return missing;
}

// {lowest, highest}, from valid_range or valid_min and valid_max; NaN bounds nothing.
template <class T>
Numbers valid_range(const Variable& variable, DType packed) {
  struct End {
    const Numbers* numbers = nullptr;
    std::size_t i = 0;
  } low{numbers_of(variable, "valid_min")}, high{numbers_of(variable, "valid_max")};
  const auto* both = numbers_of(variable, "valid_range");
  if (both != nullptr && both->count() == 2) {
    low = {both, 0};
    high = {both, 1};
  }
  using Limits = std::numeric_limits<T>;
  T lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  T highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
  bool declared = false;
  bool possible = true;
  const auto apply = [&](const End& end, bool upper, T& limit) {
    if (end.numbers == nullptr || std::isnan(end.numbers->as_double(end.i))) return;
    declared = true;
    const auto value = with_value(*end.numbers, end.i, *variable.dtype, packed,
                                  [&](auto v) { return bound<T>(v, upper); });
    if (value) limit = *value;
    else possible = false;
  };
  apply(low, false, lowest);
  apply(high, true, highest);
  Numbers range{packed, {}};
  if (!declared) return range;
  append(range, possible ? lowest : T{1});
  append(range, possible ? highest : T{0});
  return range;
}

DType float_for(DType packed) { return size_of(packed) <= 2 ? DType::kFloat32 : DType::kFloat64; }

// CF 8.1: the type of the two attributes, float32 only of 8 and 16 bits; else float64.
DType unpacked_type(DType packed, const Numbers* scale, const Numbers* offset) {
  const auto is_float32 = [](const Numbers* n) {
    return n == nullptr || n->dtype == DType::kFloat32;
  };
  return is_float32(scale) && is_float32(offset) ? float_for(packed) : DType::kFloat64;
}

template <class T>
void complete(const Variable& variable, Decode& decode) {
  decode.missing = missing_values<T>(variable, decode.packed);
  decode.range = valid_range<T>(variable, decode.packed);
  const auto* scale = numbers_of(variable, "scale_factor");
  const auto* offset = numbers_of(variable, "add_offset");
  if (scale != nullptr) decode.scale = scale->as_double(0);
  if (offset != nullptr) decode.offset = offset->as_double(0);
  decode.scaled = decode.scale != 1 || decode.offset != 0;
  decode.result = decode.packed;
  if (is_float(decode.packed)) return;
  // NaN as the only declaration can match no integer, but it does declare.
  const bool declares = numbers_of(variable, "_FillValue") != nullptr ||
                        numbers_of(variable, "missing_value") != nullptr ||
                        !decode.range.bytes.empty() || default_fill<T>(variable).has_value();
  const bool is_packed = scale != nullptr || offset != nullptr;
  if (is_packed) decode.result = unpacked_type(decode.packed, scale, offset);
  else if (declares) decode.result = float_for(decode.packed);
}

bool is_text_bool(const Variable& variable) {
  const auto* text = text_of(variable, "dtype");
  return text != nullptr && *text == "bool" && size_of(*variable.dtype) == 1;
}

// One tile; in and out are apart, so every test sees the packed values.
template <class P, class R>
void decode_tile(const Decode& decode, const P* in, R* out, std::int64_t count) {
  constexpr R kNaN = std::numeric_limits<R>::quiet_NaN();
  const auto* missing = reinterpret_cast<const P*>(decode.missing.bytes.data());
  const std::size_t missing_count = decode.missing.count();
  if (decode.scaled) {
    const double scale = decode.scale;
    const double offset = decode.offset;
    for (std::int64_t i = 0; i < count; ++i) {
      out[i] = static_cast<R>(static_cast<double>(in[i]) * scale + offset);
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<R>(in[i]);
  }
  for (std::size_t m = 0; m < missing_count; ++m) {
    const P value = missing[m];
    for (std::int64_t i = 0; i < count; ++i) out[i] = in[i] == value ? kNaN : out[i];
  }
  if (decode.range.bytes.empty()) return;
  const auto* range = reinterpret_cast<const P*>(decode.range.bytes.data());
  const P low = range[0];
  const P high = range[1];
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = static_cast<int>(in[i] < low) | static_cast<int>(in[i] > high) ? kNaN : out[i];
  }
}

template <class P, class R>
void decode_all(const Decode& decode, const std::byte* in, std::byte* out, std::int64_t count) {
  P packed[kTile];  // aligned, and apart from `out` even if `in` is not
  R unpacked[kTile];
  for (std::int64_t done = 0; done < count; done += kTile) {
    const std::int64_t tile = std::min(kTile, count - done);
    std::memcpy(packed, in + done * std::int64_t{sizeof(P)}, tile * sizeof(P));
    decode_tile(decode, packed, unpacked, tile);
    std::memcpy(out + done * std::int64_t{sizeof(R)}, unpacked, tile * sizeof(R));
  }
}

}  // namespace

Decode make_decode(const Variable& variable) {
  Decode decode;
  decode.packed = packed_type(variable);
  decode.result = decode.packed;
  if (decode.packed == DType::kBool) return decode;
  visit_dtype(decode.packed, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_same_v<T, bool>) complete<T>(variable, decode);
  });
  if (is_text_bool(variable) && decode.result == decode.packed) {
    decode = Decode{};
    decode.packed = DType::kBool;
    decode.result = DType::kBool;
  }
  return decode;
}

void decode_values(const Decode& decode, const std::byte* in, std::byte* out, std::int64_t count) {
  if (decode.packed == DType::kBool) {
    // Any other byte than 0 and 1 would be an invalid bool.
    for (std::int64_t i = 0; i < count; ++i) out[i] = in[i] == std::byte{0} ? in[i] : std::byte{1};
    return;
  }
  if (decode.plain()) {
    if (in != out) std::memcpy(out, in, static_cast<std::size_t>(count) * size_of(decode.packed));
    return;
  }
  visit_dtype(decode.packed, [&](auto tag) {
    using P = typename decltype(tag)::type;
    if (decode.result == DType::kFloat32) decode_all<P, float>(decode, in, out, count);
    else decode_all<P, double>(decode, in, out, count);
  });
}

}  // namespace rankine::io
