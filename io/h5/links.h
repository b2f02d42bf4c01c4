// Links that lead out of a file, or through one that does. Only for io/h5; the HDF5 lock is held.
#pragma once

#include <optional>
#include <string>

#include "io/h5/file_info.h"
#include "io/h5/handles.h"

namespace rankine::io {

inline constexpr int kMostSteps = 8;  // of links that lead on, one behind the other

// Where a name leads on that cannot be opened in its file.
struct LinkStep {
  std::string file;    // as the link has it; "": the same file
  std::string object;  // in it; of the same file, from the group on which the name counts
};
// Nothing if it ends there. `access`: of links, by which the library opens no other file.
std::optional<LinkStep> next_step(hid_t group, const std::string& name, hid_t access);

// Link access under which the library refuses to open other files.
H5Plist links_within(const std::string& path);
// Whether the way to a name that cannot be opened within its file leads into another one.
bool leads_out(hid_t group, const std::string& name, hid_t access);

// The data set `source` of another file (its size and time known) under the path of a link to it:
// one that is put together of that one alone. What holds no numbers is left to the library, which
// follows the link itself.
Variable linked_variable(Variable source, std::string path, const std::string& file);

}  // namespace rankine::io
