// Receiving packets: a ring of receives posted in advance for any sender.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <vector>

#include "collectives/communicator.h"

namespace rankine::collectives {

// Order: MPI matches the messages of one sender in the order of sending with receives in the order
// of posting. The ring hands packets out in posting order, although a later receive may complete
// before an earlier one, and posts a slot again behind all others. So packets of a pair stay in
// order.
class PacketRing {
 public:
  explicit PacketRing(MPI_Comm communicator);
  ~PacketRing();  // the receives must have been cancelled
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;

  // At most kTurn packets per call, so that a busy sender cannot keep the caller here.
  int receive(const Communicator::PacketHandler& handler);
  void cancel();

 private:
  static constexpr std::size_t kSlots = 16;
  static constexpr int kTurn = 256;

  std::byte* slot(std::size_t index) { return bytes_.data() + index * kPacketLimit; }
  void hand_out(const MPI_Status& status, const Communicator::PacketHandler& handler);
  void post_head_again();

  std::vector<std::byte> bytes_;       // kSlots packets
  std::vector<MPI_Request> requests_;  // persistent; all active between calls
  std::size_t head_ = 0;               // the receive posted first
};

}  // namespace rankine::collectives
