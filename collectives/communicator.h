// How bytes move between ranks: the contract of which mpi/ and loopback.h are implementations.
// Nothing here knows what the bytes mean.
//
// Threads: a thread may call a communicator only while it holds the progress right of its rank
// (progress.h). No call blocks and no call needs another rank to be inside the library to return.
// Naming: every rank must call a collective, in the same order; `async_` returns a Request.
// Errors: a wrong rank, length or tag is a programming error and throws Error; after a failure of
// the network the communicator is unusable and the program can only end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace rankine::collectives {

inline constexpr std::size_t kPacketLimit = std::size_t{68} * 1024;  // bytes of one packet
inline constexpr std::size_t kPacketAlignment = 16;  // of the bytes that a handler sees

// Bulk tags. MPI promises 15 bits of tag, so two transfers of one ordered pair of ranks that are
// live at once (from the first end posted to the last end done) must differ in their low 15 bits;
// a counter per destination, stepped with next_tag, does. Transfers with equal tags match in the
// order in which they are posted. The tag kGatherTag is the room's own (gather.h).
inline constexpr std::uint32_t kTagMask = 0x7fff;
inline constexpr std::uint32_t kGatherTag = kTagMask;
constexpr std::uint32_t next_tag(std::uint32_t tag) { return (tag + 1) % kGatherTag; }

// What an implementation keeps for an operation under way.
class Pending {
 public:
  Pending() = default;
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  virtual ~Pending() = default;
  virtual bool advance() = 0;  // true once complete; does not block; throws Error
};

// An operation under way. Whoever holds it keeps the bytes of the operation alive and unmoved.
// Dropping a live one (destroying it or assigning over it) would free memory that the network
// still reads or writes, so it prints a sentence and ends the program.
class Request {
 public:
  Request() = default;  // empty: complete
  explicit Request(std::unique_ptr<Pending> pending) : pending_(std::move(pending)) {}
  Request(Request&&) noexcept = default;
  Request& operator=(Request&& other) noexcept;
  ~Request();

  bool live() const { return pending_ != nullptr; }

 private:
  friend class Communicator;
  std::unique_ptr<Pending> pending_;
};

class Communicator {
 public:
  using PacketHandler = std::function<void(int from, std::span<const std::byte> packet)>;

  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  virtual int rank() const = 0;  // 0 <= rank() < size(); may be called without the right
  virtual int size() const = 0;

  // Packets: small messages of at most kPacketLimit bytes (0 is allowed). The bytes are copied
  // before the call returns; the copy is kept for as long as the receiver takes, so whoever sends
  // bounds what is under way (credits). Packets of an ordered pair of ranks, also from a rank to
  // itself, arrive in the order of sending; between pairs, and between packets and bulk, no order.
  virtual void send_packet(int to, std::span<const std::byte> packet) = 0;
  // Hands packets that have arrived to `handler` and returns how many; 0 if none has arrived. The
  // span is valid during the call only and aligned to kPacketAlignment. The handler may send, but
  // not call receive_packets. If it throws, its packet counts as handled and the others wait for
  // the next call.
  virtual int receive_packets(const PacketHandler& handler) = 0;

  // Bulk: the caller owns the bytes and keeps them unmoved (and a sender unchanged) until test()
  // says done. Any size, 0 and beyond 2 GiB included; both ends give the same number of bytes. A
  // send is complete when its bytes may be changed again, perhaps only after the receive is posted.
  virtual Request async_send(int to, std::uint32_t tag, std::span<const std::byte> bytes) = 0;
  virtual Request async_receive(int from, std::uint32_t tag, std::span<std::byte> bytes) = 0;

  // Collective: every rank, in the same order. Bytes as for bulk: `root` sends them, the others
  // receive as many.
  virtual Request async_broadcast(int root, std::span<std::byte> bytes) = 0;
  virtual Request async_barrier() = 0;

  // Drives the operation; true once it is complete, and the request is then empty (an empty one is
  // complete). Operations advance only while their rank calls test, of
  // whichever request, or receive_packets. If it
  // throws Error the request is empty, too, but its bytes must outlive the communicator.
  virtual bool test(Request& request);

  // Ends the program on all ranks, without a word to them: for a rank that cannot go on, while the
  // others wait for it. Any thread, also without the right.
  [[noreturn]] virtual void abort(int code);
};

}  // namespace rankine::collectives
