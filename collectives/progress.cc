#include "collectives/progress.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace rankine::collectives {
namespace {

using std::chrono::microseconds;

constexpr microseconds kSpinTime{2};
constexpr microseconds kYieldTime{1000};
constexpr microseconds kShortestSleep{50};
constexpr microseconds kLongestSleep{200};
constexpr microseconds kRest{1000};

void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void ProgressRight::lock() noexcept {
  Waiter waiter(Cores::kShared);
  while (!try_lock()) waiter.wait();
}

Waiter::Step Waiter::step(Cores cores, std::chrono::nanoseconds since_progress) {
  if (cores == Cores::kOwn || since_progress < kSpinTime) return Step::kSpin;
  return since_progress < kYieldTime ? Step::kYield : Step::kSleep;
}

void Waiter::wait() {
  if (cores_ == Cores::kOwn) return pause_core();  // without a look at the clock
  const Clock::time_point now = Clock::now();
  if (!fruitless_) {
    fruitless_ = true;
    fruitless_since_ = now;
    sleep_ = kShortestSleep;
  }
  Step next = step(cores_, now - fruitless_since_);
  if (next == Step::kSleep && !may_sleep_) next = Step::kYield;
  switch (next) {
    case Step::kSpin: return pause_core();
    case Step::kYield: sched_yield(); return;  // cannot fail on Linux
    case Step::kSleep: break;
  }
  std::this_thread::sleep_for(sleep_);
  sleep_ = std::min(2 * sleep_, kLongestSleep);
}

void Waiter::rest() { std::this_thread::sleep_for(kRest); }

void wait_for(Communicator& communicator, Request& request, Waiter waiter) {
  while (!communicator.test(request)) waiter.wait();
}

}  // namespace rankine::collectives
