#include "apps/starter.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace rankine::apps {
namespace {

// As the kernel fills it, the handler first.
std::array<void*, 8> g_hangup;

// UCX, to which MPICH is linked, takes SIGHUP when it is loaded, so this is asked before libraries
// begin: neither the C library nor a sanitizer can be relied on here.
__attribute__((no_sanitize("address", "thread", "undefined"))) void look() {
  ::syscall(SYS_rt_sigaction, SIGHUP, nullptr, &g_hangup, 8);
}

__attribute__((section(".preinit_array"), used)) void (*const g_look)() = look;

}  // namespace

bool starter_ignored_hangup() { return g_hangup.front() == reinterpret_cast<void*>(SIG_IGN); }

}  // namespace rankine::apps
