// How copies keep the filters of what they are copied from.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/h5/file_info.h"
#include "runtime/api/output.h"

namespace rankine::api {

class OutputFilters {
 public:
  // Keeps a reference.
  explicit OutputFilters(const OutputOptions& options) : options_(options) {}

  // Sets how `to` is stored: as the options say, or as `from` is if they say to keep that. What is
  // virtual has no filters of its own, and is stored as the options say. from: nullptr if `to` is a
  // copy of nothing.
  void choose(const io::Variable* from, io::OutputVariable& to);

  // What could not be kept, one sentence for each kind of filter.
  std::vector<std::string> remarks() const;

 private:
  void keep(const io::Variable& from, io::OutputVariable& to);

  const OutputOptions& options_;
  struct Lost {
    std::string filter, instead;
    auto operator<=>(const Lost&) const = default;
  };
  std::map<Lost, std::vector<std::string>> lost_;  // paths of what had the filter
};

}  // namespace rankine::api
