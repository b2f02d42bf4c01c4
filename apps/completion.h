// Completion of command lines in bash, from the text of --help.
#pragma once

#include <span>
#include <string>

#include "apps/manual_page.h"

namespace rankine::apps {

// A script that bash sources. It completes verbs, options and values that are one of a few words;
// where it has nothing to offer, bash completes names of files.
std::string bash_completion(const Described& program, std::span<const Described> verbs);

}  // namespace rankine::apps
