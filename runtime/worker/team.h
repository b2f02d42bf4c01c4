// The threads of one rank: one OpenMP region for as long as the rank lives.
#pragma once

#include <functional>

namespace rankine::worker {

// The largest team that OpenMP gives (OMP_THREAD_LIMIT).
int most_threads();

// Calls body(0) ... body(threads - 1), each on its own thread, body(0) on the calling one; returns
// when all have returned. The body must not throw. Throws Error, before any call, if there cannot
// be as many threads.
void run_team(int threads, const std::function<void(int thread)>& body);

}  // namespace rankine::worker
