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

// A raw file of external storage: beside the file, or in the folder HDF5_EXTFILE_PREFIX.
std::string raw_file_named(const std::string& file_path, const std::string& name);

// Environment variables that name folders to look in first, several by ':'. ${ORIGIN} is the folder
// of the file that names another.
inline constexpr const char* kSourcePrefix = "HDF5_VDS_PREFIX";
inline constexpr const char* kLinkPrefix = "HDF5_EXT_PREFIX";

// The file that a file names, as the library looks for it: where it says, in the folders that
// `variable` names, beside the file, beside what the file is a link to. "" if there is none.
std::string file_named(const std::string& file_path, const std::string& name, const char* variable);

}  // namespace rankine::io
