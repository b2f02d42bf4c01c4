#include "collectives/mpi/bulk.h"

#include <string>
#include <utility>

#include "collectives/mpi/check.h"

namespace rankine::collectives {

MpiPending::MpiPending(std::vector<MPI_Request> requests, std::size_t received_bytes)
    : requests_(std::move(requests)),
      statuses_(requests_.size()),
      received_bytes_(received_bytes) {}

// What a call returns is a code of a class; only in some libraries are they the same numbers.
static int error_class(int code) {
  int its_class = code;
  check_mpi(MPI_Error_class(code, &its_class), "MPI_Error_class");
  return its_class;
}

bool MpiPending::advance() {
  int complete = 0;
  const int code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &complete,
                               statuses_.data());
  if (code != MPI_SUCCESS && error_class(code) == MPI_ERR_IN_STATUS) {
    for (const MPI_Status& status : statuses_) {
      if (error_class(status.MPI_ERROR) != MPI_ERR_PENDING)
        check_mpi(status.MPI_ERROR, "an MPI transfer");
    }
  }
  check_mpi(code, "MPI_Testall");
  if (!complete) return false;
  if (received_bytes_ != kNoCheck) check_received();
  return true;
}

// MPI reports a message that is too long; one that is too short is only seen here.
void MpiPending::check_received() const {
  std::size_t bytes = 0;
  for (const MPI_Status& status : statuses_) {
    int length = 0;
    check_mpi(MPI_Get_count(&status, MPI_BYTE, &length), "MPI_Get_count");
    bytes += static_cast<std::size_t>(length);
  }
  if (bytes == received_bytes_) return;
  throw Error(ExitCode::kTaskFailed, "a transfer of " + std::to_string(bytes) +
                                         " bytes meets a receive of " +
                                         std::to_string(received_bytes_));
}

}  // namespace rankine::collectives
