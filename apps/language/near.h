// Lists of names for error messages.
#pragma once

#include <string>
#include <vector>

namespace rankine::language {

// "a, b, c" or, beyond `most`, "a, b, ... (12 in all)".
std::string listed(const std::vector<std::string>& names, std::size_t most);

// The names a user may have meant, nearest first, at most three: other cases of letters, fewest
// changes, the same name inside another group ("/group/name" for "name").
std::vector<std::string> near_names(const std::string& wanted,
                                    const std::vector<std::string>& names);

}  // namespace rankine::language
