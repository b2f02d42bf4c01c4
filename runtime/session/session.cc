#include "runtime/session/session.h"

#include <algorithm>
#include <cstdio>

#include "io/h5/netcdf_writer.h"
#include "io/publish.h"
#include "runtime/api/open.h"
#include "runtime/base/error.h"
#include "runtime/base/stop_signals.h"
#include "runtime/expr/build.h"

namespace rankine {
namespace {

std::vector<std::string> input_files(const std::vector<optimize::Target>& targets) {
  std::vector<expr::NodePtr> roots;
  for (const optimize::Target& target : targets) roots.push_back(target.node);
  std::vector<std::string> files;
  for (const expr::NodePtr& node : expr::topological_order(roots)) {
    if (const auto* data = node->as<expr::FromDataset>()) files.push_back(data->file->path);
  }
  return files;
}

// What a store leaves beside its output until it ends, in whichever way.
class WorkingFiles {
 public:
  WorkingFiles(session::Engine& engine, const io::OutputPaths& paths)
      : engine_(engine),
        paths_(paths) {
    engine_.set_last_will([paths] { io::remove_working_files(paths); });
  }
  ~WorkingFiles() {
    engine_.set_last_will({});
    io::remove_working_files(paths_);
  }
  WorkingFiles(const WorkingFiles&) = delete;
  WorkingFiles& operator=(const WorkingFiles&) = delete;

 private:
  session::Engine& engine_;
  const io::OutputPaths paths_;
};

}  // namespace

session::PrepareOptions session::prepare_options(const RunSettings& settings, int ranks) {
  PrepareOptions options;
  options.machine.ranks = ranks;
  options.machine.threads = std::max(settings.threads, settings.most_threads);
  options.machine.first_worker = settings.dedicated_scheduler ? 1 : 0;
  options.machine.steal = settings.steal;
  options.machine.memory_bytes = settings.memory_bytes;
  options.machine.scratch_bytes = settings.scratch_bytes;
  options.machine.resources = settings.resources_of_ranks;
  if (options.machine.resources.empty()) {  // all ranks alike, as in one process
    options.machine.resources.assign(static_cast<std::size_t>(ranks), settings.resources);
  }
  options.reuse = settings.reuse;
  options.fuse = settings.fuse;
  return options;
}

Session::Session(session::Engine& engine, RunSettings settings)
    : engine_(engine),
      settings_(std::move(settings)),
      stages_file_(settings_.stages_file),
      launcher_(std::make_shared<session::Launcher>(engine, stages_, settings_.quiet)),
      releases_(std::make_shared<session::Releases>(engine)),
      futures_(std::make_shared<session::Futures>(
          engine, *launcher_, releases_,
          [this] { return session::prepare_options(settings_, ranks()); })),
      cpu_since_last_(process_cpu_seconds()) {
  futures_->open();
}

// Futures and persisted arrays may live longer: from now on they know that nobody is there.
Session::~Session() {
  futures_->close();
  releases_->close();
}

NdArray Session::compute(const Array& array) { return std::move(compute_all({array}).front()); }

std::vector<NdArray> Session::compute_all(const std::vector<Array>& arrays) {
  session::Request request;
  for (const Array& array : arrays) request.ask(array);
  std::vector<std::vector<std::byte>> results = run(request);
  std::vector<NdArray> values;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    values.push_back(session::take<Array>(results, request, i));
  }
  return values;
}

session::Work Session::work_of(const session::Request& request,
                               std::optional<api::TaskGraph>& tasks) const {
  session::Work work;
  work.targets = session::targets_of(request.arrays);
  if (request.arena) {
    tasks = futures_->tasks_for(*request.arena, request.tasks);
    for (const Array& array : tasks->arrays) {
      work.targets.push_back({array.node(), std::nullopt, true, false});
    }
  }
  if (!request.grids.empty()) {
    if (!tasks) tasks.emplace();
    api::add_grids(*tasks, request.grids);
  }
  if (tasks) work.tasks = &*tasks;
  return work;
}

