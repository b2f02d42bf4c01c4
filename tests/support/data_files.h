// The collection of real files beside the checkout.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace rankine::testing {

// Their paths in order; none if the collection is not there.
inline std::vector<std::string> data_files() {
  std::vector<std::string> files;
  if (!std::filesystem::exists(RANKINE_DATA_DIR)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(RANKINE_DATA_DIR)) {
    if (entry.is_regular_file() && entry.path().extension() != ".md") {
      files.push_back(entry.path().string());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace rankine::testing
