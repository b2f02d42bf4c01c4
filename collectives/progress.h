// Who may drive the network, and how to wait for it.
#pragma once

#include <atomic>
#include <chrono>

#include "collectives/communicator.h"

namespace rankine::collectives {

// The right to call the communicator of one rank. Taking it sees everything that the previous
// holder did. Fits std::unique_lock(right, std::try_to_lock).
class ProgressRight {
 public:
  // The plain load keeps idle threads from pulling the line away from the holder.
  bool try_lock() noexcept {
    return !taken_.load(std::memory_order_relaxed) &&
           !taken_.exchange(true, std::memory_order_acquire);
  }
  void lock() noexcept;  // waits (as Waiter with shared cores)
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  alignas(64) std::atomic<bool> taken_{false};
};

// Whether the threads of a rank have a core each, or share cores, perhaps with other ranks.
enum class Cores { kOwn, kShared };  // seats.h

// How one thread waits between two fruitless looks at the network. With a core of its own it
// spins. Sharing cores it spins for 2 us, gives its core away until 1 ms has passed without
// progress, and then sleeps 50 us, doubling to 200 us, so that ranks with work get the cores.
//
// A large message advances only inside test(), by a limited piece, so a thread that sleeps between
// tests slows it down. While bytes are known to flow, use wakeful().
class Waiter {
 public:
  enum class Step { kSpin, kYield, kSleep };

  explicit Waiter(Cores cores) : cores_(cores) {}
  Waiter wakeful() const {  // the same, but yields where this one sleeps
    Waiter waiter = *this;
    waiter.may_sleep_ = false;
    return waiter;
  }
  void progressed() { fruitless_ = false; }  // something happened: the next wait starts afresh
  void wait();                               // after a look that found nothing
  static void rest();                        // no graph in flight: sleeps 1 ms

  // The policy itself, as a function of the time since the last progress.
  static Step step(Cores cores, std::chrono::nanoseconds since_progress);

 private:
  using Clock = std::chrono::steady_clock;
  Cores cores_;
  bool may_sleep_ = true;
  bool fruitless_ = false;
  Clock::time_point fruitless_since_;
  std::chrono::microseconds sleep_{0};
};

// Tests until complete. The caller holds the progress right.
void wait_for(Communicator& communicator, Request& request, Waiter waiter);

}  // namespace rankine::collectives
