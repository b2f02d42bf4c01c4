// Packets: messages to one rank, back to back, each followed by its payload padded to 8 bytes.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "runtime/protocol/messages.h"

namespace rankine::protocol {

// Collects messages for one destination and hands out packets of at most `limit` bytes.
class PacketWriter {
 public:
  using Send = std::function<void(std::span<const std::byte>)>;

  explicit PacketWriter(std::size_t limit) : limit_(limit) {}
  // The payload is copied. A packet that would become too long is sent first.
  void add(const Message& message, std::span<const std::byte> payload, const Send& send);
  void flush(const Send& send);
  bool empty() const { return bytes_.empty(); }

 private:
  std::size_t limit_;
  std::vector<std::byte> bytes_;
};

// Visits the messages of a packet in order; throws Error if it is malformed.
void for_each_message(
    std::span<const std::byte> packet,
    const std::function<void(const Message&, std::span<const std::byte> payload)>& visit);

}  // namespace rankine::protocol
