// The line of the global attribute `history` that says how a file was made.
#pragma once

#include <string>
#include <string_view>

namespace rankine::api {

// "Tue Nov 17 10:00:00 2026: " + command, as CDO and NCO write it. The date is SOURCE_DATE_EPOCH
// (seconds, UTC) if that is set, else now in local time. Throws Error (usage) if SOURCE_DATE_EPOCH
// is no number of seconds.
std::string history_line(const std::string& command);

// One argument on one line, as a shell takes it back.
std::string quoted_for_shell(std::string_view argument);

// The base name of the program and its arguments, quoted for a shell where needed, on one line.
// Without the name of the output and all options that do not change the result (ranks, threads,
// memory, reports, resume).
std::string clean_command(int argc, const char* const* argv);

}  // namespace rankine::api
