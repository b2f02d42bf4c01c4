// Manual pages, from the text of --help and what all verbs have in common.
#pragma once

#include <span>
#include <string>

#include "apps/cli.h"

namespace rankine::apps {

// What is said of a verb, or of the program: its VerbText has no name then. Both outlive this.
struct Described {
  const VerbText& text;
  const CLI::App& options;
};

// rankine-VERB(1), for man.
std::string verb_page(const Described& verb);
// rankine(1).
std::string program_page(const Described& program, std::span<const Described> verbs);

}  // namespace rankine::apps
