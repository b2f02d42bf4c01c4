// One rank's part of everything that runs: an engine thread opens the team of threads, which runs
// the graphs in flight (worker/loop.h) and carries out commands with the other ranks. On rank 0 the
// client's thread hands commands in and may wait for them; on the other ranks they come by message.
//
// Threads: on rank 0 start, wait, run_graph, rehearse, settle, discard and quit are called by the
// client; start and wait by any thread. Everything else happens on the team, mostly on whichever
// thread holds the progress right.
//
// Errors: what a rank may meet travels to rank 0 as a value, and the phase completes on all ranks.
// A rank that cannot complete a phase ends the job (Communicator::abort).
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "collectives/communicator.h"
#include "collectives/environment.h"
#include "io/log.h"
#include "io/settle.h"
#include "runtime/base/archive.h"
#include "runtime/base/clock.h"
#include "runtime/base/pool.h"
#include "runtime/plan/placement.h"
#include "runtime/scheduler/frontier.h"
#include "runtime/scheduler/reactor.h"
#include "runtime/session/commands.h"
#include "runtime/session/run_progress.h"
#include "runtime/worker/loop.h"

namespace rankine::session {

struct EngineOptions {
  int threads = 1;
  collectives::Cores cores = collectives::Cores::kShared;
  // Seconds between a signal to stop and the end of all ranks, whatever they are doing; 0: as long
  // as that takes. Less than whoever sent it gives them: mpirun 1 s after all but SIGUSR1, Slurm
  // 30 s.
  double stop_s = 0;
  double stop_after_usr1_s = 0;
  std::string scratch = collectives::default_scratch();  // folder for chunks that are spilled
  std::map<std::string, std::int64_t> resources = {};    // what this rank has for tasks
  std::int64_t memory_bytes = 0;                         // what this rank may hold; 0: no limit
  // Rank 0: after so many seconds without a completed task on_stall gets a text that says who waits
  // for what; again after twice as long, and so on. 0: never.
  double stall_s = 30;
  std::function<void(const std::string&)> on_stall = {};  // by a thread of the team
  // A rank that gave no sign of life for so many seconds, while a graph is in flight, ends the job;
  // rank 0 may take three times as long, or so long after a signal to stop. 0: never.
  double silence_s = 20;
  // By rank, where it runs; shorter, or empty, where this rank was not told.
  std::vector<std::string> nodes = {};
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
  bool sent = true;        // false: the ranks knew it
  StageTimes schedule;     // installation
  StageTimes execute;
};

// A graph as it is started.
struct GraphStart {
  Bytes graph_bytes;  // sealed graph, placement and limit of the pool (prepare.h)
  Bytes index_bytes;  // sealed chunk indexes
  std::int64_t total_tasks = 0;
  std::string log_folder;        // "" without outputs
  std::int32_t first_log = 0;    // there: the number of rank 0's log
  std::uint64_t graph_hash = 0;  // with outputs: of the layers, not 0
  // Earlier graphs whose values it takes; if one of them fails it fails, too.
  std::vector<std::uint32_t> needs;
  // Called once when it is over, by a thread of the team; must not wait for the engine.
  std::function<void(std::uint32_t number, const GraphOutcome&)> on_over;
  io::PartPlaces part = {};  // for chunks that have a place; if its part is "" all go into logs
  io::Shard shard = {};      // with outputs: which part of the graph is to be done, if not all
};

// A result that a task left for later graphs.
struct MadeResult {
  std::uint32_t graph = 0;
  std::int64_t task = 0;
  std::optional<std::span<const std::byte>> outcome;  // if it is small (kernels/outcome.h)
};

// What may be forgotten on the ranks.
struct Released {
  struct Value {
    graph::HeldName name;
    int home;
  };
  std::vector<Value> values;
  std::vector<graph::HeldName> arrays;
  std::vector<std::uint64_t> scattered;
};

// What logs and inputs bring to a file.
struct LoggedParts {
  io::OutputFile file;                  // the variables that records name
  std::vector<io::CopiedInput> inputs;  // what is in no log
  bool begun = false;                   // the part file is there (prepare_part), with chunks or not
};

class Engine : private worker::LoopHost {
 public:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;

