// What `rankine diff` found, as lines for people and as JSON for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/compare_values.h"
#include "runtime/base/shape.h"

namespace rankine::apps {

// A pair of variables, or one that only one file has.
struct DiffEntry {
  std::string path;                       // "/": the attributes of the files themselves
  std::vector<std::string> lines = {};    // differences of all but values; may be printed
  Extents shape = {};                     // of what was compared
  std::optional<Difference> values = {};  // if values were compared
  std::string not_compared = {};          // "values of type compound"; "" if nothing is left
  bool differs() const { return !lines.empty() || (values && values->elements > 0); }
};

// One line per difference, and one per kind of value that is not compared; a last one if nothing
// differs but something was not compared.
std::string diff_text(const std::vector<DiffEntry>& entries);

// {"first","second","differs","not_compared":[PATH...],"variables":[{"path","differs","differences":[TEXT...],"elements",
// "elements_differ","missing_in_one","first_at","absolute","absolute_at","relative","relative_at",
// "not_compared"}]}. What there is not is null: positions of equal values, all figures of values
// that were not compared.
std::string diff_json(const std::string& first, const std::string& second,
                      const std::vector<DiffEntry>& entries);

}  // namespace rankine::apps
