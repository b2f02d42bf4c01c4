#include "collectives/mpi/packet_ring.h"

#include <span>

#include "collectives/mpi/check.h"

namespace rankine::collectives {

PacketRing::PacketRing(MPI_Comm communicator)
    : bytes_(kSlots * kPacketLimit),
      requests_(kSlots, MPI_REQUEST_NULL) {
  static_assert(kPacketLimit % kPacketAlignment == 0);
  for (std::size_t index = 0; index < kSlots; ++index) {
    check_mpi(MPI_Recv_init(slot(index), static_cast<int>(kPacketLimit), MPI_BYTE, MPI_ANY_SOURCE,
                            0, communicator, &requests_[index]),
              "MPI_Recv_init");
    check_mpi(MPI_Start(&requests_[index]), "MPI_Start");
  }
}

PacketRing::~PacketRing() {
  for (MPI_Request& request : requests_) {
    if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
  }
}

int PacketRing::receive(const Communicator::PacketHandler& handler) {
  int count = 0;
  while (count < kTurn) {
    int complete = 0;
    MPI_Status status;
    check_mpi(MPI_Test(&requests_[head_], &complete, &status), "MPI_Test");
    if (!complete) break;
    hand_out(status, handler);
    ++count;
  }
  return count;
}

void PacketRing::hand_out(const MPI_Status& status, const Communicator::PacketHandler& handler) {
  int length = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &length), "MPI_Get_count");
  try {
    handler(status.MPI_SOURCE, std::span<const std::byte>(slot(head_), length));
  } catch (...) {
    post_head_again();
    throw;
  }
  post_head_again();
}

void PacketRing::post_head_again() {
  check_mpi(MPI_Start(&requests_[head_]), "MPI_Start");
  head_ = (head_ + 1) % kSlots;
}

void PacketRing::cancel() {
  for (MPI_Request& request : requests_) {
    check_mpi(MPI_Cancel(&request), "MPI_Cancel");
    check_mpi(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait");
  }
}

}  // namespace rankine::collectives
