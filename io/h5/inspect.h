// What an HDF5 file contains, without reading its data.
#pragma once

#include <string>

#include "io/h5/file_info.h"

namespace rankine::io {

// Dimensions, data sets of all groups, attributes. Soft and hard links are followed (cycles cut,
// groups with many names listed under the first few); so are external ones if access().external is
// set: data sets of other files are put together from them. Else they become a note, as do objects
// that cannot be opened. Names of dimensions come from HDF5 dimension scales, as netCDF-4 writes
// them. Throws Error (input) if the file is missing, unreadable, truncated or not HDF5.
// Damaged files can crash or hang the HDF5 library: call it through probe.h.
// coordinates: fill FileInfo::coordinates, which means to read them.
FileInfo inspect(const std::string& path, bool coordinates = false);

// One data set, or a field of a table, without attributes and dimension names. Throws Error (input)
// if there is none.
Variable inspect_dataset(const std::string& path, const std::string& dataset);

}  // namespace rankine::io
