// What is wrong with how a data set is cut into chunks and stored, in sentences for people.
#pragma once

#include <string>
#include <vector>

#include "io/h5/file_info.h"

namespace rankine::apps {

// Empty if there is nothing to say. Goes by the metadata alone: reads nothing.
std::vector<std::string> chunk_advice(const io::Variable& variable);

}  // namespace rankine::apps
