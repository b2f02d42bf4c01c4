#include "collectives/loopback.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

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
using CollectivePtr = std::shared_ptr<LoopbackCollective>;

// One end of something under way. Its Request and its endpoint share it.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual bool step() = 0;  // true once complete; throws Error

  bool complete = false;
  std::optional<Error> failure;  // then it is complete, too
};

bool matched(const LoopbackTransfer& transfer) {
  if (!transfer.matched.load(std::memory_order_acquire)) return false;
  if (!transfer.failure.empty()) throw Error(ExitCode::kTaskFailed, transfer.failure);
  return true;
}

class Sending : public Operation {
 public:
  explicit Sending(TransferPtr transfer) : transfer_(std::move(transfer)) {}
  bool step() override {
    return matched(*transfer_) && transfer_->done.load(std::memory_order_acquire);
  }

 private:
  TransferPtr transfer_;
};

class Receiving : public Operation {
 public:
  Receiving(TransferPtr transfer, std::size_t segment_bytes)
      : transfer_(std::move(transfer)),
        copy_(segment_bytes) {}
  bool step() override {
    if (!matched(*transfer_) || !copy_.step(transfer_->source, transfer_->target)) return false;
    transfer_->done.store(true, std::memory_order_release);
    return true;
  }

 private:
  TransferPtr transfer_;
  Copy copy_;
};

class Rooting : public Operation {
 public:
  Rooting(CollectivePtr call, int others) : call_(std::move(call)), others_(others) {}
  bool step() override { return call_->finished.load(std::memory_order_acquire) == others_; }

 private:
  CollectivePtr call_;
  int others_;
};

class Listening : public Operation {
 public:
  Listening(CollectivePtr call, std::span<std::byte> bytes, std::size_t segment_bytes)
      : call_(std::move(call)),
        bytes_(bytes),
        copy_(segment_bytes) {}
  bool step() override {
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

class Arriving : public Operation {
 public:
  Arriving(CollectivePtr call, int ranks) : call_(std::move(call)), ranks_(ranks) {}
  bool step() override { return call_->arrived.load(std::memory_order_acquire) == ranks_; }

 private:
  CollectivePtr call_;
  int ranks_;
};

// The operations of one rank that are under way. Whichever of them is tested, all advance, as in
// MPI: a rank that waits for a send must not keep its own receives waiting.
class Underway {
 public:
  void add(std::shared_ptr<Operation> operation) { operations_.push_back(std::move(operation)); }
  void advance() {
    std::erase_if(operations_, [](const std::shared_ptr<Operation>& operation) {
      try {
        operation->complete = operation->step();
      } catch (Error& error) {
        operation->failure = std::move(error);
        operation->complete = true;
      }
      return operation->complete;
    });
  }

 private:
  std::vector<std::shared_ptr<Operation>> operations_;
};

class LoopbackPending : public Pending {
 public:
  LoopbackPending(std::shared_ptr<Operation> operation, Underway& underway)
      : operation_(std::move(operation)),
        underway_(underway) {}
  bool advance() override {
    if (!operation_->complete) underway_.advance();
    if (operation_->failure) throw operation_->failure.value();
    return operation_->complete;
  }

 private:
  std::shared_ptr<Operation> operation_;
  Underway& underway_;
};

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
    underway_.advance();
    return exchange_.mailboxes[static_cast<std::size_t>(rank_)].take(handler);
  }
  Request async_send(int to, std::uint32_t tag, std::span<const std::byte> bytes) override {
    check_rank(to, size());
    return start<Sending>(exchange_.post_send(rank_, to, tag, bytes));
  }
  Request async_receive(int from, std::uint32_t tag, std::span<std::byte> bytes) override {
    check_rank(from, size());
    return start<Receiving>(exchange_.post_receive(from, rank_, tag, bytes),
                            exchange_.segment_bytes);
  }
  Request async_broadcast(int root, std::span<std::byte> bytes) override {
    check_rank(root, size());
    CollectivePtr call = join(root, bytes.size());
    if (rank_ != root) {
      return start<Listening>(std::move(call), bytes, exchange_.segment_bytes);
    }
    call->root_bytes = bytes;
    call->ready.store(true, std::memory_order_release);
    return start<Rooting>(std::move(call), size() - 1);
  }
  Request async_barrier() override {
    return start<Arriving>(join(LoopbackCollective::kBarrier, 0), size());
  }

 private:
  template <class Kind, class... Arguments>
  Request start(Arguments&&... arguments) {
    auto operation = std::make_shared<Kind>(std::forward<Arguments>(arguments)...);
    underway_.add(operation);
    return Request(std::make_unique<LoopbackPending>(std::move(operation), underway_));
  }
  CollectivePtr join(int root, std::size_t length) {
    CollectivePtr call = exchange_.join(collectives_, root, length);
    ++collectives_;  // a refused call does not count
    return call;
  }

  Exchange& exchange_;
  const int rank_;
  Underway underway_;
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