  // Returns when the team of threads is there. Throws Error if it cannot be.
  Engine(collectives::Communicator& communicator, EngineOptions options);
  ~Engine();  // rank 0: quits if that was not done

  // Rank 0. Starts a graph and returns; several may be in flight.
  JobPtr start(GraphStart graph);
  // Until the graph is over on all ranks.
  GraphOutcome wait(const JobPtr& job);
  // As wait, without taking the outcome and without a word to the observer.
  void await(const JobPtr& job);
  bool is_done(const JobPtr& job);
  static const GraphOutcome& outcome_of(const Job& job);  // of one that is done
  static std::uint32_t number_of(const Job& job);
  // Rank 0, any thread. Gives up a graph, if no other one needs it.
  void cancel(std::uint32_t number, Error why);
  // To be called from time to time by a client's thread that waits for something else: ends the job
  // if a signal was not heeded in time. since_signal: of the caller, empty at first.
  void heed_signals(std::optional<Stopwatch>& since_signal);
  GraphOutcome run_graph(GraphStart graph) { return wait(start(std::move(graph))); }
  // Rank 0, any thread. What a rank keeps of earlier graphs takes so much memory at most; it can be
  // given up before the next graph.
  std::int64_t known_graphs_bytes() const { return known_bytes_.load(); }
  void forget_graphs();
  // Rank 0. Seconds until every rank has the graph and could start it.
  double rehearse(Bytes graph_bytes);
  // Rank 0. Places the logged chunks, and those of inputs, into the part file. Throws Error; the
  // logs are closed then.
  io::Settlement settle(const LoggedParts& parts, const std::string& log_folder,
                        const std::string& part);
  // Rank 0. Closes the logs of a graph that failed, that left no chunk in them, or that are not to
  // become a file now; keep: for a later run.
  struct Kept {
    std::int64_t chunks = 0;     // finished, with those of earlier runs
    std::int64_t placed = 0;     // of those: in the part file
    std::int64_t states = 0;     // of this run's graphs
    std::optional<Error> error;  // of the first log that could not be synced and closed
    void count(const std::vector<io::LogRecord>& records);
    template <class Archive>
    void serialize(Archive& archive) {
      archive(chunks, placed, states, error);
    }
  };
  Kept discard(bool keep);
  // Rank 0. What the logs of earlier runs and the part file hold is taken over by the next graph
  // with outputs. chunks: of each output of that graph. Throws Error (input).
  struct Recovered {
    std::int64_t chunks = 0;   // finished
    std::int64_t states = 0;   // of earlier runs' graphs
    std::int64_t damaged = 0;  // records that do not count
  };
  Recovered recover(const std::string& log_folder, const io::PartPlaces& part,
                    std::vector<std::int32_t> logs, std::vector<std::int64_t> chunks);
  // Rank 0, any thread. Does not wait: later graphs find the value, and earlier ones have found
  // what is released.
  void scatter(std::uint64_t name, Bytes value);
  void release(const Released& released);
  // Rank 0. Called by a thread of the team for each result that a task left; must not wait for the
  // engine. Set while no graph is in flight.
  void set_on_made(std::function<void(const MadeResult&)> told) { on_made_ = std::move(told); }
  // Rank 0. Gives up what is in flight.
  void quit();
  // Rank 0. Told by the client's thread while it waits for a graph or in settle.
  void set_observer(OnRunProgress observer) { observer_ = std::move(observer); }
  // Rank 0. Called before this rank ends the job: removes what nobody can use of what the client
  // has under way. True if a later run can go on with the rest. By any thread, while the client's
  // waits in a phase. Set and cleared between phases.
  void set_last_will(std::function<bool()> last_will) { last_will_ = std::move(last_will); }

