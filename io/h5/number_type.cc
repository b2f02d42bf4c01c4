// Which HDF5 types are numbers we compute with.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "io/h5/describe.h"

namespace rankine::io {
namespace {

std::optional<DType> integer_dtype(std::size_t size, bool is_signed) {
  if (size == 0 || size > 8) return std::nullopt;
  constexpr std::array kSigned = {DType::kInt8, DType::kInt16, DType::kInt32, DType::kInt64};
  constexpr std::array kUnsigned = {DType::kUInt8, DType::kUInt16, DType::kUInt32, DType::kUInt64};
  const auto width = static_cast<std::size_t>(std::bit_width(size - 1));
  return is_signed ? kSigned[width] : kUnsigned[width];
}

NumberType unusable(std::string name) {
  NumberType result;
  result.name = std::move(name);
  return result;
}

NumberType bool_type() {
  NumberType result;
  result.dtype = DType::kBool;
  result.name = "bool";
  return result;
}

NumberType integer_type(hid_t type) {
  NumberType result;
  const std::size_t size = H5Tget_size(type);
  const bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
  const std::size_t bits = H5Tget_precision(type);
  result.dtype = integer_dtype(size, is_signed);
  result.big_endian = size > 1 && H5Tget_order(type) == H5T_ORDER_BE;
  result.name = result.dtype ? std::string(name_of(*result.dtype))
                             : "integer of " + std::to_string(size) + " bytes";
  if (!std::has_single_bit(size) || bits != size * 8 || H5Tget_offset(type) != 0) {
    result.conversion = "integers of " + std::to_string(bits) + " bits";
  }
  return result;
}

// IEEE binary16, in any byte order.
bool is_half(hid_t type) {
  std::size_t sign = 0, exponent = 0, exponent_bits = 0, fraction = 0, fraction_bits = 0;
  return H5Tget_size(type) == 2 && H5Tget_precision(type) == 16 && H5Tget_offset(type) == 0 &&
         H5Tget_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits) >= 0 &&
         sign == 15 && exponent == 10 && exponent_bits == 5 && fraction == 0 &&
         fraction_bits == 10 && H5Tget_ebias(type) == 15 && H5Tget_norm(type) == H5T_NORM_IMPLIED;
}

NumberType float_type(hid_t type) {
  struct Known {
    hid_t type;
    DType dtype;
    bool big_endian;
  };
  const Known known[] = {{H5T_IEEE_F32LE, DType::kFloat32, false},
                         {H5T_IEEE_F32BE, DType::kFloat32, true},
                         {H5T_IEEE_F64LE, DType::kFloat64, false},
                         {H5T_IEEE_F64BE, DType::kFloat64, true}};
  for (const auto& entry : known) {
    if (H5Tequal(type, entry.type) > 0) {
      NumberType result;
      result.dtype = entry.dtype;
      result.name = name_of(entry.dtype);
      result.big_endian = entry.big_endian;
      return result;
    }
  }
  if (is_half(type)) {
    NumberType result;
    result.dtype = DType::kFloat32;
    result.name = "float16";
    result.big_endian = H5Tget_order(type) == H5T_ORDER_BE;
    result.element = {2, 0, true};
    return result;
  }
  return unusable("float" + std::to_string(H5Tget_size(type) * 8));
}

// "red = 0, green = 1", as far as a line takes.
std::string names_of_values(hid_t type, hid_t native, DType dtype) {
  constexpr int kMost = 16;
  const int count = H5Tget_nmembers(type);
  std::string text;
  for (int i = 0; i < count; ++i) {
    if (i == kMost) return text + ", ...";
    char* name = H5Tget_member_name(type, static_cast<unsigned>(i));
    if (name == nullptr) break;
    const std::string word = name;
    H5free_memory(name);
    Numbers value{dtype, std::vector<std::byte>(size_of(dtype))};
    if (H5Tget_member_value(native, static_cast<unsigned>(i), value.bytes.data()) < 0) break;
    text += (i > 0 ? ", " : "") + word + " = " +
            std::to_string(static_cast<std::int64_t>(value.as_double(0)));
  }
  return text;
}

// Any other enum than bool is the integer that is stored.
NumberType enum_type(hid_t type) {
  const H5Type base(H5Tget_super(type));
  const H5Type native(H5Tget_native_type(type, H5T_DIR_ASCEND));
  if (!base.valid() || !native.valid()) return unusable("enum");
  NumberType result = integer_type(base);
  if (!result.dtype || H5Tget_size(native) != size_of(*result.dtype)) return unusable("enum");
  result.note = names_of_values(type, native, *result.dtype);
  return result;
}

// h5py's complex numbers, and others' that look like them.
bool is_complex(hid_t type) {
  if (H5Tget_nmembers(type) != 2) return false;
  std::string names;
  for (unsigned i = 0; i < 2; ++i) {
    if (H5Tget_member_class(type, i) != H5T_FLOAT) return false;
    char* name = H5Tget_member_name(type, i);
    if (name == nullptr) return false;
    names += name + std::string(" ");
    H5free_memory(name);
  }
  return names == "r i " || names == "real imag " || names == "re im ";
}

constexpr int kDeepestField = 4;  // of compounds in each other

// visit(member's type, its path, its offset in the compound) for each.
template <class Visit>
void for_each_member(hid_t compound, const std::string& prefix, Visit visit) {
  const int count = H5Tget_nmembers(compound);
  for (unsigned i = 0; count > 0 && i < static_cast<unsigned>(count); ++i) {
    const H5Type member(H5Tget_member_type(compound, i));
    char* name = H5Tget_member_name(compound, i);
    if (name == nullptr) continue;
    const std::string path = prefix + name;
    H5free_memory(name);
    if (member.valid()) visit(member, path, H5Tget_member_offset(compound, i));
  }
}

void add_fields(hid_t compound, std::size_t size, std::size_t offset, const std::string& prefix,
                int depth, std::vector<Field>& fields) {
  constexpr std::size_t kMostFields = 4096;
  for_each_member(compound, prefix, [&](hid_t member, const std::string& path, std::size_t own) {
    const std::size_t at = offset + own;
    if (fields.size() == kMostFields) return;
    if (H5Tget_class(member) == H5T_COMPOUND) {
      if (depth < kDeepestField) add_fields(member, size, at, path + ".", depth + 1, fields);
      return;
    }
    NumberType number = number_type(member);
    const bool inside = at + H5Tget_size(member) <= size;
    if (!number.dtype || !number.conversion.empty() || !inside) return;
    number.element.size = size;
    number.element.offset = at;
    fields.push_back({path, std::move(number)});
  });
}

// h5py's bool: one byte, FALSE = 0, TRUE = 1.
bool is_bool(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) return false;
  for (unsigned i = 0; i < 2; ++i) {
    char* name = H5Tget_member_name(type, i);
    if (name == nullptr) return false;
    signed char value = -1;
    const bool known = H5Tget_member_value(type, i, &value) >= 0;
    const bool matches = known && ((std::strcmp(name, "FALSE") == 0 && value == 0) ||
                                   (std::strcmp(name, "TRUE") == 0 && value == 1));
    H5free_memory(name);
    if (!matches) return false;
  }
  return true;
}

}  // namespace

