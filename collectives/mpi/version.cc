#include "collectives/mpi/version.h"

#include <mpi.h>

#include <cstddef>

#include "collectives/mpi/check.h"

namespace rankine::collectives {

// MPI 3.1, 8.7.1 allows both calls before MPI_Init and after MPI_Finalize.
std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
  const std::string whole(text, static_cast<std::size_t>(length));
  return in_one_line(whole.substr(0, whole.find_first_of(std::string("\n\0", 2))));
}

std::string mpi_standard() {
  int version = 0, subversion = 0;
  if (MPI_Get_version(&version, &subversion) != MPI_SUCCESS) return "unknown";
  return std::to_string(version) + "." + std::to_string(subversion);
}

// MPICH and its kin speak the protocols PMI-1 and PMI-2.
const char* srun_plugin() {
#ifdef OPEN_MPI
  return "pmix";
#else
  return "pmi2";
#endif
}

std::string how_to_start() {
#ifdef OPEN_MPI
  const std::string own = "Open MPI's mpirun";
#else
  const std::string own = "the mpiexec of this MPI (" + mpi_library() + ")";
#endif
  return std::string("srun --mpi=") + srun_plugin() +
         " (srun --mpi=list shows what there is), or " + own;
}

}  // namespace rankine::collectives
