// SIGINT and SIGTERM as a question a loop can ask, so that a verb can remove its temporaries.
#pragma once

#include <csignal>

#include "runtime/base/error.h"

namespace rankine {

// While the object lives, the first signal is remembered; the second one of the same kind ends the
// process at once. One object at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static int received();  // the signal's number, or 0. Any thread.

 private:
  struct sigaction before_[2] = {};
};

// What a program that was told to stop ends with: exit code 128 + signal.
Error stopped_by_signal();

}  // namespace rankine
