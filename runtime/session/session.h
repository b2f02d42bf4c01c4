// The connection between a program and the ranks: computes arrays and writes them to files.
#pragma once

#include <map>
#include <optional>
#include <source_location>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "collectives/environment.h"
#include "io/h5/access.h"
#include "io/output.h"
#include "io/shard.h"
#include "runtime/api/array.h"
#include "runtime/base/clock.h"
#include "runtime/base/function_ref.h"
#include "runtime/base/nd_array.h"
#include "runtime/session/engine.h"
#include "runtime/session/futures.h"
#include "runtime/session/launcher.h"
#include "runtime/session/located_calls.h"
#include "runtime/session/prepare.h"
#include "runtime/session/releases.h"
#include "runtime/session/request.h"
#include "runtime/session/stages.h"
#include "runtime/session/stages_file.h"
#include "runtime/session/store_plan.h"

namespace rankine {

struct RunSettings {
  int threads = 1;
  int most_threads = 0;           // of any rank, which the plan counts on; 0: `threads`
  bool shares_cores_out = false;  // nobody said how many threads: as many as its cores make for it
  std::int64_t memory_bytes = 0;  // of one rank; 0: no limit
  bool dedicated_scheduler = false;
  std::map<std::string, std::int64_t> resources;  // of this rank, for tasks that ask for them
  std::vector<std::map<std::string, std::int64_t>> resources_of_ranks;  // set by run()
  session::Reuse reuse = session::Reuse::kChoose;
  bool fuse = true;
  bool steal = true;                                     // idle ranks run tasks of others
  std::string scratch = collectives::default_scratch();  // folder for chunks that are spilled
  std::int64_t scratch_bytes = INT64_MAX;                // room there for one rank
  std::string stages_file;
  bool quiet = false;
  bool history = true;
  // Chunks whose place in the output is known go there at once (io/fixed_places.h), not by way of
  // the log; run() turns it off where ranks are on several hosts.
  bool straight = true;
  bool resume = false;  // StoreOptions::resume of every store
  // Every store makes this part of its output alone, and leaves it in a journal of its own
  // (io/shards.h) ...
  io::Shard shard = {};
  bool merge = false;              // ... or takes over what all shards left, and does the rest
  std::string command;             // cleaned command line, for `history`
  std::vector<std::string> words;  // of the command line, as it was; journals keep it
  io::Access access;               // what input files may make the HDF5 library load
};

namespace session {
class WorkingFiles;
PrepareOptions prepare_options(const RunSettings& settings, int ranks);
}  // namespace session

// Lives on rank 0 while the client of run() runs. Not thread-safe. compute and store block until
// done and throw Error if a task fails; submit, map, persist and scatter return at once. The
// session can be used again after a failure. What is not done when it ends is given up.
class Session : public session::LocatedCalls<Session> {
 public:
  Session(session::Engine& engine, RunSettings settings);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int ranks() const { return engine_.communicator().size(); }
  int threads() const { return settings_.threads; }

  // The value of an array, on rank 0.
  NdArray compute(const Array& array);
  std::vector<NdArray> compute_all(const std::vector<Array>& arrays);

