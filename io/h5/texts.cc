#include "io/h5/texts.h"

#include "io/h5/describe.h"
#include "io/h5/input_file.h"

namespace rankine::io {
namespace {

// What the library allocated goes back to it, whatever happens in between.
struct Pointers {
  Pointers(std::size_t count, hid_t memory_type, hid_t data_space)
      : values(count, nullptr),
        type(memory_type),
        space(data_space) {}
  Pointers(const Pointers&) = delete;
  Pointers& operator=(const Pointers&) = delete;
  ~Pointers() { H5Dvlen_reclaim(type, space, H5P_DEFAULT, values.data()); }
  std::vector<char*> values;
  hid_t type, space;
};

Error too_long(const std::string& where) {
  return input_error(
      "more text than is read as labels (" + std::to_string(kMostTextBytes >> 20) + " MiB)", where);
}

std::vector<std::string> read_variable(hid_t dataset, hid_t type, std::size_t count,
                                       const std::string& where) {
  const H5Type memory(H5Tcopy(H5T_C_S1), "read texts", where);
  h5_check(H5Tset_size(memory, H5T_VARIABLE), "read texts", where);
  h5_check(H5Tset_cset(memory, H5Tget_cset(type)), "read texts", where);
  const H5Space space(H5Dget_space(dataset), "read texts", where);
  Pointers pointers(count, memory, space);
  h5_check(H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.values.data()),
           "read texts", where);
  std::vector<std::string> texts;
  std::int64_t bytes = 0;
  for (const char* text : pointers.values) {
    texts.emplace_back(text == nullptr ? "" : text);
    bytes += static_cast<std::int64_t>(texts.back().size());
    if (bytes > kMostTextBytes) throw too_long(where);
  }
  return texts;
}

std::vector<std::string> read_fixed(hid_t dataset, hid_t type, std::size_t count,
                                    const std::string& where) {
  const std::size_t size = H5Tget_size(type);
  if (size == 0 || count > static_cast<std::size_t>(kMostTextBytes) / size) throw too_long(where);
  std::vector<char> bytes(count * size);
  h5_check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()), "read texts",
           where);
  const H5T_str_t padding = H5Tget_strpad(type);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    texts.push_back(size == 1 && bytes[i] != '\0'
                        ? std::string(1, bytes[i])
                        : unpadded(bytes.data() + i * size, size, padding));
  }
  return texts;
}

}  // namespace

bool holds_text(const Variable& variable) {
  return variable.type_name == kTextType && !variable.is_field && !variable.null_space &&
         variable.read_problem.empty() && variable.layout != Layout::kVirtual &&
         saturated_volume(variable.shape) <= kMostTexts;
}

bool is_characters(const Variable& variable) {
  return holds_text(variable) && variable.element_size == 1;
}

Texts read_texts(const std::string& path, const std::string& dataset) {
  const H5Lock lock;
  const H5File file = open_input(path);
  const std::string where = place_of(path, dataset);
  const H5Dataset opened = open_dataset(file, path, dataset);
  if (!holds_text(describe_dataset(opened, path, dataset))) {
    throw input_error("it holds no text that can be read as labels", where);
  }
  const H5Type type(H5Dget_type(opened), "read the type", where);
  const H5Space space(H5Dget_space(opened), "read the shape", where);
  const hssize_t points = h5_check(H5Sget_simple_extent_npoints(space), "read the shape", where);
  if (points > kMostTexts) throw too_long(where);
  const auto count = static_cast<std::size_t>(points);
  if (count == 0) return {};
  return {H5Tis_variable_str(type) > 0 ? read_variable(opened, type, count, where)
                                       : read_fixed(opened, type, count, where)};
}

}  // namespace rankine::io
