// From what is asked for to a graph in flight: prepares it, starts it and keeps the accounts.
// Thread-safe: the client's thread and the one that starts futures share it.
//
// Memory. A plan must fit beside what stays on the ranks (persisted arrays, scattered values) and
// beside the promises of the graphs that are in flight. If it does not fit only because of those,
// it waits for them: each ends without it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/session/engine.h"
#include "runtime/session/prepare.h"
#include "runtime/session/recent_plans.h"
#include "runtime/session/stages.h"

namespace rankine::session {

// What a graph is made of.
struct Work {
  std::vector<optimize::Target> targets;
  const api::TaskGraph* tasks = nullptr;  // on top of the kept targets
  std::string log_folder;                 // "" without outputs
  std::int32_t first_log = 0;             // number of rank 0's log in it
  io::PartPlaces part = {};               // as GraphStart
  io::Shard shard = {};                   // likewise
  std::int64_t client_bytes = 0;          // what rank 0 will hold beside the plan
  std::function<void(std::uint32_t, const GraphOutcome&)> on_over = {};  // as GraphStart
  bool in_background = false;
  // To be known again. Only of what takes nothing from other graphs and writes nothing.
  std::optional<RequestKey> key = std::nullopt;
};

// A graph that was started. Cheap to copy.
struct Started : Planned {
  Engine::JobPtr job;
  std::uint32_t number() const { return Engine::number_of(*job); }
};

// The graphs whose values the targets and tasks take.
std::vector<std::uint32_t> needs_of(const Work& work);

class Launcher {
 public:
  // quiet: no warnings.
  Launcher(Engine& engine, StageTable& stages, bool quiet)
      : engine_(engine),
        stages_(stages),
        quiet_(quiet) {}

  // Throws Error (refused) if the plan does not fit.
  Started start(const Work& work, PrepareOptions options);
  // The same as was started before, as a plan of now would be the same. Nothing if it may not be,
  // or was forgotten.
  std::optional<Started> start_again(const RequestKey& key, PrepareOptions options);
  // Waits until it is over and accounts for it.
  GraphOutcome wait(const Started& graph);
  // Accounts for graphs in the background that are over.
  void account_finished();

  // What stays on every rank, so long as it does.
  void add_held(std::int64_t bytes);

 private:
  struct InFlight {
    Engine::JobPtr job;
    std::int64_t bytes;          // of memory on a rank
    std::int64_t spilled_bytes;  // in scratch
  };
  // All hold mutex_.
  void forget_finished();
  std::int64_t known_bytes() const;  // what is kept of graphs to be used again, on rank 0
  void leave_room(Machine& machine, std::int64_t client_bytes) const;
  Started launch(const Work& work, std::shared_ptr<const Prepared> prepared, int threads);
  std::int64_t in_flight(std::int64_t InFlight::*bytes) const;  // sum

  Engine& engine_;
  StageTable& stages_;
  const bool quiet_;
  std::mutex mutex_;  // protects what follows and stages_
  std::vector<InFlight> in_flight_;
  std::vector<Started> background_;  // not accounted for yet
  RecentPlans plans_;
  std::int64_t held_bytes_ = 0;
};

}  // namespace rankine::session
