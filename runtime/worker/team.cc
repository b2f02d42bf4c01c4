#include "runtime/worker/team.h"

#include <limits>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/base/error.h"

#ifndef __SANITIZE_THREAD__
#include <omp.h>
#endif

namespace rankine::worker {
#ifdef __SANITIZE_THREAD__
int most_threads() { return std::numeric_limits<int>::max(); }

// The OpenMP runtime's own synchronization is invisible to ThreadSanitizer.
void run_team(int threads, const std::function<void(int thread)>& body) {
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread) {
    others.emplace_back([&body, thread] { body(thread); });
  }
  body(0);
}
#else
namespace {

[[noreturn]] void refuse(int threads, const std::string& why) {
  throw Error(ExitCode::kTaskFailed, "cannot start " + std::to_string(threads) + " threads: " + why,
              {},
              "give --threads or OMP_NUM_THREADS a smaller number, or raise the limit on "
              "processes (ulimit -u)");
}

// The OpenMP runtime ends the process with a line of its own if the system refuses a thread, so the
// system is asked first, by threads that live at the same time.
void require_threads(int threads) {
  std::mutex gate;
  std::vector<std::jthread> trial;
  const std::lock_guard closed(gate);
  try {
    for (int thread = 1; thread < threads; ++thread) {
      trial.emplace_back([&gate] { const std::lock_guard passing(gate); });
    }
  } catch (const std::system_error& problem) {
    refuse(threads, problem.code().message());
  }
}

}  // namespace

int most_threads() { return omp_get_thread_limit(); }

void run_team(int threads, const std::function<void(int thread)>& body) {
  require_threads(threads);
  omp_set_dynamic(0);  // the team must have exactly this many threads
  int given = 0;
#pragma omp parallel num_threads(threads)
  {
#pragma omp single
    given = omp_get_num_threads();
    if (given == threads) body(omp_get_thread_num());
  }
  if (given != threads) refuse(threads, "OpenMP gives " + std::to_string(given));
}
#endif

}  // namespace rankine::worker
