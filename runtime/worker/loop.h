// What the threads of a rank do from start to end: they run the tasks of all graphs in flight, and
// whoever holds the progress right carries messages between the graphs and the other ranks.
//
// Graphs are numbered in the order of their start; every rank adds them in that order. Tasks of
// earlier graphs come first. A message may come for a graph that is not here yet, as other ranks
// may have it sooner; it waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/progress.h"
#include "runtime/worker/graph_run.h"
#include "runtime/worker/mail.h"

namespace rankine::worker {

// Who decides what runs on the rank. All calls come from the holder of the progress right.
class LoopHost {
 public:
  virtual ~LoopHost() = default;
  // A message that is not for a graph in flight here (protocol::is_for_graph).
  virtual void on_message(int from, const Message& message, std::span<const std::byte> payload) = 0;
  // Once in every turn; true if anything happened. May call Loop::add and Loop::stop.
  virtual bool turn() = 0;
  // A graph is over on this rank and off the list; threads may still look at it.
  virtual void on_over(GraphRun& run) = 0;
  // Whether messages may come though no graph is in flight here; if not, the rank may sleep until
  // wake().
  virtual bool expects_messages() const = 0;
};

// A task of a graph by its number; 0: none.
struct GraphTask {
  std::uint32_t graph = 0;
  TaskId task;
};

// How often the helper looks at the network while all threads are inside tasks.
inline constexpr std::chrono::milliseconds kBetweenHelps{2};

class Loop {
 public:
  Loop(collectives::Communicator& communicator, int threads, collectives::Cores cores,
       LoopHost& host)
      : communicator_(communicator),
        cores_(cores),
        host_(host),
        mail_(communicator),
        running_(static_cast<std::size_t>(threads)) {}

  // Works until stop(). Called once by each thread of the team; thread 0 watches the network while
  // no graph is in flight and the others sleep.
  void work(int thread, TaskContext& context);
  // Looks at the network while all of them are busy with long tasks, until stop(). Called once, by
  // one more thread.
  void help();
  // There is something for the host to do. Any thread.
  void wake();

  // Only with the progress right.
  void add(std::shared_ptr<GraphRun> run);
  void stop();
  Mail& mail() { return mail_; }
  // For people: which task each thread runs, and what the graphs wait for.
  std::string describe() const;
  // What a thread runs, else what one ran last. Layer and position may be of two tasks, if it just
  // changed to another one.
  GraphTask last_task() const;
  // For people; empty if its graph is not in flight here.
  std::string story(const GraphTask& task) const;

 private:
  using Runs = std::vector<std::shared_ptr<GraphRun>>;
  // What a thread runs or ran last; written by it, read by whoever describes.
  struct alignas(64) Running {
    std::atomic<bool> now{false};
    std::atomic<std::uint32_t> graph{0};
    std::atomic<std::uint32_t> layer{0};
    std::atomic<std::int64_t> position{0};
  };
  static void note(Running& slot, const GraphRun& run, const TaskId& task);
  static GraphTask noted(const Running& slot);
  struct Early {
    int from;
    Message message;
    std::vector<std::byte> payload;
  };
  // Both hold the right. What tasks left for other ranks leaves; and all there is to do: true if
  // anything happened.
  void send_off();
  bool progress();
  void dispatch(int from, const Message& message, std::span<const std::byte> payload);
  void retire();
  void publish();  // after a change of runs_
  // Nothing is in flight: sleeps until something is, or for a while.
  void idle(int thread, std::uint64_t seen, collectives::Waiter& waiter, double idle_s);
  Runs runs_now(std::uint64_t& seen);

  collectives::Communicator& communicator_;
  const collectives::Cores cores_;
  LoopHost& host_;
  collectives::ProgressRight right_;

  // Only with the progress right; threads read published_ instead.
  Mail mail_;
  Runs runs_;
  std::uint32_t last_added_ = 0;
  std::vector<Early> early_;

  std::vector<Running> running_;         // by thread
  std::atomic<std::uint64_t> turns_{0};  // calls of progress() so far
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> version_{0};  // of published_
  std::mutex mutex_;                       // protects the members below
  std::condition_variable changed_;
  Runs published_;
  bool woken_ = false;
};

}  // namespace rankine::worker
