// What can be done in a folder.
#pragma once

#include <string>

namespace rankine::io {

// Why no file can be made in it ("No such file or directory", "Read-only file system"); "" if one
// can. Tries.
std::string why_not_writable(const std::string& folder);

// Whether files in it can be locked, by which two runs with one output notice each other. False
// also where no file can be made.
bool has_locks(const std::string& folder);

}  // namespace rankine::io
