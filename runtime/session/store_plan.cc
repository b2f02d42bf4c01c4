#include "runtime/session/store_plan.h"

#include <algorithm>
#include <map>

#include "io/codec/table.h"
#include "io/join.h"
#include "runtime/api/output.h"
#include "runtime/base/archive.h"
#include "runtime/base/hash.h"
#include "runtime/expr/build.h"

namespace rankine::session {

namespace {

// Of every array that is read.
std::vector<const io::FileInfo*> input_infos(const std::vector<optimize::Target>& targets) {
  std::vector<expr::NodePtr> roots;
  for (const optimize::Target& target : targets) roots.push_back(target.node);
  std::vector<const io::FileInfo*> infos;
  for (const expr::NodePtr& node : expr::topological_order(roots)) {
    const auto* data = node->as<expr::FromDataset>();
    if (data == nullptr) continue;
    if (!data->file->joined) infos.push_back(data->file.get());
    else
      for (const io::FileInfo& member : data->file->joined->members) infos.push_back(&member);
  }
  return infos;
}

std::string plugin_warning(const io::Codec& codec) {
  const io::FilterSteps steps = io::filter_steps(codec, false, false, 1, 1);
  const std::uint32_t id = steps.begin()->id;
  return "readers of the output need the HDF5 plugin of filter " + std::to_string(id) + " (" +
         io::find_filter(id)->name + "); in Python: import hdf5plugin";
}

}  // namespace

std::vector<optimize::Target> targets_of(const std::vector<Array>& arrays) {
  std::vector<optimize::Target> targets;
  for (const Array& array : arrays) targets.push_back({array.node(), std::nullopt});
  return targets;
}

std::vector<optimize::Target> targets_of(const NamedArrays& arrays) {
  std::vector<optimize::Target> targets;
  for (const auto& [name, array] : arrays) targets.push_back({array.node(), std::nullopt});
  return targets;
}

std::vector<std::string> input_files(const std::vector<optimize::Target>& targets) {
  std::vector<std::string> files;
  for (const io::FileInfo* file : input_infos(targets)) files.push_back(file->path);
  return files;
}

std::vector<io::JobInput> job_inputs(const std::vector<optimize::Target>& targets) {
  std::map<std::string, io::JobInput> by_path;
  for (const io::FileInfo* file : input_infos(targets)) {
    by_path[file->path] = {file->path, file->size, file->mtime_ns};
  }
  std::vector<io::JobInput> inputs;
  for (auto& [path, input] : by_path) inputs.push_back(std::move(input));
  return inputs;
}

StorePlan plan_store(const NamedArrays& arrays, const StoreOptions& options,
                     const std::string& history_line) {
  std::vector<api::NamedArray> named;
  for (const auto& [name, array] : arrays) named.push_back({name, array.node()});
  api::OutputOptions describe;
  describe.codec = io::parse_codec(options.codec);
  describe.shuffle = options.shuffle;
  describe.fletcher32 = options.fletcher32;
  describe.chunks = options.chunks;
  describe.history = options.history;
  describe.history_line = history_line;
  StorePlan plan;
  plan.file = api::describe_output(named, describe);
  plan.warnings = plan.file.left_out;
  plan.targets = targets_of(arrays);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const auto variable = std::find_if(
        plan.file.variables.begin(), plan.file.variables.end(),
        [&](const io::OutputVariable& candidate) { return candidate.name == arrays[i].first; });
    const auto number = static_cast<std::uint32_t>(variable - plan.file.variables.begin());
    if (arrays[i].second.rank() == 0) {
      plan.fetched_variables.push_back(number);
    } else {
      plan.logged_variables.push_back(number);
      plan.targets[i].output = *variable;
    }
  }
  if (plan.logged() && !io::is_standard(describe.codec)) {
    plan.warnings.push_back(plugin_warning(describe.codec));
  }
  return plan;
}

io::OutputFile StorePlan::logged_file() const {
  io::OutputFile logged;
  for (std::uint32_t variable : logged_variables)
    logged.variables.push_back(file.variables[variable]);
  return logged;
}

void StorePlan::name_variables(std::vector<io::Placement>& placements) const {
  for (io::Placement& placement : placements) {
    placement.variable = logged_variables[placement.variable];
  }
  std::stable_sort(
      placements.begin(), placements.end(),
      [](const io::Placement& a, const io::Placement& b) { return a.variable < b.variable; });
}

// The date in `history` and ranks, threads and memory do not count, nor whether layers are fused.
std::uint64_t StorePlan::hash() const {
  io::OutputFile dateless = file;
  std::erase_if(dateless.attributes,
                [](const io::Attribute& attribute) { return attribute.name == "history"; });
  return hash_bytes(to_bytes(optimize::plan_numbers(targets).hash, dateless));
}

std::int64_t StorePlan::inline_bytes() const {
  std::int64_t bytes = 0;
  for (const io::OutputVariable& variable : file.variables) {
    if (variable.inline_data) bytes += static_cast<std::int64_t>(variable.inline_data->size());
  }
  return bytes;
}

void StorePlan::take_results(std::vector<std::vector<std::byte>> results) {
  for (std::size_t i = 0; i < fetched_variables.size(); ++i) {
    file.variables[fetched_variables[i]].inline_data = std::move(results[i]);
  }
}

Array optimized(const Array& array) {
  return Array(optimize::rewrite({{array.node(), std::nullopt, false, false}}).front().node);
}

PlanReport describe_plan(const std::vector<optimize::Target>& targets,
                         const PrepareOptions& options, const api::TaskGraph* tasks) {
  const Prepared prepared = prepare(targets, options, tasks);
  const PhysicalPlan& physical = prepared.physical;
  PlanReport report;
  report.numeric_hash = prepared.numeric_hash;
  report.layers_before = prepared.layers_before;
  report.layers_after = static_cast<std::int64_t>(physical.topology->layer_count());
  report.tasks_before = prepared.tasks_before;
  report.tasks = physical.topology->task_count();
  report.bytes = static_cast<std::int64_t>(prepared.graph_bytes.size());
  report.memory_bound_bytes = physical.bound_bytes;
  report.reuse = physical.reuse;
  for (std::uint32_t layer = 0; layer < physical.topology->layer_count(); ++layer) {
    const graph::Layer& what = physical.graph->layers[layer];
    report.text += "  " + std::to_string(layer) + "  " + what.name + "  " +
                   to_string(physical.topology->counts(layer)) + " = " +
                   std::to_string(physical.topology->task_count(layer)) + " tasks" +
                   (what.location.empty() ? "" : "  " + what.location) + "\n";
  }
  return report;
}

}  // namespace rankine::session
