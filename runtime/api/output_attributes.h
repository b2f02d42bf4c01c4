// Which attributes of an input an output may take over, and in which form.
#pragma once

#include <optional>

#include "io/h5/file_info.h"

namespace rankine::api {

// The attribute for the output. Empty for what netCDF does not take (its name; values we cannot
// carry) and for what would be untrue of any result (the recipe of `rankine sample`). Text that is
// no UTF-8 is taken for Latin-1, which most such files hold.
std::optional<io::Attribute> copied_attribute(const io::Attribute& attribute);

// The text itself, or if it is no UTF-8, what it says in Latin-1.
std::string as_utf8(const std::string& text);

}  // namespace rankine::api
