#include "runtime/api/open.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "io/probe.h"
#include "runtime/base/error.h"
#include "runtime/expr/build.h"

namespace rankine {
namespace api {

std::shared_ptr<const io::FileInfo> file_info(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const io::FileInfo>> known;
  const std::lock_guard lock(mutex);
  auto& entry = known[path];
  if (!entry) {
    entry = std::make_shared<const io::FileInfo>(std::move(io::probe_files({path}).front()));
  }
  return entry;
}

FileAndVariable split_location(const std::string& where) {
  const std::size_t colon = where.rfind(":/");
  if (colon == std::string::npos || colon == 0) return {where, ""};
  return {where.substr(0, colon), where.substr(colon + 1)};
}

std::string only_variable(const io::FileInfo& file, const std::string& group) {
  const std::string prefix = group.back() == '/' ? group : group + "/";
  std::vector<std::string> candidates;
  for (const io::Variable& variable : file.variables) {
    const bool inside = variable.path.rfind(prefix, 0) == 0;
    const bool auxiliary =
        std::any_of(file.variables.begin(), file.variables.end(), [&](const io::Variable& other) {
          const io::Attribute* bounds = other.attribute("bounds");
          const auto* name = bounds != nullptr ? std::get_if<std::string>(&bounds->value) : nullptr;
          return name != nullptr && prefix + *name == variable.path;
        });
    if (inside && !variable.is_scale && !auxiliary && variable.dtype && !variable.null_space) {
      candidates.push_back(variable.path);
    }
  }
  if (candidates.size() == 1) return candidates.front();
  std::string names;
  for (std::size_t i = 0; i < candidates.size() && i < 10; ++i) {
    names += (i > 0 ? ", " : "") + candidates[i];
  }
  if (candidates.empty()) throw input_error("there is no variable with numbers", file.path);
  throw Error(ExitCode::kUsage, "which variable? the file has " + std::to_string(candidates.size()),
              file.path, "name one as FILE:/NAME: " + names);
}

namespace {

Array array_of(const std::shared_ptr<const io::FileInfo>& file, io::Dataset dataset, Location at) {
  const io::Variable& found = io::find_variable(*file, dataset.path);
  auto shared = std::make_shared<const io::Dataset>(std::move(dataset));
  return Array(expr::from_dataset(file, std::move(shared), found.dims, at));
}

}  // namespace

Array open_variable(const std::shared_ptr<const io::FileInfo>& file, const std::string& variable,
                    Location at) {
  return array_of(file, io::make_dataset(*file, variable), at);
}

Array open_stored(const std::shared_ptr<const io::FileInfo>& file, const std::string& variable,
                  Location at) {
  return array_of(file, io::without_conventions(io::make_dataset(*file, variable)), at);
}

}  // namespace api

Array open(const std::string& where, Location at) {
  const api::FileAndVariable parts = api::split_location(where);
  const auto file = api::file_info(parts.file);
  return api::open_variable(
      file, parts.variable.empty() ? api::only_variable(*file) : parts.variable, at);
}

}  // namespace rankine
