#include "runtime/worker/team.h"

#ifdef __SANITIZE_THREAD__
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

namespace rankine::worker {

#ifdef __SANITIZE_THREAD__
// The OpenMP runtime's own synchronization is invisible to ThreadSanitizer.
void run_team(int threads, const std::function<void(int thread)>& body) {
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread) {
    others.emplace_back([&body, thread] { body(thread); });
  }
  body(0);
}
#else
void run_team(int threads, const std::function<void(int thread)>& body) {
  omp_set_dynamic(0);  // the team must have exactly this many threads
#pragma omp parallel num_threads(threads)
  body(omp_get_thread_num());
}
#endif

}  // namespace rankine::worker
