// Virtual data sets: which elements lie where in which files. Only for io/h5.
#pragma once

#include <string>

#include "io/h5/file_info.h"
#include "io/h5/handles.h"

namespace rankine::io {

// Fills sources, missing_sources, direct_problem and read_problem of a virtual data set whose type
// and shape are known; opens the sources. direct_problem says what is not put together here: the
// library reads it. A missing source is a read_problem, unless access().missing.
void find_sources(hid_t creation, const std::string& file_path, Variable& variable);

// A name beside a file, unless it is absolute.
std::string beside(const std::string& file_path, const std::string& name);

// The file that a file names, as the library looks for it: where it says, beside the file, beside
// what the file is a link to. "" if there is none.
std::string file_named(const std::string& file_path, const std::string& name);

}  // namespace rankine::io
