#include "apps/language/sources.h"

#include <algorithm>

#include "apps/language/near.h"
#include "io/dataset.h"
#include "io/h5/hidden_names.h"
#include "io/h5/texts.h"
#include "runtime/api/open.h"
#include "runtime/base/error.h"

namespace rankine::language {
namespace {

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool has_group(const io::FileInfo& file, const std::string& group) {
  return std::any_of(file.variables.begin(), file.variables.end(),
                     [&](const io::Variable& v) { return v.path.starts_with(group); });
}

void add_dimensions(const io::FileInfo& file, std::vector<std::string>& names) {
  for (const io::Dimension& dimension : file.dimensions) {
    if (std::find(names.begin(), names.end(), dimension.name) == names.end()) {
      names.push_back(dimension.name);
    }
  }
}

}  // namespace

Sources::Sources(const Inputs& inputs) {
  for (const std::string& text : inputs.hyperslabs) hyperslabs_.push_back(parse_hyperslab(text));
  if (!inputs.positional.empty()) open_positional(inputs.positional);
  for (const std::string& text : inputs.variables) add_variable(text);
  check_hyperslabs();
}

void Sources::open_positional(const std::vector<std::string>& where) {
  const api::FilesAndVariable parts = api::split_locations(where);
  file_ = api::file_info(parts.files);
  if (parts.variable.empty() || parts.variable == "/") return;
  std::string path = parts.variable;
  while (path.back() == '/') path.pop_back();
  if (has_group(*file_, path + "/")) {
    group_ = path + "/";
  } else {
    only_ = io::find_variable(*file_, path).path;
  }
}

void Sources::add_variable(const std::string& text) {
  const std::size_t equals = text.find('=');
  const auto refuse = [&](const std::string& what) {
    throw usage_error("-v " + text + ": " + what, "write -v name=FILE:/path or -v name=/path");
  };
  if (equals == std::string::npos || equals == 0) refuse("there is no name");
  const std::string name = text.substr(0, equals);
  const std::string where = text.substr(equals + 1);
  if (where.empty()) refuse("it is not said where to find it");
  Given given;
  if (where.front() == '/' && where.find(":/") == std::string::npos) {
    if (!file_) refuse("a path alone is looked up in the positional file, and there is none");
    given = {file_, where};
  } else {
    const api::FileAndVariable parts = api::split_location(where);
    const auto file = api::file_info(parts.file);
    given = {file, parts.variable.empty() ? api::only_variable(*file) : parts.variable};
  }
  given.path = io::find_variable(*given.file, given.path).path;
  if (!given_.emplace(name, std::move(given)).second) refuse("the name is given twice");
}

void Sources::check_hyperslabs() const {
  std::vector<std::string> known;
  if (file_) add_dimensions(*file_, known);
  for (const auto& [name, given] : given_) add_dimensions(*given.file, known);
  for (std::size_t i = 0; i < hyperslabs_.size(); ++i) {
    const Hyperslab& slab = hyperslabs_[i];
    for (std::size_t j = 0; j < i; ++j) {
      if (hyperslabs_[j].dimension != slab.dimension) continue;
      throw usage_error("-d " + slab.text + ": the dimension is given twice",
                        "concatenate slices in the expression");
    }
    if (std::find(known.begin(), known.end(), slab.dimension) != known.end()) {
      if (slab.needs_text && !is_labelled_by_text(slab.dimension)) throw no_number(slab);
      continue;
    }
    throw input_error("-d " + slab.text + ": there is no dimension `" + slab.dimension + "`",
                      place(),
                      known.empty() ? "the inputs have no dimensions with names"
                                    : "the dimensions are " + listed(known, 10));
  }
}

bool Sources::is_labelled_by_text(const std::string& dimension) const {
  const auto in = [&](const io::FileInfo& file) {
    return std::ranges::any_of(file.dimensions, [&](const io::Dimension& candidate) {
      const io::Variable* labels = file.variable(candidate.path);
      return candidate.name == dimension && labels != nullptr && io::holds_text(*labels);
    });
  };
  return (file_ && in(*file_)) ||
         std::ranges::any_of(given_, [&](const auto& given) { return in(*given.second.file); });
}

std::string Sources::path_of(const std::string& name) const {
  if (!only_.empty()) {
    const std::string shown = io::shown_path(only_);
    return name == last_name(shown) || name == shown ? only_ : "";
  }
  const std::string path = name.starts_with('/') ? name : group_ + name;
  const io::Variable* variable = io::find_shown(*file_, path);
  return variable == nullptr || variable->is_pure_dimension ? "" : variable->path;
}

// What is in the file but was left out says why, and what to do.
void Sources::refuse_left_out(const std::string& name) const {
  if (!only_.empty()) return;
  const std::string path = name.starts_with('/') ? name : group_ + name;
  const bool noted = std::ranges::any_of(
      file_->notes, [&](const std::string& note) { return note.starts_with(path + " is "); });
  if (noted) io::find_variable(*file_, path);  // throws
}

std::optional<Array> Sources::find(const std::string& name, LabelReader& reader) const {
  if (const auto found = given_.find(name); found != given_.end()) {
    return open(found->second, reader);
  }
  if (!file_) return std::nullopt;
  const std::string path = path_of(name);
  if (path.empty()) {
    refuse_left_out(name);
    return std::nullopt;
  }
  return open({file_, path}, reader);
}

Array Sources::open(const Given& given, LabelReader& reader) const {
  const Array array = api::open_variable(given.file, given.path, Here::current());
  std::vector<Index> all(array.rank(), rankine::Range{});
  for (const Hyperslab& slab : hyperslabs_) {
    const auto axis = std::find(array.dims().begin(), array.dims().end(), slab.dimension);
    if (axis == array.dims().end()) continue;
    const auto number = static_cast<std::size_t>(axis - array.dims().begin());
    try {
      all[number] = index_of(array, number, slab, reader);
    } catch (Error& error) {
      throw std::move(error).at(given.file->path + ":" + given.path + ", -d " + slab.text);
    }
  }
  return array.slice(all);
}

std::vector<std::string> Sources::names() const {
  std::vector<std::string> all;
  for (const auto& [name, given] : given_) all.push_back(name);
  if (!only_.empty()) {
    all.push_back(last_name(io::shown_path(only_)));
  } else if (file_) {
    for (const io::Variable& variable : file_->variables) {
      if (variable.is_pure_dimension || !variable.path.starts_with(group_)) continue;
      const std::string path = io::shown_path(variable.path);
      const std::string inside = path.substr(group_.size());
      all.push_back(inside.find('/') == std::string::npos ? inside : path);
    }
  }
  return all;
}

std::string Sources::place() const {
  if (!file_) return "";
  if (!only_.empty()) return file_->path + ":" + only_;
  return group_ == "/" ? file_->path : file_->path + ":" + group_.substr(0, group_.size() - 1);
}

}  // namespace rankine::language
