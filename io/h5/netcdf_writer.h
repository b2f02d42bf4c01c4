// The metadata of a netCDF-4 file around chunk data that are already in it.
#pragma once

#include <span>
#include <string>

#include "io/h5/output_spec.h"

namespace rankine::io {

// Turns part_path, which holds the chunks at their placements, into a netCDF-4 file: superblock,
// dimension scales, data sets, chunk indexes, attributes, inline data. placements must be in the
// order (variable, chunk), as place_chunks returns them, and complete. The bytes written depend on
// the arguments and the versions of HDF5 and Rankine only. One thread; takes the HDF5 lock.
// The order of creation follows netcdf-c's file format specification.
// Throws Error (task failed) naming data set and chunk; the file is then unusable.
void write_netcdf(const std::string& part_path, const OutputFile& file,
                  std::span<const Placement> placements);

}  // namespace rankine::io
