// How far a name is from another one, to suggest what a user may have meant.
#pragma once

#include <cstddef>
#include <string_view>

namespace rankine {

// Levenshtein's distance in bytes; limit + 1 at least if the lengths differ by more than `limit`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

}  // namespace rankine
