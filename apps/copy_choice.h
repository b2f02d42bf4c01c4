// Which variables of a file a copy takes: those that are named, with whole groups, or all.
#pragma once

#include <string>
#include <vector>

#include "io/h5/file_info.h"

namespace rankine::apps {

// A variable that holds the coordinates of its own dimension.
bool is_coordinate(const io::Variable& variable);

// Whether it can be copied as an array.
bool has_numbers(const io::Variable& variable);

// Whether the coordinate goes along with one of these, so that it need not be copied by itself.
bool goes_along(const io::Variable& coordinate, const std::vector<const io::Variable*>& others);

struct CopyChoice {
  std::vector<const io::Variable*> variables;  // with numbers, each once; they lie in the file
  std::vector<std::string> texts;              // paths
  std::vector<std::string> left_out;           // what cannot be copied and why
};

// names: variables and groups, with or without the leading slash; none means all. Throws Error
// (input) if nothing of that can be copied.
CopyChoice choose_copied(const io::FileInfo& file, const std::vector<std::string>& names);

}  // namespace rankine::apps
