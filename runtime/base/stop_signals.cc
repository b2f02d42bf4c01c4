#include "runtime/base/stop_signals.h"

#include <atomic>
#include <cerrno>
#include <system_error>

#include "runtime/base/error.h"

namespace rankine {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

std::atomic<int> g_received{0};
static_assert(std::atomic<int>::is_always_lock_free);  // a handler may touch it

void remember(int signal) { g_received.store(signal, std::memory_order_relaxed); }

}  // namespace

StopSignals::StopSignals() {
  g_received.store(0, std::memory_order_relaxed);
  for (int i = 0; i < 2; ++i) {
    struct sigaction action {};
    action.sa_handler = remember;
    action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (::sigaction(kSignals[i], &action, &before_[i]) != 0) {
      throw Error(ExitCode::kTaskFailed, "cannot watch for signals: " + std::generic_category().message(errno));
    }
  }
}

StopSignals::~StopSignals() {
  for (int i = 0; i < 2; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

Error stopped_by_signal() {
  const int signal = StopSignals::received();
  return Error(static_cast<ExitCode>(128 + signal),
               "stopped by signal " + std::to_string(signal), {}, "run it again");
}

int StopSignals::received() { return g_received.load(std::memory_order_relaxed); }

}  // namespace rankine
