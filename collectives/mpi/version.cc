#include "collectives/mpi/version.h"

#include <mpi.h>

#include <cstddef>

namespace rankine::collectives {

// MPI 3.1, 8.7.1 allows both calls before MPI_Init and after MPI_Finalize.
std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "unknown";
  const std::string whole(text, static_cast<std::size_t>(length));
  return whole.substr(0, whole.find_first_of(std::string("\n\0", 2)));
}

std::string mpi_standard() {
  int version = 0, subversion = 0;
  if (MPI_Get_version(&version, &subversion) != MPI_SUCCESS) return "unknown";
  return std::to_string(version) + "." + std::to_string(subversion);
}

}  // namespace rankine::collectives
