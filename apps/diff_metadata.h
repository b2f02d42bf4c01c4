// What two files say of their variables, side by side; one line per difference.
#pragma once

#include <string>
#include <vector>

#include "io/h5/file_info.h"

namespace rankine::apps {

// "(3, 4) instead of (3, 5)": shape, type, names of values and dimensions. Types of numbers are
// those after decoding and are not compared here. Names of dimensions that an output made up for
// axes without are none.
std::vector<std::string> variable_differences(const io::FileInfo& a_file, const io::Variable& a,
                                              const io::FileInfo& b_file, const io::Variable& b);

// "attribute units: "K" instead of "degC"". Those whose values cannot be shown (references) need
// only be there.
std::vector<std::string> attribute_differences(const std::vector<io::Attribute>& a,
                                               const std::vector<io::Attribute>& b);

}  // namespace rankine::apps
