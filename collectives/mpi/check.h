// MPI's return codes as Errors.
#pragma once

#include <mpi.h>

#include <string>

#include "runtime/base/error.h"

namespace rankine::collectives {

// With one blank where there were blanks, tabs and ends of lines: MPICH writes whole stacks.
inline std::string in_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\n';
    if (!blank) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

[[noreturn]] inline void fail_mpi(int code, const char* call) {
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  throw Error(ExitCode::kTaskFailed,
              std::string(call) +
                  " failed: " + (length > 0 ? in_one_line(text) : "error " + std::to_string(code)));
}

inline void check_mpi(int code, const char* call) {
  if (code != MPI_SUCCESS) fail_mpi(code, call);
}

}  // namespace rankine::collectives
