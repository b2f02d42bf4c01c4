#include "apps/copy_choice.h"

#include <algorithm>

#include "apps/info.h"
#include "io/probe.h"
#include "runtime/api/output_copy.h"
#include "runtime/base/error.h"

namespace rankine::apps {
namespace {

std::string why_not(const io::Variable& variable) {
  if (variable.type_name.starts_with("complex")) {
    return "it holds complex numbers, of which only the parts can be computed with";
  }
  return "it holds no numbers";
}

void add(const io::Variable& variable, CopyChoice& choice) {
  if (has_numbers(variable)) choice.variables.push_back(&variable);
  else if (io::holds_text(variable)) choice.texts.push_back(variable.path);
  else choice.left_out.push_back(variable.path + " is left out: " + why_not(variable));
}

// The variables that a name means: one, or all of a group.
void add_named(const io::FileInfo& file, const std::string& name, CopyChoice& choice) {
  std::string path = (name.starts_with('/') ? "" : "/") + name;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  bool is_group = false;
  for (const io::Variable& variable : file.variables) {
    if (!variable.path.starts_with(path == "/" ? path : path + "/") || !is_listed(variable))
      continue;
    is_group = true;
    add(variable, choice);
  }
  if (is_group) return;
  const io::Variable& variable = io::find_variable(file, path);
  if (io::holds_text(variable)) choice.texts.push_back(variable.path);
  else choice.variables.push_back(&variable);
}

}  // namespace

bool is_coordinate(const io::Variable& variable) {
  return variable.is_scale && variable.shape.size() == 1 && variable.dim_paths[0] == variable.path;
}

bool has_numbers(const io::Variable& variable) { return variable.dtype && !variable.null_space; }

bool goes_along(const io::Variable& coordinate, const std::vector<const io::Variable*>& others) {
  return api::is_copyable(coordinate) &&
         std::ranges::any_of(others, [&](const io::Variable* other) {
           return other != &coordinate && !is_coordinate(*other) &&
                  std::ranges::count(other->dim_paths, coordinate.path) > 0;
         });
}

CopyChoice choose_copied(const io::FileInfo& file, const std::vector<std::string>& names) {
  CopyChoice choice;
  for (const std::string& name : names) add_named(file, name, choice);
  if (names.empty()) {
    for (const io::Variable& variable : file.variables) {
      if (is_listed(variable)) add(variable, choice);
    }
    for (const std::string& note : file.notes) choice.left_out.push_back(note);
  }
  std::vector<const io::Variable*> once;
  for (const io::Variable* variable : choice.variables) {
    if (std::ranges::find(once, variable) == once.end()) once.push_back(variable);
  }
  choice.variables = std::move(once);
  for (const io::Variable* variable : choice.variables) {
    if (names.empty() || variable->missing_sources == 0) continue;  // else it is a note
    choice.left_out.push_back(variable->path + ": " + std::to_string(variable->missing_sources) +
                              " of its virtual sources are missing, and read as fill value");
  }
  if (choice.variables.empty() && !choice.texts.empty()) {
    throw input_error("only text is chosen, which goes along with numbers", file.path,
                      "choose a variable with numbers as well");
  }
  if (choice.variables.empty() && !choice.left_out.empty()) {
    constexpr std::size_t kMostNamed = 8;
    std::string what = "nothing of the file can be copied";
    for (std::size_t i = 0; i < std::min(kMostNamed, choice.left_out.size()); ++i) {
      what += (i == 0 ? ": " : "; ") + choice.left_out[i];
    }
    throw input_error(what + (choice.left_out.size() > kMostNamed ? "; ..." : ""), file.path);
  }
  return choice;
}

}  // namespace rankine::apps
