// Results on stdout.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/nd_array.h"

namespace rankine::apps {

// A 0-d array: its value alone. Others: a line with name, type and axes, then one line per row
// (innermost axis), blank lines between blocks; more than 1,000 elements are cut as NumPy does,
// three at each end of an axis. Numbers are written with the fewest digits that give them back.
std::string to_text(const std::string& name, const std::vector<std::string>& dims,
                    const NdArray& array);

}  // namespace rankine::apps
