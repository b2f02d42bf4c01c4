// Which MPI library this is. Neither function initializes MPI.
#pragma once

#include <string>

namespace rankine::collectives {

std::string mpi_library();   // as it calls itself, the first line: "Open MPI v4.1.4, ..."
std::string mpi_standard();  // the version of the standard: "3.1"

}  // namespace rankine::collectives
