// The verbs, one source file each: <verb>.cc.
#pragma once

#include "apps/cli.h"

namespace rankine::apps {

void add_info(Cli& cli);

}  // namespace rankine::apps
