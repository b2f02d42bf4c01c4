// Sending packets: copies in reused buffers, freed when MPI has sent them.
#pragma once

#include <mpi.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace rankine::collectives {

class PacketSender {
 public:
  explicit PacketSender(MPI_Comm communicator) : communicator_(communicator) {}
  ~PacketSender();  // ends the program if a packet is still under way
  PacketSender(const PacketSender&) = delete;
  PacketSender& operator=(const PacketSender&) = delete;

  void send(int to, std::span<const std::byte> packet);
  // Takes back the buffers of packets that have left; looks at some of them, so its cost does not
  // grow with the packets that a slow receiver leaves waiting.
  void reclaim();
  bool idle() const { return requests_.empty(); }

 private:
  using Block = std::unique_ptr<std::byte[]>;
  static constexpr std::size_t kLooks = 32;
  enum SizeClass : std::size_t { kSmall, kLarge };
  struct Buffer {
    Block block;
    SizeClass size_class = kSmall;
  };

  Buffer take_buffer(std::size_t bytes);
  void remove(std::size_t index);

  MPI_Comm communicator_;
  // Packets under way: requests_[i] sends buffers_[i]. Parallel arrays, as MPI_Testsome wants them.
  std::vector<MPI_Request> requests_;
  std::vector<Buffer> buffers_;
  std::size_t looked_at_ = 0;               // reclaim goes round, kLooks packets at a time
  std::array<std::vector<Block>, 2> free_;  // by size class
};

}  // namespace rankine::collectives
