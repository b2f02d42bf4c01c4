#include "runtime/base/stop_signals.h"

#include <gtest/gtest.h>

namespace rankine {
namespace {

void taken(int) {}

void take(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ASSERT_EQ(::sigaction(signal, &action, nullptr), 0);
}

void (*handler_of(int signal))(int) {
  struct sigaction action {};
  EXPECT_EQ(::sigaction(signal, nullptr, &action), 0);
  return action.sa_handler;
}

TEST(StopSignals, AreTakenBackFromALibrary) {
  StopSignals signals;
  take(SIGHUP, taken);
  signals.renew();
  ::raise(SIGHUP);
  EXPECT_EQ(StopSignals::received(), SIGHUP);
  signals.renew();
  EXPECT_EQ(handler_of(SIGHUP), SIG_DFL) << "a second one ends the process";
}

TEST(StopSignals, ThatTheStarterIgnoresStayIgnored) {
  take(SIGHUP, SIG_IGN);
  {
    StopSignals signals;
    take(SIGHUP, taken);
    signals.renew();
    EXPECT_EQ(handler_of(SIGHUP), SIG_IGN);
  }
  EXPECT_EQ(handler_of(SIGHUP), SIG_IGN);
  take(SIGHUP, SIG_DFL);
}

}  // namespace
}  // namespace rankine
