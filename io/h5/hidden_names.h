// Variables that netCDF stores under another name than the one it shows: z, where there is a
// dimension z whose coordinate it is not.
#pragma once

#include <string>

#include "io/h5/file_info.h"

namespace rankine::io {

// "/g/z" of "/g/_nc4_non_coord_z"; other paths as they are.
std::string shown_path(const std::string& path);

// What users mean by a name: as FileInfo::variable, and by the name of a dimension the variable
// that was hidden from it.
const Variable* find_shown(const FileInfo& file, const std::string& path);

}  // namespace rankine::io
