#include "runtime/protocol/codec.h"

#include <cstring>

#include "runtime/base/error.h"

namespace rankine::protocol {
namespace {

constexpr std::size_t kPadding = 8;

std::size_t padded(std::size_t bytes) { return (bytes + kPadding - 1) / kPadding * kPadding; }

}  // namespace

void PacketWriter::add(const Message& message, std::span<const std::byte> payload,
                       const Send& send) {
  const std::size_t length = sizeof message + padded(payload.size());
  if (!bytes_.empty() && bytes_.size() + length > limit_) flush(send);
  const std::size_t start = bytes_.size();
  bytes_.resize(start + length);
  std::memcpy(bytes_.data() + start, &message, sizeof message);
  if (!payload.empty()) {
    std::memcpy(bytes_.data() + start + sizeof message, payload.data(), payload.size());
  }
}

void PacketWriter::flush(const Send& send) {
  if (bytes_.empty()) return;
  send(bytes_);
  bytes_.clear();
}

void for_each_message(
    std::span<const std::byte> packet,
    const std::function<void(const Message&, std::span<const std::byte> payload)>& visit) {
  while (!packet.empty()) {
    Message message;
    if (packet.size() < sizeof message) throw Error(ExitCode::kTaskFailed, "a packet is cut short");
    std::memcpy(&message, packet.data(), sizeof message);
    packet = packet.subspan(sizeof message);
    const std::size_t bytes =
        has_payload(message.kind) ? static_cast<std::size_t>(message.bytes) : 0;
    if (message.bytes < 0 || padded(bytes) > packet.size()) {
      throw Error(ExitCode::kTaskFailed, "a packet is cut short");
    }
    visit(message, packet.first(bytes));
    packet = packet.subspan(padded(bytes));
  }
}

}  // namespace rankine::protocol