NumberType number_type(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER: return integer_type(type);
    case H5T_FLOAT: return float_type(type);
    case H5T_ENUM: return is_bool(type) ? bool_type() : enum_type(type);
    case H5T_STRING: return unusable(kTextType);
    case H5T_COMPOUND:
      return unusable(is_complex(type) ? "complex" + std::to_string(H5Tget_size(type) * 8)
                                       : "compound");
    case H5T_BITFIELD: return unusable("bitfield");
    case H5T_OPAQUE: return unusable("opaque");
    case H5T_REFERENCE: return unusable("reference");
    case H5T_VLEN: return unusable("variable-length list");
    case H5T_ARRAY: return unusable("array");
    case H5T_TIME: return unusable("time");
    default: return unusable("unknown type");
  }
}

std::vector<Field> fields_of(hid_t compound) {
  std::vector<Field> fields;
  add_fields(compound, H5Tget_size(compound), 0, "", 0, fields);
  return fields;
}

namespace {

void add_other_fields(hid_t compound, const std::string& prefix, int depth,
                      const std::vector<Field>& numbers, std::vector<std::string>& texts) {
  constexpr std::size_t kMost = 16;
  for_each_member(compound, prefix, [&](hid_t member, const std::string& path, std::size_t) {
    const bool is_number = std::ranges::find(numbers, path, &Field::name) != numbers.end();
    if (is_number || texts.size() == kMost) return;
    texts.push_back(path + " " + number_type(member).name);
    if (H5Tget_class(member) == H5T_COMPOUND && depth < kDeepestField) {
      add_other_fields(member, path + ".", depth + 1, numbers, texts);
    }
  });
}

}  // namespace

std::string other_fields(hid_t compound) {
  std::vector<std::string> texts;
  add_other_fields(compound, "", 0, fields_of(compound), texts);
  std::string text;
  for (const std::string& one : texts) text += (text.empty() ? "" : ", ") + one;
  return text;
}

hid_t native_type(DType dtype) {
  switch (dtype) {
    case DType::kBool: return H5T_NATIVE_INT8;
    case DType::kInt8: return H5T_NATIVE_INT8;
    case DType::kInt16: return H5T_NATIVE_INT16;
    case DType::kInt32: return H5T_NATIVE_INT32;
    case DType::kInt64: return H5T_NATIVE_INT64;
    case DType::kUInt8: return H5T_NATIVE_UINT8;
    case DType::kUInt16: return H5T_NATIVE_UINT16;
    case DType::kUInt32: return H5T_NATIVE_UINT32;
    case DType::kUInt64: return H5T_NATIVE_UINT64;
    case DType::kFloat32: return H5T_NATIVE_FLOAT;
    case DType::kFloat64: break;
  }
  return H5T_NATIVE_DOUBLE;
}

}  // namespace rankine::io
