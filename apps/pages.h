// What an installation has beside the executable: manual pages and the completion of bash.
#pragma once

#include <span>
#include <string>

#include "apps/manual_page.h"

namespace rankine::apps {

// Writes DIR/man/man1/rankine*.1 and DIR/bash-completion/completions/rankine, where DIR is what a
// prefix has as share/. Makes folders; replaces what is there. Throws Error.
void write_pages(const std::string& folder, const Described& program,
                 std::span<const Described> verbs);

}  // namespace rankine::apps
