// What whoever started this program had set, before any library changed it.
#pragma once

namespace rankine::apps {

// Whether SIGHUP was ignored (nohup).
bool starter_ignored_hangup();

}  // namespace rankine::apps
