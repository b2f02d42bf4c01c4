#include "io/h5/file_info.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace rankine::io {

double Numbers::as_double(std::size_t i) const {
  return visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    return static_cast<double>(value);
  });
}

const Attribute* Variable::attribute(const std::string& name) const {
  const auto found = std::ranges::find(attributes, name, &Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

std::string Variable::text(const std::string& name) const {
  const Attribute* found = attribute(name);
  const auto* text = found == nullptr ? nullptr : std::get_if<std::string>(&found->value);
  return text == nullptr ? std::string() : *text;
}

const Variable* FileInfo::variable(const std::string& variable_path) const {
  const bool absolute = variable_path.starts_with('/');
  const auto found = std::ranges::find_if(variables, [&](const Variable& variable) {
    return std::string_view(variable.path).substr(absolute ? 0 : 1) == variable_path;
  });
  return found == variables.end() ? nullptr : &*found;
}

std::string path_on_disk(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path whole = fs::absolute(path);
  if (std::ranges::find(whole, fs::path("..")) == whole.end()) return whole.string();
  std::error_code problem;
  const fs::path folder = fs::canonical(whole.parent_path(), problem);
  return problem ? whole.string() : (folder / whole.filename()).string();
}

}  // namespace rankine::io
