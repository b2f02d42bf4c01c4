// The futures of a session: which wait to be started, which graph makes which, and which are done.
//
// Starting. A future is started at once if few graphs of futures are in flight; else it is started
// together with its neighbours a moment later, by a thread of its own, as the client's may be busy
// elsewhere. So a program may start futures faster than graphs can be broadcast.
//
// Locks, in this order: starting_ (a start under way), mutex_ (everything else), the arena's.
// Engine callbacks take mutex_ alone and run no client code.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "runtime/api/task_arena.h"
#include "runtime/session/launcher.h"
#include "runtime/session/releases.h"

namespace rankine::session {

class Futures : public api::FutureKeeper, public std::enable_shared_from_this<Futures> {
 public:
  // options: of every graph that is started from here. All must live until close().
  Futures(Engine& engine, Launcher& launcher, std::shared_ptr<Releases> releases,
          std::function<PrepareOptions()> options);
  ~Futures() override { close(); }
  // Listens to the engine from now on. Before any graph is in flight.
  void open();
  // The session ends: what is not done will not be.
  void close();

  api::FuturePtr add(std::shared_ptr<api::TaskArena> arena, std::uint32_t task);
  // Starts what was added, at once or soon.
  void start_soon();
  // Starts what was added.
  void start_all();
  // The tasks that these results need, on top of futures that are started or done. Throws Error for
  // a future that failed with its graph or was cancelled.
  api::TaskGraph tasks_for(const api::TaskArena& arena, const std::vector<std::uint32_t>& results);

  void wait(std::span<const api::FuturePtr> futures, bool all) override;
  bool is_done(const api::FutureState& future) override;
  std::uint64_t done_order(const api::FutureState& future) override;
  bool cancel(api::FutureState& future) override;
  std::vector<std::vector<std::byte>> outcomes(std::span<const api::FuturePtr> futures) override;
  void on_dropped(const api::FutureState& future) noexcept override;

 private:
  // Graphs of futures in flight, above which new ones wait for their neighbours, and how long.
  static constexpr std::size_t kFewInFlight = 4;
  static constexpr std::chrono::milliseconds kGathering{1};
  static constexpr std::size_t kManyPerRank = 16;  // tasks of one graph

  // A graph of futures in flight, by task.
  using ByTask = std::unordered_map<std::int64_t, std::weak_ptr<api::FutureState>>;
  // What was heard of a graph before its number was known here.
  struct Early {
    std::vector<std::pair<std::int64_t, std::optional<std::vector<std::byte>>>> made;
    bool over = false;
    std::optional<Error> failure;
  };

  void launch_pending();  // holds starting_
  Started start(const api::TaskGraph& tasks, bool in_background, int shift);
  void background();
  void fetch(std::span<const api::FuturePtr> futures);
  void on_made(const MadeResult& made);
  void on_over(std::uint32_t graph, const std::optional<Error>& failure);
  // These hold mutex_.
  api::TaskGraph select_pending(std::vector<api::FuturePtr>& batch);
  void adopt(const std::vector<api::FuturePtr>& batch, const api::TaskGraph& tasks,
             const Started& graph);
  void take_result(ByTask& graph, std::int64_t task, std::optional<std::vector<std::byte>> outcome);
  void end(std::uint32_t graph, const std::optional<Error>& failure);
  void finish(api::FutureState& future);
  void finish(api::FutureState& future, const Error& failure);
  void locate(api::TaskGraph& tasks) const;
  void require_open() const;
  // Gives each task the rank with the fewest unfinished futures and tasks before it; if the one
  // where its first argument lies is as good, that one.
  // Of many tasks it leaves that to their position and returns the worker that shall have the
  // first.
  int choose_homes(api::TaskGraph& tasks);

  Engine* engine_;  // null when closed
  Launcher* launcher_;
  const std::shared_ptr<Releases> releases_;
  const std::function<PrepareOptions()> options_;
  std::mutex starting_;
  std::mutex mutex_;  // protects the members below, engine_, and all futures
  std::condition_variable changed_;
  std::vector<api::FuturePtr> pending_;
  std::map<std::uint32_t, ByTask> graphs_;  // in flight
  std::map<std::uint32_t, Early> early_;
  std::vector<std::int64_t> unfinished_;  // futures, by home
  std::uint64_t done_ = 0;                // futures so far
  bool wanted_ = false;                   // the thread has something to start
  std::thread thread_;                    // made when it is first needed
};

}  // namespace rankine::session
