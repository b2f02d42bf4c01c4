#include "collectives/mpi/ping_pong.h"

#include <mpi.h>

#include <vector>

#include "collectives/mpi/check.h"

namespace rankine::collectives {

double ping_pong(int rank, std::size_t bytes, std::int64_t rounds) {
  std::vector<std::byte> message(bytes);
  const int length = static_cast<int>(bytes);
  const int peer = 1 - rank;
  const auto send = [&] {
    check_mpi(MPI_Send(message.data(), length, MPI_BYTE, peer, 0, MPI_COMM_WORLD), "MPI_Send");
  };
  const auto receive = [&] {
    check_mpi(
        MPI_Recv(message.data(), length, MPI_BYTE, peer, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE),
        "MPI_Recv");
  };
  const double start = MPI_Wtime();
  for (std::int64_t round = 0; round < rounds; ++round) {
    if (rank == 0) send();
    receive();
    if (rank != 0) send();
  }
  return (MPI_Wtime() - start) / (2.0 * static_cast<double>(rounds));
}

}  // namespace rankine::collectives
