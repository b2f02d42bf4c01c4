// Arrays from files, of which many may be one. Only metadata are read here, by the probe child
// (io/probe.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/api/array.h"

namespace rankine {

// "file.nc:/group/t2m", or "file.nc" if the file has one variable that is no coordinate. Dimension
// names come from netCDF-4 dimension scales; missing values and packing are decoded (CF). Throws
// Error (input). Call it on rank 0 (inside the client of run()).
//
// Where the file of that name is not there, "data/t_*.nc:/temp" means all that match (* ? [a-z]),
// and "a.nc,b.nc:/temp" a list: they are one along their record dimension (io/join.h).
Array open(const std::string& where, Location at = Here::current());
// The files given, as one; the variable may stand behind any of them.
Array open_files(const std::vector<std::string>& files, Location at = Here::current());

namespace api {

// What a file says about itself, or several as one; looked at once per process and path.
std::shared_ptr<const io::FileInfo> file_info(const std::string& path);
std::shared_ptr<const io::FileInfo> file_info(const std::vector<std::string>& paths);

// The files that `path` stands for: itself, or what it matches. Throws Error (input) for a pattern
// that matches nothing.
std::vector<std::string> files_named(const std::string& path);
std::vector<std::string> files_named(const std::vector<std::string>& paths);
// The files that were read for it.
std::vector<std::string> files_of(const io::FileInfo& file);
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

// Files of a list, and the variable that one or all of them name. Throws Error (usage) for two.
struct FilesAndVariable {
  std::vector<std::string> files;
  std::string variable;
};
FilesAndVariable split_locations(const std::vector<std::string>& where);

// The path of the only variable with data that is no coordinate; throws Error (usage) listing them.
std::string only_variable(const io::FileInfo& file, const std::string& group = "/");

}  // namespace api
}  // namespace rankine