  // The result of a task and of all it needs (api/delayed.h). Throws Error: what the task of a user
  // threw, with its place.
  template <class R>
  R compute(const Delayed<R>& task) {
    const session::Request request = session::request_of(task);
    std::vector<std::vector<std::byte>> results = run(request);
    if constexpr (!std::is_void_v<R>) return session::take<Delayed<R>>(results, request, 0);
  }
  // A result of a grid of tasks, or a std::vector of those in a box (api/task_grid.h).
  template <session::IsOfGrid A>
  session::Asked<A> compute(const A& values) {
    const session::Request request = session::request_of(values);
    std::vector<std::vector<std::byte>> results = run(request);
    return session::take<A>(results, request, 0);
  }
  // Many boxes in one pass, of one grid or of several.
  template <session::IsOfGrid A>
  std::vector<session::Asked<A>> compute(const std::vector<A>& boxes) {
    session::Request request;
    for (const A& box : boxes) request.ask(box);
    std::vector<std::vector<std::byte>> results = run(request);
    std::vector<session::Asked<A>> values;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      values.push_back(session::take<A>(results, request, i));
    }
    return values;
  }
  // The results of many tasks, in their order.
  template <class R>
  std::vector<R> compute(const std::vector<Delayed<R>>& tasks) {
    session::Request request;
    for (const Delayed<R>& task : tasks) request.ask(task);
    std::vector<std::vector<std::byte>> results = run(request);
    std::vector<R> values;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      values.push_back(session::take<Delayed<R>>(results, request, i));
    }
    return values;
  }
  // Several arrays and tasks in one pass over what they have in common: a tuple with NdArray for
  // each Array, R for each Delayed<R>, std::monostate for a Delayed<void>, T or a vector of T for
  // what a TaskGrid<T> gave.
  template <class First, class Second, class... Rest>
  requires(session::is_asked<First>&& session::is_asked<Second> &&
           (session::is_asked<Rest> && ...)) auto compute(const First& first, const Second& second,
                                                          const Rest&... rest) {
    const session::Request request = session::request_of(first, second, rest...);
    std::vector<std::vector<std::byte>> results = run(request);
    return session::take_all<First, Second, Rest...>(
        results, request, std::make_index_sequence<sizeof...(Rest) + 2>());
  }
  // submit(function, arguments...) or submit(TaskOptions{...}, function, arguments...) starts a
  // task in the background (api/future.h): the arguments of `delayed`, where it will run and what
  // it throws are as there. Throws Error (refused) from get() if it does not fit the memory.
  using session::LocatedCalls<Session>::submit;
  template <class F, class... A>
  auto submit_at(const api::Caller& caller, const F& function, const A&... arguments) {
    auto future = background(delayed_at(caller, function, arguments...));
    futures_->start_soon();
    return future;
  }
  // The same of a task that was described already, of which nothing else is told (name, retries).
  template <class R>
  Future<R> submit(const Delayed<R>& task) {
    auto future = background(task);
    futures_->start_soon();
    return future;
  }
  // One task per element, started together.
  template <class F, class T>
  std::vector<Future<api::TaskResult<F, T>>> map(
      F function, const std::vector<T>& values,
      std::source_location at = std::source_location::current()) {
    const api::Caller caller(at);
    std::vector<Future<api::TaskResult<F, T>>> futures;
    futures.reserve(values.size());
    for (const T& value : values) {
      futures.push_back(background(api::make_delayed(TaskOptions{}, caller, function, value)));
    }
    futures_->start_soon();
    return futures;
  }
  // As the free functions of api/future.h.
  template <class R>
  auto gather(const std::vector<Future<R>>& futures) {
    return rankine::gather(futures);
  }
  template <class R>
  void wait(const std::vector<Future<R>>& futures) {
    rankine::wait(futures);
  }
  template <class R>
  AsCompleted<R> as_completed(std::vector<Future<R>> futures) {
    return rankine::as_completed(std::move(futures));
  }

  // Sends a value to every rank, once; tasks take the Ref like the value. Returns at once.
  template <class T>
  Ref<T> scatter(const T& value) {
    static_assert(is_value<T> && std::is_default_constructible_v<T>,
                  "a scattered value needs `template <class A> void serialize(A& archive)` and a "
                  "default constructor");
    std::vector<std::byte> bytes;
    write_value(bytes, value);
    return Ref<T>(scatter_bytes(std::move(bytes)));
  }

  // Computes arrays in the background and leaves them in chunks on the ranks that made them.
  // Returns at once, unless the memory is taken by graphs in flight: then it waits for those first.
  // What is returned stands for them, in this session: what is built on it starts from the chunks,
  // which go with the last Array that needs them. Throws Error (refused); if a task fails, whatever
  // uses the array does.
  std::vector<Array> persist_all(const std::vector<Array>& arrays);
  Array persist(const Array& array) { return persist_all({array}).front(); }
  // The same of a task's result.
  template <class R>
  Delayed<R> persist(const Delayed<R>& task,
                     std::source_location at = std::source_location::current()) {
    return api::make_delayed(
        TaskOptions{}, api::Caller(at), [](R value) { return value; }, submit(task));
  }
  // Several, in one pass.
  template <class First, class Second, class... Rest>
  auto persist(const First& first, const Second& second, const Rest&... rest) {
    if constexpr (std::is_base_of_v<Array, First> && std::is_base_of_v<Array, Second> &&
                  (std::is_base_of_v<Array, Rest> && ...)) {
      const std::vector<Array> all = persist_all({first, second, rest...});
      return tuple_of(all, std::make_index_sequence<sizeof...(Rest) + 2>());
    } else {
      return std::make_tuple(persist(first), persist(second), persist(rest)...);
    }
  }

  // delayed(function, arguments...) is one more task; runs nothing. As the free `delayed`.
  template <class F, class... A>
  auto delayed_at(const api::Caller& caller, const F& function, const A&... arguments) {
    if constexpr (std::is_same_v<F, TaskOptions>) {
      return api::make_delayed(function, caller, arguments...);
    } else {
      return api::make_delayed(TaskOptions{}, caller, function, arguments...);
    }
  }

  // Writes arrays into one new netCDF-4 file, whole or not at all: "anom.nc:/t2m_anomaly", or a
  // file name and named arrays, in one pass. Chunks are compressed on the rank that made them.
  // Under --shard a part of the chunks is made and kept in a journal, and there is no file yet.
  void store(const Array& array, const std::string& where, const StoreOptions& options = {});
  void store(const NamedArrays& arrays, const std::string& file, const StoreOptions& options = {});
  // Whether an earlier run of the same job made the file and no input is younger: with
  // StoreOptions::resume there is nothing left to do. Throws as store for what cannot be stored.
  bool is_stored(const NamedArrays& arrays, const std::string& file,
                 const StoreOptions& options = {}) const;

  // What computing all this in one pass would take; runs nothing.
  PlanReport plan(const std::vector<Array>& arrays) const;
  template <class First, class... Rest>
  requires(session::is_asked<First> && (session::is_asked<Rest> && ...)) PlanReport
      plan(const First& first, const Rest&... rest)
  const { return plan(session::request_of(first, rest...)); }

  // The same values as the optimizer would compute them alone: simplified, with selections moved
  // into the reads. compute and store do that by themselves, of all that is computed together; this
  // is to look at it and to time it. Tasks and what grids give stand for themselves.
  template <class First, class... Rest>
  requires(session::is_asked<First> &&
           (session::is_asked<Rest> && ...)) auto optimize(const First& first,
                                                           const Rest&... rest) const {
    if constexpr (sizeof...(Rest) > 0) {
      return std::make_tuple(optimize(first), optimize(rest)...);
    } else if constexpr (std::is_base_of_v<Array, First>) {
      return session::optimized(first);
    } else {
      return first;
    }
  }

  // The graph stages alone: the broadcast and installation of a prepared graph, in seconds.
  double rehearse(const session::Prepared& prepared) {
    return engine_.rehearse(prepared.graph_bytes);
  }

  // Tells how far compute and store are, while they work.
  void on_progress(OnRunProgress observer) { engine_.set_observer(std::move(observer)); }

  // As --no-fuse, for what is computed and stored from now on.
  void set_fuse(bool fuse) { settings_.fuse = fuse; }
  // As --steal on|off, likewise.
  void set_steal(bool steal) { settings_.steal = steal; }

  // Of all graphs that are over.
  const session::StageTable& stages() const {
    launcher_->account_finished();
    return stages_;
  }
  // Writes the file of --stages, if there is one. Throws Error.
  void write_stages() { stages_file_.write(stages().json(settings_.threads)); }
  const RunSettings& settings() const { return settings_; }

 private:
  // tasks: gets what the work refers to.
  session::Work work_of(const session::Request& request,
                        std::optional<api::TaskGraph>& tasks) const;
  std::vector<std::vector<std::byte>> run(const session::Request& request);
  PlanReport plan(const session::Request& request) const;
  session::Started start(const session::Request& request);
  void count_construct();  // the client's time so far goes to that stage
  // Runs what start gives and keeps the accounts.
  session::GraphOutcome execute(FunctionRef<session::Started()> start);
  Array held_array(const Array& array, const session::Started& graph, std::uint32_t slot,
                   const std::shared_ptr<session::ArrayRelease>& release);
  std::shared_ptr<const api::ScatteredValue> scatter_bytes(std::vector<std::byte> bytes);
  template <class R>
  Future<R> background(const Delayed<R>& task) {
    return Future<R>(futures_->add(task.arena(), task.task()));
  }
  template <std::size_t... I>
  static auto tuple_of(const std::vector<Array>& arrays, std::index_sequence<I...>) {
    return std::make_tuple(arrays[I]...);
  }
  void tell(const std::string& line) const;  // on stderr, unless quiet
  void run_store(session::StorePlan& plan, const io::OutputPaths& paths,
                 const io::JobHeader& header, bool overwrite, session::WorkingFiles& working);
  bool is_shard_done(const io::OutputPaths& output, const io::JobHeader& header,
                     const std::optional<io::JobHeader>& earlier) const;
  void take_over_shards(const io::OutputPaths& paths, io::JobHeader header,
                        const std::optional<io::JobHeader>& shards,
                        session::WorkingFiles& working) const;
  void finish_shard(const io::OutputPaths& paths, io::JobHeader header);
  std::vector<std::vector<std::byte>> run_passes(const session::StorePlan& plan,
                                                 session::Work& work);
  int take_over(const session::StorePlan& plan, const io::OutputPaths& paths,
                const io::JobHeader& header);
  void begin_part(session::StorePlan& plan, io::PartPlaces part,
                  session::WorkingFiles& working) const;
  std::int64_t write_output(session::StorePlan& plan, const io::OutputPaths& paths,
                            const std::vector<io::JobInput>& inputs, bool overwrite);

  session::Engine& engine_;
  RunSettings settings_;
  session::StageTable stages_;
  session::StagesFile stages_file_;
  std::shared_ptr<session::Launcher> launcher_;
  std::shared_ptr<session::Releases> releases_;
  std::shared_ptr<session::Futures> futures_;
  std::uint64_t scattered_ = 0;  // names given out
  Stopwatch since_last_;         // the client's own time since the start or the last graph
  double cpu_since_last_ = 0;
};

}  // namespace rankine
