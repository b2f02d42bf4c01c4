// Which HDF5 types are numbers we compute with.
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
      return {entry.dtype, std::string(name_of(entry.dtype)), entry.big_endian, {}};
    }
  }
  return {std::nullopt, "float" + std::to_string(H5Tget_size(type) * 8), false, {}};
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
    case H5T_ENUM:
      if (is_bool(type)) return {DType::kBool, "bool", false, {}};
      return {std::nullopt, "enum", false, {}};
    case H5T_STRING: return {std::nullopt, "string", false, {}};
    case H5T_COMPOUND: return {std::nullopt, "compound", false, {}};
    case H5T_BITFIELD: return {std::nullopt, "bitfield", false, {}};
    case H5T_OPAQUE: return {std::nullopt, "opaque", false, {}};
    case H5T_REFERENCE: return {std::nullopt, "reference", false, {}};
    case H5T_VLEN: return {std::nullopt, "variable-length list", false, {}};
    case H5T_ARRAY: return {std::nullopt, "array", false, {}};
    case H5T_TIME: return {std::nullopt, "time", false, {}};
    default: return {std::nullopt, "unknown type", false, {}};
  }
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
