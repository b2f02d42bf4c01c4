// MPI's return codes as Errors.
#pragma once

#include <mpi.h>

#include <string>

#include "runtime/base/error.h"

namespace rankine::collectives {

[[noreturn]] inline void fail_mpi(int code, const char* call) {
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  throw Error(ExitCode::kTaskFailed, std::string(call) + " failed: " +
                                         (length > 0 ? text : "error " + std::to_string(code)));
}

inline void check_mpi(int code, const char* call) {
  if (code != MPI_SUCCESS) fail_mpi(code, call);
}

}  // namespace rankine::collectives
