// What the benchmarks share.
#pragma once

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/base/error.h"

namespace rankine::apps {

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

inline void write_figures(const std::string& path, const std::string& json) {
  std::ofstream file(path);
  file << json << "\n";
  file.close();
  if (!file) throw Error(ExitCode::kTaskFailed, "cannot write the figures", path);
}

}  // namespace rankine::apps
