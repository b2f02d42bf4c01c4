#include "collectives/loopback_exchange.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/error.h"

namespace rankine::collectives {

std::size_t LoopbackMailbox::record_bytes(std::size_t packet_bytes) {
  const std::size_t padded = (packet_bytes + kPacketAlignment - 1) & ~(kPacketAlignment - 1);
  return sizeof(Header) + padded;
}

void LoopbackMailbox::put(int from, std::span<const std::byte> packet) {
  const Header header{packet.size(), from};
  const std::lock_guard lock(mutex_);
  const std::size_t start = arrived_.size();
  arrived_.resize(start + record_bytes(packet.size()));
  std::memcpy(arrived_.data() + start, &header, sizeof header);
  std::copy(packet.begin(), packet.end(), arrived_.data() + start + sizeof header);
}

int LoopbackMailbox::take(const Communicator::PacketHandler& handler) {
  const int left_over = hand_out(handler);
  {
    const std::lock_guard lock(mutex_);
    reading_.clear();
    read_ = 0;
    reading_.swap(arrived_);
  }
  return left_over + hand_out(handler);
}

int LoopbackMailbox::hand_out(const Communicator::PacketHandler& handler) {
  int count = 0;
  while (read_ < reading_.size()) {
    Header header;
    std::memcpy(&header, reading_.data() + read_, sizeof header);
    const std::span packet(reading_.data() + read_ + sizeof header, header.size);
    read_ += record_bytes(header.size);
    handler(header.from, packet);
    ++count;
  }
  return count;
}

// The oldest transfer that waits for this end, or a new one. Tags meet by the bits that MPI
// promises, so tags that a small MPI would confuse fail here instead (see close).
auto LoopbackNetwork::Exchange::open(int from, int to, std::uint32_t tag, bool wants_source)
    -> Transfer {
  const auto waits = [&](const Transfer& other) {
    return other->from == from && other->to == to && (other->tag & kTagMask) == (tag & kTagMask) &&
           (wants_source ? !other->has_source : !other->has_target);
  };
  const auto found = std::find_if(unmatched_.begin(), unmatched_.end(), waits);
  if (found == unmatched_.end()) {
    auto transfer = std::make_shared<LoopbackTransfer>();
    transfer->from = from;
    transfer->to = to;
    transfer->tag = tag;
    return unmatched_.emplace_back(std::move(transfer));
  }
  Transfer transfer = *found;
  unmatched_.erase(found);
  if (transfer->tag != tag) {
    transfer->failure = "two live transfers of one pair of ranks have tags with equal low bits: " +
                        std::to_string(transfer->tag) + " and " + std::to_string(tag);
  }
  return transfer;
}

void LoopbackNetwork::Exchange::close(const Transfer& transfer) {
  if (!transfer->has_source || !transfer->has_target) return;
  if (transfer->failure.empty() && transfer->source.size() != transfer->target.size()) {
    transfer->failure = "a transfer of " + std::to_string(transfer->source.size()) +
                        " bytes meets a receive of " + std::to_string(transfer->target.size());
  }
  transfer->matched.store(true, std::memory_order_release);
}

auto LoopbackNetwork::Exchange::post_send(int from, int to, std::uint32_t tag,
                                          std::span<const std::byte> bytes) -> Transfer {
  const std::lock_guard lock(mutex_);
  Transfer transfer = open(from, to, tag, true);
  transfer->source = bytes;
  transfer->has_source = true;
  close(transfer);
  return transfer;
}

auto LoopbackNetwork::Exchange::post_receive(int from, int to, std::uint32_t tag,
                                             std::span<std::byte> bytes) -> Transfer {
  const std::lock_guard lock(mutex_);
  Transfer transfer = open(from, to, tag, false);
  transfer->target = bytes;
  transfer->has_target = true;
  close(transfer);
  return transfer;
}

// Every rank joins its collectives in order, so the front one is the first to be complete.
std::shared_ptr<LoopbackCollective> LoopbackNetwork::Exchange::join(std::uint64_t sequence,
                                                                    int root, std::size_t length) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t index = sequence - first_collective_;
  if (index == collectives_.size()) {
    auto added = std::make_shared<LoopbackCollective>();
    added->root = root;
    added->length = length;
    collectives_.push_back(std::move(added));
  }
  std::shared_ptr<LoopbackCollective> call = collectives_[index];
  if (call->root != root || call->length != length) {
    throw Error(ExitCode::kTaskFailed, "the ranks call different collectives");
  }
  const int arrived = 1 + call->arrived.fetch_add(1, std::memory_order_acq_rel);
  if (arrived == ranks) {
    collectives_.pop_front();
    ++first_collective_;
  }
  return call;
}

}  // namespace rankine::collectives
