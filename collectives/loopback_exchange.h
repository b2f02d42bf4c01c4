// The meeting place behind loopback.h: where the ends of a transfer find each other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "collectives/loopback.h"

namespace rankine::collectives {

// One bulk transfer; both of its requests share it. An end writes its own fields under the mutex
// of the exchange; `matched` publishes both ends, `done` publishes the copied bytes.
struct LoopbackTransfer {
  int from = 0;
  int to = 0;
  std::uint32_t tag = 0;
  bool has_source = false;
  bool has_target = false;
  std::span<const std::byte> source;
  std::span<std::byte> target;
  std::string failure;  // why the ends do not fit; empty if they do
  std::atomic<bool> matched{false};
  std::atomic<bool> done{false};
};

// One collective call of all ranks. `ready` publishes root_bytes.
struct LoopbackCollective {
  int root = 0;  // kBarrier for a barrier
  std::size_t length = 0;
  std::span<const std::byte> root_bytes;
  std::atomic<bool> ready{false};
  std::atomic<int> arrived{0};
  std::atomic<int> finished{0};  // ranks that have copied root_bytes
  static constexpr int kBarrier = -1;
};

// Packets of one receiver, one after the other in one block: a header, then the bytes, padded so
// that every packet begins at a multiple of kPacketAlignment.
class LoopbackMailbox {
 public:
  void put(int from, std::span<const std::byte> packet);
  // Only the owner: hands out what has arrived, in order.
  int take(const Communicator::PacketHandler& handler);

 private:
  struct alignas(kPacketAlignment) Header {
    std::size_t size;
    int from;
  };
  static std::size_t record_bytes(std::size_t packet_bytes);
  int hand_out(const Communicator::PacketHandler& handler);

  std::mutex mutex_;  // protects arrived_
  std::vector<std::byte> arrived_;
  std::vector<std::byte> reading_;  // swapped with arrived_, so a steady state allocates nothing
  std::size_t read_ = 0;            // reading_ is handed out up to here, also if a handler throws
};

class LoopbackNetwork::Exchange {
 public:
  Exchange(int rank_count, std::size_t segment)
      : ranks(rank_count),
        segment_bytes(segment),
        mailboxes(static_cast<std::size_t>(rank_count)) {}

  using Transfer = std::shared_ptr<LoopbackTransfer>;
  Transfer post_send(int from, int to, std::uint32_t tag, std::span<const std::byte> bytes);
  Transfer post_receive(int from, int to, std::uint32_t tag, std::span<std::byte> bytes);
  // The sequence-th collective call of one rank; throws Error if the ranks call different things.
  std::shared_ptr<LoopbackCollective> join(std::uint64_t sequence, int root, std::size_t length);

  const int ranks;
  const std::size_t segment_bytes;
  std::deque<LoopbackMailbox> mailboxes;  // by receiver

 private:
  Transfer open(int from, int to, std::uint32_t tag, bool wants_source);
  void close(const Transfer& transfer);

  std::mutex mutex_;  // protects the members below
  std::list<Transfer> unmatched_;
  std::deque<std::shared_ptr<LoopbackCollective>> collectives_;  // not yet called by every rank
  std::uint64_t first_collective_ = 0;                           // sequence of the front
};

}  // namespace rankine::collectives
