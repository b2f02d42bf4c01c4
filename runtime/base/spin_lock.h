// A lock for steps of some hundred nanoseconds, where a thread that sleeps costs more than one that
// waits. Fits std::lock_guard.
#pragma once

#include <sched.h>

#include <atomic>

namespace rankine {

// Spins for some microseconds, then gives the core away between looks, so that a holder who lost
// its core gets one. Not fair, not recursive. What the holder did is seen by the next one.
class SpinLock {
 public:
  void lock() noexcept {
    for (int looks = 0; !try_lock(); ++looks) {
      if (looks < kSpins) {
        pause();
      } else {
        ::sched_yield();
      }
    }
  }
  // The plain load keeps waiting threads from pulling the line away from the holder.
  bool try_lock() noexcept {
    return !taken_.load(std::memory_order_relaxed) &&
           !taken_.exchange(true, std::memory_order_acquire);
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  static constexpr int kSpins = 200;
  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::atomic<bool> taken_{false};
};

}  // namespace rankine
