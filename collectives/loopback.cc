#include "collectives/loopback.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "collectives/check.h"
#include "collectives/loopback_exchange.h"

namespace rankine::collectives {
namespace {

// Copies one segment of a longer string per step, so that transfers overlap as on a network.
class Copy {
 public:
  explicit Copy(std::size_t segment_bytes) : segment_bytes_(segment_bytes) {}
  bool step(std::span<const std::byte> source, std::span<std::byte> target) {
    const std::size_t length = std::min(segment_bytes_, source.size() - copied_);
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(copied_), length,
                target.begin() + static_cast<std::ptrdiff_t>(copied_));
    copied_ += length;
    return copied_ == source.size();
  }

 private:
  std::size_t segment_bytes_;
  std::size_t copied_ = 0;
};

using TransferPtr = std::shared_ptr<LoopbackTransfer>;

bool matched(const LoopbackTransfer& transfer) {
  if (!transfer.matched.load(std::memory_order_acquire)) return false;
  if (!transfer.failure.empty()) throw Error(ExitCode::kTaskFailed, transfer.failure);
  return true;
}

class Sending : public Pending {
 public:
  explicit Sending(TransferPtr transfer) : transfer_(std::move(transfer)) {}
  bool advance() override {
    return matched(*transfer_) && transfer_->done.load(std::memory_order_acquire);
  }

 private:
  TransferPtr transfer_;
};

class Receiving : public Pending {
 public:
  Receiving(TransferPtr transfer, std::size_t segment_bytes)
      : transfer_(std::move(transfer)), copy_(segment_bytes) {}
  bool advance() override {
    if (!matched(*transfer_) || !copy_.step(transfer_->source, transfer_->target)) return false;
    transfer_->done.store(true, std::memory_order_release);
    return true;
  }

 private:
  TransferPtr transfer_;
  Copy copy_;
};

using CollectivePtr = std::shared_ptr<LoopbackCollective>;

class Rooting : public Pending {
 public:
  Rooting(CollectivePtr call, int others) : call_(std::move(call)), others_(others) {}
  bool advance() override { return call_->finished.load(std::memory_order_acquire) == others_; }

 private:
  CollectivePtr call_;
  int others_;
};

class Listening : public Pending {
 public:
  Listening(CollectivePtr call, std::span<std::byte> bytes, std::size_t segment_bytes)
      : call_(std::move(call)), bytes_(bytes), copy_(segment_bytes) {}
  bool advance() override {
    if (!call_->ready.load(std::memory_order_acquire)) return false;
    if (!copy_.step(call_->root_bytes, bytes_)) return false;
    call_->finished.fetch_add(1, std::memory_order_acq_rel);
    return true;
  }

 private:
  CollectivePtr call_;
  std::span<std::byte> bytes_;
  Copy copy_;
};

class Arriving : public Pending {
 public:
  Arriving(CollectivePtr call, int ranks) : call_(std::move(call)), ranks_(ranks) {}
  bool advance() override { return call_->arrived.load(std::memory_order_acquire) == ranks_; }

 private:
  CollectivePtr call_;
  int ranks_;
};

template <class Operation, class... Arguments>
Request request_of(Arguments&&... arguments) {
  return Request(std::make_unique<Operation>(std::forward<Arguments>(arguments)...));
}

}  // namespace

class LoopbackNetwork::Endpoint : public Communicator {
 public:
  Endpoint(Exchange& exchange, int rank) : exchange_(exchange), rank_(rank) {}

  int rank() const override { return rank_; }
  int size() const override { return exchange_.ranks; }

  void send_packet(int to, std::span<const std::byte> packet) override {
    check_rank(to, size());
    check_packet(packet.size());
    exchange_.mailboxes[static_cast<std::size_t>(to)].put(rank_, packet);
  }
  int receive_packets(const PacketHandler& handler) override {
    return exchange_.mailboxes[static_cast<std::size_t>(rank_)].take(handler);
  }
  Request async_send(int to, std::uint32_t tag, std::span<const std::byte> bytes) override {
    check_rank(to, size());
    return request_of<Sending>(exchange_.post_send(rank_, to, tag, bytes));
  }
  Request async_receive(int from, std::uint32_t tag, std::span<std::byte> bytes) override {
    check_rank(from, size());
    return request_of<Receiving>(exchange_.post_receive(from, rank_, tag, bytes),
                                 exchange_.segment_bytes);
  }
  Request async_broadcast(int root, std::span<std::byte> bytes) override {
    check_rank(root, size());
    CollectivePtr call = exchange_.join(collectives_++, root, bytes.size());
    if (rank_ != root) {
      return request_of<Listening>(std::move(call), bytes, exchange_.segment_bytes);
    }
    call->root_bytes = bytes;
    call->ready.store(true, std::memory_order_release);
    return request_of<Rooting>(std::move(call), size() - 1);
  }
  Request async_barrier() override {
    return request_of<Arriving>(exchange_.join(collectives_++, LoopbackCollective::kBarrier, 0),
                                size());
  }

 private:
  Exchange& exchange_;
  const int rank_;
  std::uint64_t collectives_ = 0;  // called so far by this rank
};

LoopbackNetwork::LoopbackNetwork(int ranks, std::size_t segment_bytes) {
  if (ranks < 1 || segment_bytes < 1) {
    throw Error(ExitCode::kTaskFailed, "a loopback network needs a rank and a segment size");
  }
  exchange_ = std::make_unique<Exchange>(ranks, segment_bytes);
  for (int rank = 0; rank < ranks; ++rank) {
    endpoints_.push_back(std::make_unique<Endpoint>(*exchange_, rank));
  }
}

LoopbackNetwork::~LoopbackNetwork() = default;

Communicator& LoopbackNetwork::rank(int rank) {
  check_rank(rank, exchange_->ranks);
  return *endpoints_[static_cast<std::size_t>(rank)];
}

}  // namespace rankine::collectives
