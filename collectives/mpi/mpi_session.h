// What lies behind MpiWorld.
#pragma once

#include <mpi.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "collectives/mpi/mpi_communicator.h"
#include "collectives/mpi/packet_ring.h"
#include "collectives/mpi/packet_sender.h"

namespace rankine::collectives {

// A duplicate of MPI_COMM_WORLD that returns errors.
class OwnCommunicator {
 public:
  OwnCommunicator();
  ~OwnCommunicator();
  OwnCommunicator(const OwnCommunicator&) = delete;
  OwnCommunicator& operator=(const OwnCommunicator&) = delete;
  MPI_Comm get() const { return communicator_; }

 private:
  MPI_Comm communicator_ = MPI_COMM_NULL;
};

// Ends every rank of the job.
[[noreturn]] void abort_job(int code);

// Packets have a communicator of their own, so bulk messages never meet the any-source receives.
class MpiWorld::Session : public Communicator {
 public:
  Session();

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void send_packet(int to, std::span<const std::byte> packet) override;
  int receive_packets(const PacketHandler& handler) override;
  Request async_send(int to, std::uint32_t tag, std::span<const std::byte> bytes) override;
  Request async_receive(int from, std::uint32_t tag, std::span<std::byte> bytes) override;
  Request async_broadcast(int root, std::span<std::byte> bytes) override;
  Request async_barrier() override;
  [[noreturn]] void abort(int code) override { abort_job(code); }

  void set_segment_bytes(std::size_t bytes);
  // Collective: see ~MpiWorld. False if the other ranks did not come within `patience`.
  bool close(std::optional<std::chrono::seconds> patience);

 private:
  int folded(std::uint32_t tag) const { return static_cast<int>(tag & tag_mask_); }
  void discard_packets();

  OwnCommunicator packet_communicator_;
  OwnCommunicator bulk_communicator_;
  int rank_ = 0;
  int size_ = 1;
  std::uint32_t tag_mask_ = kTagMask;
  std::size_t segment_bytes_;
  PacketSender sender_;
  PacketRing ring_;
};

}  // namespace rankine::collectives
