#include "runtime/api/open.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "io/join.h"
#include "io/probe.h"
#include "runtime/base/error.h"
#include "runtime/expr/build.h"

namespace rankine {
namespace api {

namespace {

// Errors name the whole by its ends.
std::string name_of(const std::vector<std::string>& paths) {
  if (paths.size() == 1) return paths.front();
  if (paths.size() == 2) return paths.front() + "," + paths.back();
  return paths.front() + " ... " + paths.back() + " (" + std::to_string(paths.size()) + " files)";
}

// Commas part names, and each may match several files.
std::vector<std::string> words_of(const std::string& path) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = path.find(',', begin);
    words.push_back(path.substr(begin, end - begin));
  }
  return words;
}

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

void add_matches(const std::string& pattern, std::vector<std::string>& files) {
  if (is_there(pattern) || pattern.find_first_of("*?[") == std::string::npos) {
    files.push_back(pattern);
    return;
  }
  glob_t found{};
  const int code = ::glob(pattern.c_str(), 0, nullptr, &found);
  for (std::size_t i = 0; code == 0 && i < found.gl_pathc; ++i) {
    files.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  if (code != 0) throw input_error("no file matches", pattern, "see ls " + pattern);
}

using Known = std::map<std::vector<std::string>, std::shared_ptr<const io::FileInfo>>;

// Two lists with the same ends must not have the same name: things are found again by it.
std::string unused_name(const Known& known, std::string name) {
  const auto is_used = [&](const std::string& one) {
    return std::ranges::any_of(known, [&](const auto& entry) { return entry.second->path == one; });
  };
  const std::string wanted = name;
  for (int i = 2; is_used(name); ++i) name = wanted + " #" + std::to_string(i);
  return name;
}

std::shared_ptr<const io::FileInfo> look_into(const Known& known,
                                              const std::vector<std::string>& paths) {
  io::ProbeOptions options;
  options.coordinates = paths.size() > 1;
  std::vector<io::FileInfo> infos = io::probe_files(paths, options);
  if (infos.size() == 1) return std::make_shared<const io::FileInfo>(std::move(infos.front()));
  return std::make_shared<const io::FileInfo>(
      io::join_files(std::move(infos), unused_name(known, name_of(paths))));
}

}  // namespace

std::vector<std::string> files_named(const std::string& path) {
  if (is_there(path)) return {path};
  std::vector<std::string> files;
  for (const std::string& word : words_of(path)) add_matches(word, files);
  return files;
}

std::vector<std::string> files_named(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    for (std::string& file : files_named(path)) files.push_back(std::move(file));
  }
  return files;
}

std::shared_ptr<const io::FileInfo> file_info(const std::vector<std::string>& paths) {
  static std::mutex mutex;
  static Known known;
  const std::lock_guard lock(mutex);
  const auto entry = known.find(paths);
  if (entry != known.end()) return entry->second;
  return known.emplace(paths, look_into(known, paths)).first->second;
}

std::shared_ptr<const io::FileInfo> file_info(const std::string& path) {
  return file_info(files_named(path));
}

std::vector<std::string> files_of(const io::FileInfo& file) {
  if (!file.joined) return {file.path};
  std::vector<std::string> files;
  for (const io::FileInfo& member : file.joined->members) files.push_back(member.path);
  return files;
}

FilesAndVariable split_locations(const std::vector<std::string>& where) {
  FilesAndVariable result;
  for (const std::string& one : where) {
    const FileAndVariable parts = split_location(one);
    for (const std::string& file : files_named(parts.file)) result.files.push_back(file);
    if (parts.variable.empty() || parts.variable == result.variable) continue;
    if (!result.variable.empty()) {
      throw usage_error(
          "files that are one have one variable: " + result.variable + " or " + parts.variable,
          "name variables of other files by -v name=FILE:/path");
    }
    result.variable = parts.variable;
  }
  return result;
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
    if (inside && !variable.is_scale && !variable.is_field && !auxiliary && variable.dtype &&
        !variable.null_space) {
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

Array open(const std::string& where, Location at) { return open_files({where}, at); }

Array open_files(const std::vector<std::string>& files, Location at) {
  if (files.empty()) throw usage_error("there is no file to open", "name at least one");
  const api::FilesAndVariable parts = api::split_locations(files);
  const auto file = api::file_info(parts.files);
  return api::open_variable(
      file, parts.variable.empty() ? api::only_variable(*file) : parts.variable, at);
}

}  // namespace rankine
