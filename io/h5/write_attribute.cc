#include "io/h5/write_attribute.h"

#include <algorithm>
#include <array>

namespace rankine::io {
namespace {

constexpr ExitCode kCode = ExitCode::kTaskFailed;

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

H5Type text_type(std::size_t size, bool ascii, const std::string& where) {
  H5Type type(H5Tcopy(H5T_C_S1), "make a string type", where, kCode);
  h5_check(H5Tset_size(type, size), "make a string type", where, kCode);
  h5_check(H5Tset_strpad(type, H5T_STR_NULLTERM), "make a string type", where, kCode);
  h5_check(H5Tset_cset(type, ascii ? H5T_CSET_ASCII : H5T_CSET_UTF8), "make a string type", where,
           kCode);
  return type;
}

void put(hid_t object, const std::string& name, hid_t stored, hid_t memory, hid_t space,
         const void* data, const std::string& where) {
  const std::string action = "write attribute " + name;
  H5Attr attribute(H5Acreate2(object, name.c_str(), stored, space, H5P_DEFAULT, H5P_DEFAULT),
                   action.c_str(), where, kCode);
  if (data != nullptr) h5_check(H5Awrite(attribute, memory, data), action.c_str(), where, kCode);
  attribute.close(action.c_str(), where);
}

// One dimension of `count` elements, or none at all: netCDF-C reads both, but no zero length.
H5Space row(std::size_t count, const std::string& where) {
  const hsize_t length = count;
  return H5Space(count == 0 ? H5Screate(H5S_NULL) : H5Screate_simple(1, &length, nullptr),
                 "make a data space", where, kCode);
}

void put_text(hid_t object, const std::string& name, const std::string& text,
              const std::string& where) {
  const H5Type type = text_type(std::max<std::size_t>(text.size(), 1), is_ascii(text), where);
  const H5Space space(H5Screate(H5S_SCALAR), "make a data space", where, kCode);
  put(object, name, type, type, space, text.c_str(), where);
}

void put_texts(hid_t object, const std::string& name, const std::vector<std::string>& texts,
               const std::string& where) {
  const bool ascii = std::all_of(texts.begin(), texts.end(), is_ascii);
  const H5Type type = text_type(H5T_VARIABLE, ascii, where);
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  put(object, name, type, type, row(texts.size(), where), texts.empty() ? nullptr : pointers.data(),
      where);
}

void put_numbers(hid_t object, const std::string& name, const Numbers& numbers,
                 const std::string& where) {
  put(object, name, stored_type(numbers.dtype), memory_type(numbers.dtype),
      row(numbers.count(), where), numbers.bytes.empty() ? nullptr : numbers.bytes.data(), where);
}

}  // namespace

hid_t stored_type(DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kInt8: return H5T_STD_I8LE;
    case DType::kInt16: return H5T_STD_I16LE;
    case DType::kInt32: return H5T_STD_I32LE;
    case DType::kInt64: return H5T_STD_I64LE;
    case DType::kUInt8: return H5T_STD_U8LE;
    case DType::kUInt16: return H5T_STD_U16LE;
    case DType::kUInt32: return H5T_STD_U32LE;
    case DType::kUInt64: return H5T_STD_U64LE;
    case DType::kFloat32: return H5T_IEEE_F32LE;
    case DType::kFloat64: break;
  }
  return H5T_IEEE_F64LE;
}

hid_t memory_type(DType dtype) {
  switch (dtype) {
    case DType::kBool:
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

bool is_machinery(const std::string& attribute_name) {
  static constexpr std::array kNames = {
      "CLASS",         "NAME",          "REFERENCE_LIST",      "DIMENSION_LIST",
      "_Netcdf4Dimid", "_NCProperties", "_Netcdf4Coordinates", "DIMENSION_LABELS",
      "_nc3_strict"};
  return std::find(kNames.begin(), kNames.end(), attribute_name) != kNames.end();
}

void write_attribute(hid_t object, const Attribute& attribute, const std::string& where) {
  if (const auto* text = std::get_if<std::string>(&attribute.value)) {
    put_text(object, attribute.name, *text, where);
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute.value)) {
    put_texts(object, attribute.name, *texts, where);
  } else if (const auto* numbers = std::get_if<Numbers>(&attribute.value)) {
    put_numbers(object, attribute.name, *numbers, where);
  }
}

}  // namespace rankine::io