session::Started Session::start(const session::Request& request) {
  const session::PrepareOptions options = session::prepare_options(settings_, ranks());
  const session::RequestKey key(request);
  if (auto again = launcher_->start_again(key, options)) {
    count_construct();
    return std::move(*again);
  }
  std::optional<api::TaskGraph> tasks;
  session::Work work = work_of(request, tasks);
  count_construct();
  stages_file_.open(input_files(work.targets));
  if (session::needs_of(work).empty()) work.key = key;
  return launcher_->start(work, options);
}

void Session::count_construct() {
  stages_.add_construct(since_last_.seconds(), process_cpu_seconds() - cpu_since_last_);
  since_last_ = Stopwatch();
  cpu_since_last_ = process_cpu_seconds();
}

std::vector<std::vector<std::byte>> Session::run(const session::Request& request) {
  return std::move(execute([&] { return start(request); }).results);
}

session::GraphOutcome Session::execute(FunctionRef<session::Started()> start,
                                       const std::string& log_folder) {
  launcher_->account_finished();
  releases_->flush();
  session::GraphOutcome outcome = launcher_->wait(start());
  since_last_ = Stopwatch();
  cpu_since_last_ = process_cpu_seconds();
  if (outcome.failure) {
    if (!log_folder.empty()) engine_.discard();
    throw std::move(*outcome.failure);
  }
  return outcome;
}

std::vector<Array> Session::persist_all(const std::vector<Array>& arrays) {
  session::Work work;
  work.in_background = true;
  for (const Array& array : arrays) {
    work.targets.push_back({array.node(), std::nullopt, false, true});
  }
  stages_file_.open(input_files(work.targets));
  launcher_->account_finished();
  releases_->flush();
  auto releases = std::make_shared<std::vector<std::shared_ptr<session::ArrayRelease>>>();
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    releases->push_back(std::make_shared<session::ArrayRelease>());
  }
  work.on_over = [releases](std::uint32_t, const session::GraphOutcome&) {
    for (const auto& release : *releases) release->on_over();
  };
  const session::Started graph =
      launcher_->start(work, session::prepare_options(settings_, ranks()));
  std::vector<Array> persisted;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    persisted.push_back(
        held_array(arrays[i], graph, static_cast<std::uint32_t>(i), (*releases)[i]));
  }
  return persisted;
}

// The slots are numbered in the order of the targets.
Array Session::held_array(const Array& array, const session::Started& graph, std::uint32_t slot,
                          const std::shared_ptr<session::ArrayRelease>& release) {
  const session::PhysicalPlan& plan = graph.prepared->physical;
  const auto layer =
      std::find_if(plan.graph->kept.begin(), plan.graph->kept.end(), [&](const auto& kept) {
        return kept.first == static_cast<std::int32_t>(slot);
      })->second.layer;
  const std::int64_t share = plan.footprint.persisted_bytes;
  launcher_->add_held(slot == 0 ? share : 0);
  release->set([launcher = launcher_, releases = releases_, number = graph.number(), slot, share] {
    releases->add_array(number, slot);
    launcher->add_held(slot == 0 ? -share : 0);
  });
  auto chunks = std::make_shared<const expr::HeldChunks>(graph.number(), slot,
                                                         plan.placement.layer(layer).order,
                                                         [release] { release->on_dropped(); });
  return Array(expr::from_held(std::move(chunks), array.node(), array.node()->location));
}

std::shared_ptr<const api::ScatteredValue> Session::scatter_bytes(std::vector<std::byte> bytes) {
  const std::uint64_t name = ++scattered_;
  const auto size = static_cast<std::int64_t>(bytes.size());
  engine_.scatter(name, std::move(bytes));
  launcher_->add_held(size);
  return std::make_shared<const api::ScatteredValue>(
      name, [launcher = launcher_, releases = releases_, size](std::uint64_t dropped) {
        releases->add_scattered(dropped);
        launcher->add_held(-size);
      });
}

