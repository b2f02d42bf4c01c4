// How the child is started, watched and ended.
#include "io/probe_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "io/posix_file.h"
#include "runtime/base/stop_signals.h"

extern char** environ;

namespace rankine::io {
namespace {

constexpr std::uint64_t kLargestMessage = std::uint64_t{8} << 30;

// The child is no rank: with these variables an MPI library might take it for one.
std::vector<char*> environment_without_launcher() {
  constexpr std::array<std::string_view, 10> kPrefixes = {
      "OMPI_", "PMIX_", "PMI_", "SLURM_", "MPI", "ORTE_", "PRTE_", "HYDRA_", "HYDI_", "I_MPI_"};
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool launcher = false;
    for (const auto prefix : kPrefixes) launcher |= std::string_view(*entry).starts_with(prefix);
    if (!launcher) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

[[noreturn]] void cannot_start(const std::string& why) {
  throw Error(ExitCode::kTaskFailed, "cannot start the process that looks into files: " + why);
}

void check_spawn(int code) {
  if (code != 0) cannot_start(error_text(code));
}

// The reading end of a pipe nobody writes to: it reads as an empty file, and what is written to it
// is lost. /dev/null would do, but a container may keep it closed to all but root.
class Nothing {
 public:
  Nothing() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) cannot_start(error_text(errno));
    ::close(ends[1]);
    descriptor_ = ends[0];
  }
  Nothing(const Nothing&) = delete;
  Nothing& operator=(const Nothing&) = delete;
  ~Nothing() { ::close(descriptor_); }

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

// posix_spawn's two argument objects.
struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSetup(int socket, const Nothing& nothing) {
    check_spawn(posix_spawn_file_actions_init(&actions));
    check_spawn(posix_spawnattr_init(&attributes));
    // The same number on both sides only clears close-on-exec, in the child alone.
    check_spawn(posix_spawn_file_actions_adddup2(&actions, socket, socket));
    for (int standard = 0; standard < 3; ++standard) {
      check_spawn(posix_spawn_file_actions_adddup2(&actions, nothing.descriptor(), standard));
    }
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    check_spawn(posix_spawnattr_setsigmask(&attributes, &none));
    check_spawn(posix_spawnattr_setsigdefault(&attributes, &all));
    // A group of its own: a signal for the foreground group is the parent's to act on.
    check_spawn(posix_spawnattr_setpgroup(&attributes, 0));
    check_spawn(posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

bool send_all(int socket, const void* data, std::size_t size) {
  const auto* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = ::send(socket, from, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    from += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

enum class Arrival { kWhole, kEnd, kSilence };

// Whether something arrives, or the other side goes away, within timeout_ms (-1: no limit). A
// signal may come to another thread or just before the poll, so nobody waits for long without
// asking.
bool arrives(int socket, int timeout_ms) {
  constexpr int kSliceMs = 100;
  int waited_ms = 0;
  for (;;) {
    if (StopSignals::received() != 0) throw stopped_by_signal();
    const int slice = timeout_ms < 0 ? kSliceMs : std::min(kSliceMs, timeout_ms - waited_ms);
    pollfd waiting{socket, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, slice);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    if (ready == 0) waited_ms += slice;
    if (timeout_ms >= 0 && waited_ms >= timeout_ms) return false;
    if (timeout_ms < 0) waited_ms = 0;
  }
}

// Any byte is a sign of life: the limit is for the silence between two.
Arrival receive_all(int socket, void* data, std::size_t size, int timeout_ms) {
  auto* to = static_cast<char*>(data);
  while (size > 0) {
    if (!arrives(socket, timeout_ms)) return Arrival::kSilence;
    const ssize_t got = ::recv(socket, to, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Arrival::kEnd;
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return Arrival::kWhole;
}

}  // namespace

bool send_message(int socket, const Bytes& bytes) {
  const std::uint64_t size = bytes.size();
  return send_all(socket, &size, sizeof(size)) && send_all(socket, bytes.data(), bytes.size());
}

Received receive_message(int socket, int timeout_ms) {
  std::uint64_t size = 0;
  auto arrival = receive_all(socket, &size, sizeof(size), timeout_ms);
  if (arrival != Arrival::kWhole) return {std::nullopt, arrival == Arrival::kSilence};
  if (size > kLargestMessage) return {};
  Bytes bytes(size);
  arrival = receive_all(socket, bytes.data(), bytes.size(), timeout_ms);
  if (arrival != Arrival::kWhole) return {std::nullopt, arrival == Arrival::kSilence};
  return {std::move(bytes), false};
}

ProbeChild::ProbeChild(const ProbeOptions& options)
    : executable_(options.executable),
      timeout_ms_(options.timeout_ms) {
  start();
  try {
    greet();
  } catch (...) {
    if (pid_ >= 0) reap();
    throw;
  }
}

void ProbeChild::greet() {
  // A program whose main() does not know the argument would not greet.
  const auto greeting = receive_message(socket_, timeout_ms_);
  if (greeting.bytes) return;
  end(greeting.timed_out);
  cannot_start(executable_ + " " + reason_);
}

// A child that is gone cannot be sent anything; next() will see that.
void ProbeChild::request(const ProbeRequest& request, int timeout_ms) {
  timeout_ms_ = timeout_ms;
  send_message(socket_, to_bytes(request));
}

void ProbeChild::start() {
  const Nothing nothing;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    cannot_start(error_text(errno));
  }
  socket_ = ends[0];
  const SpawnSetup setup(ends[1], nothing);
  std::string argument = kProbeArgument;
  std::string number = std::to_string(ends[1]);
  std::string name = "rankine";
  char* arguments[] = {name.data(), argument.data(), number.data(), nullptr};
  const auto environment = environment_without_launcher();
  const int code = ::posix_spawn(&pid_, executable_.c_str(), &setup.actions, &setup.attributes,
                                 arguments, environment.data());
  ::close(ends[1]);
  if (code != 0) {
    pid_ = -1;
    ::close(std::exchange(socket_, -1));
    cannot_start(executable_ + ": " + error_text(code));
  }
}

ProbeChild::~ProbeChild() {
  if (pid_ >= 0) reap();
}

// Ends the child if it has not ended; the status tells how it ended first.
int ProbeChild::reap() {
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  ::close(std::exchange(socket_, -1));
  return status;
}

void ProbeChild::end(bool timed_out) {
  // A child whose socket is closed is dying: it gets a second, so that its own signal is reported.
  for (int ms = 0; !timed_out && ms < 1000; ++ms) {
    siginfo_t ended{};
    const int code = ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (code != 0 || ended.si_pid != 0) break;
    ::poll(nullptr, 0, 1);
  }
  const int status = reap();
  if (timed_out) {
    reason_ = "did not come to an end on it (" + std::to_string(timeout_ms_) + " ms)";
  } else if (WIFSIGNALED(status)) {
    reason_ = "crashed on it (signal " + std::to_string(WTERMSIG(status)) + ")";
  } else {
    reason_ = "gave up on it (exit code " + std::to_string(WEXITSTATUS(status)) + ")";
  }
}

std::optional<ProbeAnswer> ProbeChild::next() {
  while (pid_ >= 0) {
    const auto message = receive_message(socket_, timeout_ms_);
    if (!message.bytes) {
      end(message.timed_out);
      return std::nullopt;
    }
    auto answer = from_bytes<ProbeAnswer>(*message.bytes);
    if (!std::holds_alternative<ProbeAnswer::Alive>(answer.value)) return answer;
  }
  return std::nullopt;
}

}  // namespace rankine::io
