#include <algorithm>
#include <cstring>
#include <numeric>

#include "io/h5/describe.h"

namespace rankine::io {
namespace {

constexpr std::size_t kLargestAttribute = std::size_t{64} << 20;  // bytes; larger ones are left out

}  // namespace

std::string unpadded(const char* text, std::size_t size, H5T_str_t padding) {
  std::string_view view(text, size);
  if (padding == H5T_STR_SPACEPAD) {
    const auto last = view.find_last_not_of(" \0");
    return std::string(view.substr(0, last == std::string_view::npos ? 0 : last + 1));
  }
  if (padding == H5T_STR_NULLTERM) return std::string(view.substr(0, view.find('\0')));
  const auto last = view.find_last_not_of('\0');
  return std::string(view.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

namespace {

AttributeValue text_value(std::vector<std::string> texts) {
  if (texts.empty()) return std::string();
  if (texts.size() == 1) return std::move(texts.front());
  return texts;
}

AttributeValue read_variable_text(hid_t attribute, hid_t type, hid_t space, std::size_t count) {
  std::vector<char*> pointers(count, nullptr);
  const H5Type memory(H5Tcopy(H5T_C_S1));
  if (H5Tset_size(memory, H5T_VARIABLE) < 0 || H5Tset_cset(memory, H5Tget_cset(type)) < 0 ||
      H5Aread(attribute, memory, pointers.data()) < 0) {
    return {};
  }
  std::vector<std::string> texts;
  for (const char* text : pointers) texts.emplace_back(text == nullptr ? "" : text);
  H5Dvlen_reclaim(memory, space, H5P_DEFAULT, pointers.data());
  return text_value(std::move(texts));
}

AttributeValue read_fixed_text(hid_t attribute, hid_t type, std::size_t count) {
  const std::size_t size = H5Tget_size(type);
  std::vector<char> bytes(count * size);
  if (H5Aread(attribute, type, bytes.data()) < 0) return {};
  std::vector<std::string> texts;
  const auto padding = H5Tget_strpad(type);
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(unpadded(bytes.data() + i * size, size, padding));
  }
  return text_value(std::move(texts));
}

// Numbers as attributes may also be of types that data sets may not: any enum, float16, float128.
std::optional<DType> attribute_dtype(hid_t type) {
  const auto number = number_type(type);
  if (number.dtype) return number.dtype;
  if (H5Tget_class(type) == H5T_FLOAT) {
    return H5Tget_size(type) < 4 ? DType::kFloat32 : DType::kFloat64;
  }
  if (H5Tget_class(type) != H5T_ENUM) return std::nullopt;
  const H5Type base(H5Tget_super(type));
  return number_type(base).dtype;
}

AttributeValue read_numbers(hid_t attribute, hid_t type, std::size_t count) {
  const auto dtype = attribute_dtype(type);
  if (!dtype) return {};
  Numbers numbers{*dtype, std::vector<std::byte>(count * size_of(*dtype))};
  if (count > 0 && H5Aread(attribute, native_type(*dtype), numbers.bytes.data()) < 0) return {};
  return numbers;
}

AttributeValue read_value(hid_t attribute) {
  const H5Type type(H5Aget_type(attribute));
  const H5Space space(H5Aget_space(attribute));
  if (!type.valid() || !space.valid()) return {};
  const bool null = H5Sget_simple_extent_type(space) == H5S_NULL;
  const hssize_t points = null ? 0 : H5Sget_simple_extent_npoints(space);
  const std::size_t size = std::max<std::size_t>(H5Tget_size(type), 1);
  if (points < 0 || static_cast<std::size_t>(points) > kLargestAttribute / size) return {};
  const auto count = static_cast<std::size_t>(points);
  if (H5Tget_class(type) != H5T_STRING) return read_numbers(attribute, type, count);
  if (count == 0) return std::string();
  if (H5Tis_variable_str(type) > 0) return read_variable_text(attribute, type, space, count);
  return read_fixed_text(attribute, type, count);
}

herr_t collect_name(hid_t, const char* name, const H5A_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

// Names in order of creation where the object keeps it, else by name.
std::vector<std::string> attribute_names(hid_t object) {
  std::vector<std::string> names;
  for (const auto index : {H5_INDEX_CRT_ORDER, H5_INDEX_NAME}) {
    names.clear();
    hsize_t position = 0;
    if (H5Aiterate2(object, index, H5_ITER_INC, &position, collect_name, &names) >= 0) break;
  }
  H5Eclear2(H5E_DEFAULT);
  return names;
}

// Frees what H5Aread allocated, whatever happens in between.
struct Lists {
  explicit Lists(std::size_t count) : values(count) {}
  std::vector<hvl_t> values;
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  ~Lists() {
    if (type >= 0) H5Dvlen_reclaim(type, space, H5P_DEFAULT, values.data());
  }
};

}  // namespace

std::vector<Attribute> read_attributes(hid_t object) {
  std::vector<Attribute> attributes;
  for (auto& name : attribute_names(object)) {
    const H5Attr attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT));
    AttributeValue value;
    if (attribute.valid()) value = read_value(attribute);
    attributes.push_back({std::move(name), std::move(value)});
  }
  H5Eclear2(H5E_DEFAULT);
  return attributes;
}

std::vector<std::optional<haddr_t>> attached_scales(hid_t dataset, std::size_t rank) {
  const H5Attr attribute(H5Aopen(dataset, "DIMENSION_LIST", H5P_DEFAULT));
  if (!attribute.valid()) {
    H5Eclear2(H5E_DEFAULT);
    return {};
  }
  const H5Type type(H5Aget_type(attribute));
  const H5Space space(H5Aget_space(attribute));
  if (!type.valid() || H5Tget_class(type) != H5T_VLEN) return {};
  const H5Type element(H5Tget_super(type));
  if (H5Tequal(element, H5T_STD_REF_OBJ) <= 0) return {};
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (points < 0 || static_cast<std::size_t>(points) != rank) return {};

  Lists lists(rank);
  if (H5Aread(attribute, type, lists.values.data()) < 0) {
    H5Eclear2(H5E_DEFAULT);
    return {};
  }
  lists.type = type;
  lists.space = space;
  std::vector<std::optional<haddr_t>> scales(rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (lists.values[axis].len == 0 || lists.values[axis].p == nullptr) continue;
    hobj_ref_t reference = 0;  // the address of the object's header, as H5O_info_t has it
    std::memcpy(&reference, lists.values[axis].p, sizeof(reference));
    scales[axis] = reference;
  }
  return scales;
}

}  // namespace rankine::io
