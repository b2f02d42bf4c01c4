// Several ranks inside one process: run_cluster(ranks, threads, client) runs the client on rank 0
// of a loopback network whose other ranks serve, and returns when all are gone.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <tuple>
#include <vector>

#include "collectives/loopback.h"
#include "runtime/session/session.h"
#include "tests/support/sanitized.h"

namespace rankine::testing {

inline void run_cluster(int ranks, const RunSettings& settings,
                        const std::function<void(Session&)>& client) {
  collectives::LoopbackNetwork network(ranks);
  session::EngineOptions options;
  options.threads = settings.threads;
  options.resources = settings.resources;
  options.memory_bytes = settings.memory_bytes;
  std::vector<std::unique_ptr<session::Engine>> others;
  for (int rank = 1; rank < ranks; ++rank) {
    others.push_back(std::make_unique<session::Engine>(network.rank(rank), options));
  }
  session::Engine engine(network.rank(0), options);
  try {
    Session session(engine, settings);
    client(session);
  } catch (...) {
    engine.quit();
    for (auto& other : others) other->serve();
    throw;
  }
  engine.quit();
  for (auto& other : others) other->serve();
}

inline RunSettings threads(int count) {
  RunSettings settings;
  settings.threads = count;
  return settings;
}

// What tests of results run on.
inline std::vector<std::tuple<int, int>> ranks_and_threads() {
  if (kSanitized) return {{1, 2}, {2, 2}, {3, 1}, {5, 2}};
  return {{1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 1}, {3, 2}, {5, 1}, {5, 2}};
}

}  // namespace rankine::testing
