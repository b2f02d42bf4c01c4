#include "io/h5/hidden_names.h"

#include <string_view>

namespace rankine::io {
namespace {

constexpr std::string_view kHidden = "_nc4_non_coord_";

// Where the last name of a path begins.
std::size_t name_begin(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? 0 : slash + 1;
}

}  // namespace

std::string shown_path(const std::string& path) {
  const std::size_t begin = name_begin(path);
  const bool is_hidden =
      path.compare(begin, kHidden.size(), kHidden) == 0 && path.size() > begin + kHidden.size();
  return is_hidden ? path.substr(0, begin) + path.substr(begin + kHidden.size()) : path;
}

const Variable* find_shown(const FileInfo& file, const std::string& path) {
  const Variable* found = file.variable(path);
  if (found != nullptr && !found->is_pure_dimension) return found;
  std::string stored = path;
  stored.insert(name_begin(path), kHidden);
  const Variable* hidden = file.variable(stored);
  return hidden == nullptr ? found : hidden;
}

}  // namespace rankine::io
