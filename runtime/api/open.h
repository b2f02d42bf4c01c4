// Arrays from files. Only metadata are read here, by the probe child (io/probe.h).
#pragma once

#include <memory>
#include <string>

#include "runtime/api/array.h"

namespace rankine {

// "file.nc:/group/t2m", or "file.nc" if the file has one variable that is no coordinate. Dimension
// names come from netCDF-4 dimension scales; missing values and packing are decoded (CF). Throws
// Error (input). Call it on rank 0 (inside the client of run()).
Array open(const std::string& where, Location at = Here::current());

namespace api {

// What a file says about itself; looked at once per process and path.
std::shared_ptr<const io::FileInfo> file_info(const std::string& path);
Array open_variable(const std::shared_ptr<const io::FileInfo>& file, const std::string& variable,
                    Location at);
// The stored numbers, without the conventions: what a copy is made of.
Array open_stored(const std::shared_ptr<const io::FileInfo>& file, const std::string& variable,
                  Location at);

struct FileAndVariable {
  std::string file;
  std::string variable;  // "" if none was given
};
// Splits at the last ":/".
FileAndVariable split_location(const std::string& where);

// The path of the only variable with data that is no coordinate; throws Error (usage) listing them.
std::string only_variable(const io::FileInfo& file, const std::string& group = "/");

}  // namespace api
}  // namespace rankine
