// Which libraries the codecs come from.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace rankine::io {

// Name and version of each that was loaded: bytes of outputs may depend on them.
std::vector<std::pair<std::string, std::string>> codec_versions();

}  // namespace rankine::io
