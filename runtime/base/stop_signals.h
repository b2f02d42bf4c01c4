// The signals that end a program, as a question a loop can ask, so that a verb can remove its
// temporaries first.
#pragma once

#include <array>
#include <csignal>

#include "runtime/base/error.h"

namespace rankine {

// While the object lives, the first SIGINT, SIGTERM, SIGUSR1 or SIGHUP is remembered; the second
// one of the same kind ends the process at once. One that the starter had ignored (nohup) stays so.
// SIGXFSZ and SIGPIPE are ignored: a file that may not grow and a reader that went away are errors
// of the write (EFBIG, EPIPE), which is reported. One object at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Once more, after a library that takes signals for itself has begun: UCX, below many an MPI,
  // takes SIGHUP when it is loaded.
  void renew();
  // Of a program that such a library was linked to: the starter had ignored SIGHUP. Before the
  // first object.
  static void hangup_was_ignored();

  static int received();  // the signal's number, or 0. Any thread.
  // As if SIGUSR1 had come, unless a signal came before. Returns whether it counts. Any thread.
  static bool pretend_usr1();

 private:
  struct Watched {
    int signal = 0;
    struct sigaction before = {};
    bool ignored = false;  // by the starter
  };
  std::array<Watched, 6> watched_;
};

// What a program that was told to stop ends with: exit code 128 + signal.
Error stopped_by_signal();
inline bool is_stop(const Error& error) { return static_cast<int>(error.exit_code) > 128; }

}  // namespace rankine
