// One rank's part of everything that runs: an engine thread opens the team of threads, waits for
// commands and carries them out with the other ranks. On rank 0 the client's thread hands commands
// in and sleeps until they are done; on the other ranks they come by message.
//
// Threads: run_graph, rehearse, settle, discard and quit are called by the client's thread of rank
// 0, one at a time. Everything else happens on the engine thread and its team.
//
// Errors: what a rank may meet travels to rank 0 as a value, and the phase completes on all ranks.
// A rank that cannot complete a phase ends the job (Communicator::abort).
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/progress.h"
#include "io/log.h"
#include "io/settle.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"
#include "runtime/base/pool.h"
#include "runtime/plan/placement.h"
#include "runtime/scheduler/reactor.h"
#include "runtime/session/commands.h"
#include "runtime/session/run_progress.h"
#include "runtime/worker/graph_run.h"

namespace rankine::session {

struct EngineOptions {
  int threads = 1;
  collectives::Cores cores = collectives::Cores::kShared;
  // A launcher passed the signal on and kills soon after it (mpirun: 1 s): a phase that goes on is
  // not waited for.
  bool launched = false;
};

// What one rank did, as the stage report shows it.
struct RankReport {
  worker::RunTotals totals;
  std::int64_t peak_rss_bytes = 0;
  std::int64_t peak_pool_bytes = 0;
  std::int64_t threads = 0;
  double wall_s = 0;
  double broadcast_s = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(totals, peak_rss_bytes, peak_pool_bytes, threads, wall_s, broadcast_s);
  }
};

struct GraphOutcome {
  std::optional<Error> failure;
  std::vector<std::vector<std::byte>> results;  // of the graph, dense
  std::vector<RankReport> ranks;
  // On rank 0.
  StageTimes communicate;  // the broadcasts
  StageTimes schedule;     // installation
  StageTimes execute;
};

class Engine {
 public:
  // Returns when the team of threads is there. Throws Error if it cannot be.
  Engine(collectives::Communicator& communicator, EngineOptions options);
  ~Engine();  // rank 0: quits if that was not done

  // Rank 0. graph_bytes: sealed graph and placement; index_bytes: sealed chunk indexes.
  GraphOutcome run_graph(Bytes graph_bytes, Bytes index_bytes, const std::string& log_folder);
  // Rank 0. Seconds until every rank has the graph and could start it.
  double rehearse(Bytes graph_bytes);
  // Rank 0. Places the logged chunks into the part file. Throws Error; the logs are closed then.
  io::Settlement settle(const io::OutputFile& file, const std::string& log_folder,
                        const std::string& part);
  void discard();
  void quit();
  // Rank 0. Told by the client's thread while it waits in run_graph and settle.
  void set_observer(OnRunProgress observer) { observer_ = std::move(observer); }
  // Rank 0. Called before this rank ends the job: removes what the client has under way. By any
  // thread, while the client's waits in a phase. Set and cleared between phases.
  void set_last_will(std::function<void()> last_will) { last_will_ = std::move(last_will); }

  // Other ranks: returns when rank 0 quits.
  void serve() { thread_.join(); }

  collectives::Communicator& communicator() { return communicator_; }

 private:
  void start_thread();
  void thread_main();
  void lead();              // thread 0 of the team: commands until Quit
  void follow(int thread);  // the others: graphs until Quit
  std::optional<Command> await_command();
  Command receive_command();
  void announce(const Command& command);
  // The phases, on the engine thread of every rank (engine_graph.cc, engine_settle.cc).
  void run(const RunGraph& command);
  void install(const RunGraph& command, Bytes graph_bytes, Bytes index_bytes);
  void execute();
  void run_rehearsal();
  void run_settle(const Settle& command);
  Bytes order_copies(const std::vector<Bytes>& gathered, const std::string& part);
  void run_discard();
  void work(int thread);
  void on_report(int from, const protocol::Message& message, std::span<const std::byte> payload);
  void send_control(const scheduler::Reactor::Outbox& outbox);
  RankReport report(double wall_s, double broadcast_s);

  // A phase handed in by the client: the command and where its outcome goes.
  struct Job {
    Command command;
    Bytes graph_bytes;
    Bytes index_bytes;
    const io::OutputFile* file = nullptr;
    GraphOutcome outcome;
    io::Settlement settlement;
    std::exception_ptr error;
    bool done = false;
  };
  void submit(Job& job);
  void wait_for(Job& job, std::unique_lock<std::mutex>& lock);  // holds mutex_
  void end_overdue(double since_signal_s);
  void abandon(const Error& error);  // does not return

  collectives::Communicator& communicator_;
  const EngineOptions options_;
  collectives::ProgressRight right_;
  Pool pool_;
  std::unique_ptr<io::LogWriter> log_;
  std::vector<worker::TaskContext> contexts_;  // by thread
  std::unique_ptr<worker::GraphRun> run_;
  std::unique_ptr<scheduler::Reactor> scheduler_;  // rank 0, while a graph runs
  struct Early {
    int from;
    Bytes packet;
  };
  std::vector<Early> early_;  // packets of a graph that is not installed here yet

  std::mutex mutex_;  // protects the members below
  std::condition_variable changed_;
  Job* job_ = nullptr;
  std::uint32_t generation_ = 0;  // graphs started on this team
  int working_ = 0;               // followers inside work()
  bool quitting_ = false;

  bool open_ = false;             // the team is there
  std::optional<Error> no_team_;  // or will not be

  std::string log_folder_;  // of the last graph; "": it had no outputs
  OnRunProgress observer_;  // client thread
  std::function<void()> last_will_;
  std::atomic<std::int64_t> tasks_seen_{0};  // of the graph that runs, on rank 0
  std::atomic<std::int64_t> tasks_total_{0};
  std::uint32_t graphs_ = 0;  // client thread: numbers given out
  std::thread thread_;        // last: starts when everything else is there
};

}  // namespace rankine::session
