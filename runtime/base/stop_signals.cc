#include "runtime/base/stop_signals.h"

#include <atomic>
#include <cerrno>
#include <system_error>

#include "runtime/base/error.h"

namespace rankine {
namespace {

bool g_hangup_was_ignored = false;
std::atomic<int> g_received{0};
static_assert(std::atomic<int>::is_always_lock_free);  // a handler may touch it

void remember(int signal) { g_received.store(signal, std::memory_order_relaxed); }

void check(int code) {
  if (code == 0) return;
  throw Error(ExitCode::kTaskFailed,
              "cannot watch for signals: " + std::generic_category().message(errno));
}

void watch(int signal, bool ignored) {
  const bool stops = !ignored && signal != SIGXFSZ && signal != SIGPIPE;
  struct sigaction action {};
  action.sa_handler = stops ? remember : SIG_IGN;
  action.sa_flags = stops ? static_cast<int>(SA_RESETHAND) | SA_RESTART : 0;
  sigemptyset(&action.sa_mask);
  check(::sigaction(signal, &action, nullptr));
}

}  // namespace

StopSignals::StopSignals()
    : watched_{{{SIGINT}, {SIGTERM}, {SIGUSR1}, {SIGHUP}, {SIGXFSZ}, {SIGPIPE}}} {
  g_received.store(0, std::memory_order_relaxed);
  for (Watched& watched : watched_) {
    const struct sigaction& before = watched.before;
    check(::sigaction(watched.signal, nullptr, &watched.before));
    watched.ignored = ((before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == SIG_IGN) ||
                      (watched.signal == SIGHUP && g_hangup_was_ignored);
    watch(watched.signal, watched.ignored);
  }
}

// One that came is not watched for again: the second ends the process.
void StopSignals::renew() {
  for (const Watched& watched : watched_) {
    if (watched.signal != received()) watch(watched.signal, watched.ignored);
  }
}

void StopSignals::hangup_was_ignored() { g_hangup_was_ignored = true; }

StopSignals::~StopSignals() {
  for (const Watched& watched : watched_) ::sigaction(watched.signal, &watched.before, nullptr);
}

Error stopped_by_signal() {
  const int signal = StopSignals::received();
  return Error(static_cast<ExitCode>(128 + signal), "stopped by signal " + std::to_string(signal),
               {}, "run it again");
}

bool StopSignals::pretend_usr1() {
  int none = 0;
  return g_received.compare_exchange_strong(none, SIGUSR1);
}

int StopSignals::received() { return g_received.load(std::memory_order_relaxed); }

}  // namespace rankine
