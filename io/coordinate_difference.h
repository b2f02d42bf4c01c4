// Where the coordinates of two files differ, in words: files that are joined must have the same.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/h5/file_info.h"

namespace rankine::io {

// "value 3 is 15.5 here and 15 in FIRST (2 of 4 differ, by at most 0.5)". first: a path.
// "" if they are the same.
std::string difference_of(std::span<const double> here, std::span<const double> in_first,
                          const std::string& first);

// What to do about it. coordinate: an absolute path.
std::string remedy_of_difference(const std::string& coordinate, const std::string& first,
                                 const std::string& here);

// The values of a coordinate variable as stored; reads the file (and starts the probe child).
// Throws Error (input).
std::vector<double> stored_values(const FileInfo& file, const std::string& variable);

}  // namespace rankine::io