  // Other ranks: returns when rank 0 quits.
  void serve() { join(); }

  collectives::Communicator& communicator() { return communicator_; }

 private:
  void start_thread();
  void thread_main();
  void help();
  void join();

  // Rank 0, client's threads.
  JobPtr submit(JobPtr job);
  JobPtr submit(Command command, Bytes bytes = {});
  void wait_until_done(Job& job, const OnRunProgress& observer);
  // Of a signal to stop: the time is over in which all ranks should have heeded it.
  bool overdue(double since_signal_s) const;
  void abandon(const Error& error);  // does not return

  // LoopHost: with the progress right.
  void on_message(int from, const protocol::Message& message,
                  std::span<const std::byte> payload) override;
  bool turn() override;
  void on_over(worker::GraphRun& run) override;
  bool expects_messages() const override {
    return communicator_.rank() != 0 || unfinished_.load() > 0;
  }

  // A command on its way through this rank. On rank 0 with the job it came from.
  struct Order {
    Command command;
    JobPtr job;
    Bytes graph_bytes;
    Bytes index_bytes;
    std::vector<collectives::Request> broadcasts;
    bool posted = false;
    Stopwatch since;
    double cpu_at_start = process_cpu_seconds();
  };
  void take_jobs();
  // Whether no graph is in flight here or, as rank 0 knows, elsewhere; gives up those that are.
  bool quiet();
  void take(JobPtr job);
  void give_up(std::uint32_t number, const Error& why);
  void announce(const Command& command);
  void send_command(int to, const Command& command);
  void announce_release(Job& job);
  bool carry_out(Order& order);  // true once it is done with
  // The phases (engine_graph.cc, engine_settle.cc).
  bool receive(Order& order, std::uint64_t graph_bytes, std::uint64_t index_bytes);
  void keep_scattered(Order& order);
  void forget(const Release& release);
  void decide_to_send(RunGraph& command);
  KnownGraph unpack(Order& order) const;
  const KnownGraph& known_graph(Order& order, KnownGraph& other);
  void install(Order& order);
  void run_rehearsal(Order& order);
  void run_settle(Job* job, const Settle& command);
  Bytes order_copies(Job& job, const std::vector<Bytes>& gathered, const std::string& part);
  void run_discard(Job* job, bool keep);
  void run_recover(Job* job, const Recover& command);
  Bytes merge_recovered(Job& job, const std::vector<Bytes>& gathered, const Recover& command);
  // A graph in flight on this rank.
  struct Flight {
    double broadcast_s = 0;
    std::int64_t pool_bytes = 0;
    bool logs = false;  // what it finished is kept
    Stopwatch running;
  };
  void limit_pool();

  // Rank 0: graphs in flight anywhere.
  struct Launch {
    JobPtr job;
    std::unique_ptr<scheduler::Reactor> scheduler;
    std::unique_ptr<scheduler::Frontier> frontier;  // if the ranks are short of memory
    std::size_t reports = 0;
    std::vector<std::uint32_t> needs;
    Stopwatch executing;
    double cpu_at_execute = 0;
  };
  void on_scheduler_message(int from, const protocol::Message& message,
                            std::span<const std::byte> payload);
  void on_report(int from, const protocol::Message& message, std::span<const std::byte> payload);
  void on_made(const protocol::Message& message, std::span<const std::byte> payload);
  void fail(Launch& launch, const Error& error);
  void fail_users(std::uint32_t graph, const Error& error);
  void send_control(const scheduler::Reactor::Outbox& outbox);
  // Signs of life and stalls (engine_watch.cc).
  bool watch();
  void give_signs(double now_s);
  void watch_scheduler(double now_s, double gap_s);
  void watch_ranks(double now_s);
  void watch_stop(double now_s);
  protocol::Message sign_of_life() const;
  void on_sign(int from, const protocol::Message& message);
  std::string name_of(int rank) const;
  std::string last_task_of(int rank) const;
  void watch_tasks(double now_s);
  void ask_why(double now_s);
  void tell_why();
  void explain(int to);
  void on_explanation(int from, std::span<const std::byte> payload);
  void finish(Job& job);