void Session::store(const Array& array, const std::string& where, const StoreOptions& options) {
  const api::FileAndVariable parts = api::split_location(where);
  if (parts.variable.size() < 2) {
    throw usage_error("store needs a file and a name", "write it as \"anom.nc:/t2m_anomaly\"");
  }
  store(NamedArrays{{parts.variable.substr(1), array}}, parts.file, options);
}

void Session::store(const NamedArrays& arrays, const std::string& file,
                    const StoreOptions& options) {
  std::vector<std::string> inputs = input_files(session::targets_of(arrays));
  inputs.insert(inputs.end(), options.inputs.begin(), options.inputs.end());
  const io::OutputPaths paths = io::absolute(io::check_output(file, inputs, options.overwrite));
  inputs.insert(inputs.end(), {paths.final, paths.part});
  stages_file_.open(inputs);
  StoreOptions described = options;
  described.history = options.history && settings_.history;
  if (described.command.empty()) described.command = settings_.command;
  session::StorePlan plan = session::plan_store(arrays, described);
  if (!settings_.quiet) {
    if (!plan.copied.empty()) {
      std::fprintf(stderr, "rankine: %s\n", session::copies_text(plan).c_str());
    }
    if (!options.warn) plan.warnings.clear();
    for (const std::string& word : plan.warnings) {
      std::fprintf(stderr, "rankine: warning: %s\n", word.c_str());
    }
  }
  const io::OutputClaim claim(paths);
  if (claim.discarded() && !settings_.quiet) {
    std::fprintf(stderr, "rankine: discarded what an earlier run left of %s\n",
                 paths.final.c_str());
  }
  const WorkingFiles working(engine_, paths);
  session::Work work;
  work.targets = plan.targets;
  work.log_folder = plan.computes_chunks() ? paths.log_folder : "";
  work.client_bytes = plan.inline_bytes();
  std::vector<std::vector<std::byte>> results;
  const auto run_pass = [&] {
    return std::move(execute(
                         [&] {
                           count_construct();
                           return launcher_->start(work,
                                                   session::prepare_options(settings_, ranks()));
                         },
                         work.log_folder)
                         .results);
  };
  if (!work.targets.empty()) results = run_pass();
  for (const std::vector<optimize::Target>& targets : plan.later) {
    work.targets = targets;
    run_pass();
  }
  const Stopwatch write;
  const double cpu = process_cpu_seconds();
  plan.take_results(std::move(results));
  const std::int64_t bytes = write_output(plan, paths, options.overwrite);
  stages_.add_write(write.seconds(), process_cpu_seconds() - cpu, bytes);
  since_last_ = Stopwatch();
  cpu_since_last_ = process_cpu_seconds();
}

// From logs and fetched values to the published file. Returns the bytes of the logged chunks.
std::int64_t Session::write_output(session::StorePlan& plan, const io::OutputPaths& paths,
                                   bool overwrite) {
  io::Settlement settlement;
  if (plan.logged()) {
    settlement = engine_.settle(plan.logged_parts(), paths.log_folder, paths.part);
    plan.name_variables(settlement.placements);
  } else {
    io::create_part(paths.part);
  }
  io::write_netcdf(paths.part, plan.file, settlement.placements);
  if (StopSignals::received() != 0) throw stopped_by_signal();
  io::publish(paths.part, paths.final, overwrite);
  return static_cast<std::int64_t>(settlement.data_end - io::kDataStart);
}

PlanReport Session::plan(const std::vector<Array>& arrays) const {
  return session::describe_plan(session::targets_of(arrays),
                                session::prepare_options(settings_, ranks()));
}

PlanReport Session::plan(const session::Request& request) const {
  std::optional<api::TaskGraph> tasks;
  const session::Work work = work_of(request, tasks);
  return session::describe_plan(work.targets, session::prepare_options(settings_, ranks()),
                                work.tasks);
}

}  // namespace rankine
