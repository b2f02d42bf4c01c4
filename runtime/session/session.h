// The connection between a program and the ranks: computes arrays and writes them to files.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "io/h5/access.h"
#include "io/output.h"
#include "runtime/api/array.h"
#include "runtime/base/clock.h"
#include "runtime/session/engine.h"
#include "runtime/session/nd_array.h"
#include "runtime/session/prepare.h"
#include "runtime/session/stages.h"
#include "runtime/session/stages_file.h"
#include "runtime/session/store_plan.h"

namespace rankine {

struct RunSettings {
  int threads = 1;
  int most_threads = 0;           // of any rank, which the plan counts on; 0: `threads`
  std::int64_t memory_bytes = 0;  // of one rank; 0: no limit
  bool dedicated_scheduler = false;
  session::Reuse reuse = session::Reuse::kChoose;
  bool fuse = true;
  std::string stages_file;
  bool quiet = false;
  bool history = true;
  std::string command;  // cleaned command line, for `history`
  io::Access access;    // what input files may make the HDF5 library load
};

namespace session {
PrepareOptions prepare_options(const RunSettings& settings, int ranks);
}

// Lives on rank 0 while the client of run() runs. Not thread-safe. Every call blocks until done and
// throws Error if a task fails; the session can be used again afterwards.
class Session {
 public:
  Session(session::Engine& engine, RunSettings settings);

  int ranks() const { return engine_.communicator().size(); }
  int threads() const { return settings_.threads; }

  // The value of an array, on rank 0.
  NdArray compute(const Array& array);
  // Several arrays in one pass over their common inputs: a tuple of NdArray.
  template <class... Rest>
  auto compute(const Array& first, const Array& second, const Rest&... rest) {
    return to_tuple(compute_all({first, second, rest...}),
                    std::make_index_sequence<sizeof...(Rest) + 2>());
  }
  std::vector<NdArray> compute_all(const std::vector<Array>& arrays);

  // Writes arrays into one new netCDF-4 file, whole or not at all: "anom.nc:/t2m_anomaly", or a
  // file name and named arrays, in one pass. Chunks are compressed on the rank that made them.
  void store(const Array& array, const std::string& where, const StoreOptions& options = {});
  void store(const NamedArrays& arrays, const std::string& file, const StoreOptions& options = {});

  // What computing these arrays would take.
  PlanReport plan(const std::vector<Array>& arrays) const;

  // The graph stages alone: the broadcast and installation of a prepared graph, in seconds.
  double rehearse(const session::Prepared& prepared) {
    return engine_.rehearse(prepared.graph_bytes);
  }

  // Tells how far compute and store are, while they work.
  void on_progress(OnRunProgress observer) { engine_.set_observer(std::move(observer)); }

  // As --no-fuse, for what is computed and stored from now on.
  void set_fuse(bool fuse) { settings_.fuse = fuse; }

  const session::StageTable& stages() const { return stages_; }
  // Writes the file of --stages, if there is one. Throws Error.
  void write_stages() { stages_file_.write(stages_.json(settings_.threads)); }
  const RunSettings& settings() const { return settings_; }

 private:
  template <std::size_t... I>
  static auto to_tuple(std::vector<NdArray> values, std::index_sequence<I...>) {
    return std::make_tuple(std::move(values[I])...);
  }
  session::GraphOutcome execute(const std::vector<optimize::Target>& targets,
                                const std::string& log_folder);
  std::int64_t write_output(session::StorePlan& plan, const io::OutputPaths& paths, bool overwrite);

  session::Engine& engine_;
  RunSettings settings_;
  session::StageTable stages_;
  session::StagesFile stages_file_;
  Stopwatch since_last_;  // the client's own time since the start or the last graph
  double cpu_since_last_ = 0;
};

}  // namespace rankine