  collectives::Communicator& communicator_;
  const EngineOptions options_;
  Pool pool_;
  worker::HeldStore held_;
  std::unique_ptr<io::LogWriter> log_;
  std::shared_ptr<const worker::Salvage> salvage_;  // for the next graph with outputs
  // Rank 0: the records of earlier runs' logs, by number, and the number of this run's first.
  std::vector<std::vector<io::LogRecord>> earlier_logs_;
  std::vector<worker::TaskContext> contexts_;  // by thread

  // Only with the progress right.
  std::deque<Order> orders_;
  std::map<std::uint32_t, Flight> flights_;
  std::map<std::uint32_t, Launch> launches_;
  std::map<std::uint32_t, Error> failed_;  // graphs that are over
  RecentGraphs<KnownGraph> known_;
  // What a rank said of itself last.
  struct Sign {
    double said_s = 0;
    worker::GraphTask task;
  };
  struct Watch {
    Stopwatch clock;
    double last_s = 0;                        // of the last look
    double next_look_s = 0;                   // rank 0: when it looks at the ranks again
    double next_alive_s = 0;                  // when this rank gives its next sign of life
    std::vector<double> heard_s;              // rank 0: by rank, the last sign of life
    std::vector<Sign> signs;                  // by rank; those of ranks that gave none are missing
    std::optional<double> heard_scheduler_s;  // other ranks, while a graph is in flight
    std::optional<double> signal_s;           // when this rank noticed a signal to stop
    std::int64_t completed = -1;              // tasks and graphs
    double changed_s = 0;                     // when that last changed
    double patience_s = 0;                    // before the next question
    std::optional<double> asked_s;
    std::vector<std::optional<std::string>> answers;
  };
  Watch watch_;
  std::int64_t graphs_over_ = 0;

  std::mutex mutex_;  // protects the members below
  std::condition_variable changed_;
  std::deque<JobPtr> jobs_;
  bool open_ = false;                       // the team is there
  std::optional<Error> no_team_;            // or will not be
  std::uint32_t graphs_ = 0;                // numbers given out
  RecentGraphs<std::monostate> announced_;  // what will be known once all these are there
  bool forget_graphs_ = false;              // with the next graph

  std::atomic<bool> has_jobs_{false};         // jobs_ is not empty; changed under the mutex
  std::atomic<int> unfinished_{0};            // jobs that are not done
  std::atomic<std::int64_t> known_bytes_{0};  // rank 0: known_graphs_bytes()
  OnRunProgress observer_;                    // client thread
  std::function<bool()> last_will_;
  std::function<void(const MadeResult&)> on_made_;
  worker::Loop loop_;
  std::thread helper_;
  std::thread thread_;  // last: starts when everything else is there
};

// What the client handed in, and what became of it. The client reads it once it is done.
struct Engine::Job {
  Command command;
  Bytes graph_bytes;
  Bytes index_bytes;
  std::int64_t total_tasks = 0;
  const LoggedParts* parts = nullptr;
  std::vector<std::uint32_t> needs;
  std::vector<int> homes;  // of the values of a Release
  // Instead of a command: give up graph cancelled->first.
  std::optional<std::pair<std::uint32_t, Error>> cancelled;
  std::function<void(std::uint32_t number, const GraphOutcome&)> on_over;
  GraphOutcome outcome;
  io::Settlement settlement;
  Recovered recovered;
  Engine::Kept kept;  // of a Discard
  std::exception_ptr error;
  bool done = false;                        // under the engine's mutex
  std::atomic<std::int64_t> tasks_seen{0};  // so far, as rank 0 knows
};

}  // namespace rankine::session
