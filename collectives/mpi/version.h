// Which MPI library this is. Neither function initializes MPI.
#pragma once

#include <string>

namespace rankine::collectives {

std::string mpi_library();   // as it calls itself: "Open MPI v4.1.4, ...", "MPICH Version: 4.0.2"
std::string mpi_standard();  // the version of the standard: "3.1"
const char* srun_plugin();   // by which srun joins its ranks: the value of --mpi, "pmix" or "pmi2"
std::string how_to_start();  // the remedy where ranks did not find each other

}  // namespace rankine::collectives
