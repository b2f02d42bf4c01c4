#include "runtime/session/store_plan.h"

#include <algorithm>

#include "io/codec/table.h"
#include "runtime/api/output.h"
#include "runtime/session/copied_rows.h"

namespace rankine::session {

namespace {

std::string plugin_warning(const io::Codec& codec) {
  const io::FilterSteps steps = io::filter_steps(codec, false, false, 1, 1);
  const std::uint32_t id = steps.begin()->id;
  return "readers of the output need the HDF5 plugin of filter " + std::to_string(id) + " (" +
         io::find_filter(id)->name + "); in Python: import hdf5plugin";
}

// Some rows of chunks of a variable, as a variable.
io::OutputVariable rows_of(io::OutputVariable variable, std::int64_t first, std::int64_t rows) {
  const std::int64_t begin = first * variable.chunk[0];
  variable.shape[0] = std::min(rows * variable.chunk[0], variable.shape[0] - begin);
  return variable;
}

// Of one variable: what is copied, and between it what is computed.
void add_parts(StorePlan& plan, std::uint32_t number, const Array& array, bool may_copy) {
  const io::OutputVariable& variable = plan.file.variables[number];
  const std::int64_t rows = io::chunk_grid(variable).counts()[0];
  const auto compute = [&](std::int64_t first, std::int64_t end) {
    if (first == end && rows > 0) return;
    plan.part_of_output.push_back(static_cast<std::uint32_t>(plan.parts.size()));
    plan.parts.push_back({number, first, end - first, false});
    const io::OutputVariable part = rows_of(variable, first, end - first);
    const std::int64_t begin = first * variable.chunk[0];
    const bool whole = part.shape[0] == variable.shape[0];
    const Array some = whole ? array : array.isel(0, Range{begin, begin + part.shape[0], 1});
    plan.targets.push_back({some.node(), part});
  };
  std::int64_t done = 0;
  for (const CopiedRows& run :
       may_copy ? copied_rows(array.node(), variable, plan.copied) : std::vector<CopiedRows>()) {
    compute(done, run.first);
    const auto part = static_cast<std::uint32_t>(plan.parts.size());
    for (const auto& [input, record] : run.records) {
      plan.copied[input].records.push_back(record);
      plan.copied[input].records.back().variable = part;
    }
    plan.parts.push_back({number, run.first, run.rows, true});
    done = run.first + run.rows;
  }
  if (done < rows || rows == 0) compute(done, rows);
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

StorePlan plan_store(const NamedArrays& arrays, const StoreOptions& options) {
  std::vector<api::NamedArray> named;
  for (const auto& [name, array] : arrays) named.push_back({name, array.node()});
  api::OutputOptions describe;
  describe.codec = io::parse_codec(options.codec);
  describe.shuffle = options.shuffle;
  describe.fletcher32 = options.fletcher32;
  describe.chunks = options.chunks;
  describe.chunks_of = options.chunks_of;
  describe.copies = options.copies;
  describe.keep_filters = options.keep_filters;
  describe.history = options.history;
  describe.command = options.command;
  StorePlan plan;
  plan.file = api::describe_output(named, describe);
  plan.warnings = plan.file.left_out;
  std::vector<optimize::Target> fetched;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const auto variable = std::find_if(
        plan.file.variables.begin(), plan.file.variables.end(),
        [&](const io::OutputVariable& candidate) { return candidate.name == arrays[i].first; });
    const auto number = static_cast<std::uint32_t>(variable - plan.file.variables.begin());
    if (arrays[i].second.rank() > 0) continue;
    plan.fetched_variables.push_back(number);
    fetched.push_back({arrays[i].second.node(), std::nullopt});
  }
  for (std::uint32_t number = 0; number < plan.file.variables.size(); ++number) {
    const std::string& name = plan.file.variables[number].name;
    const auto array = std::ranges::find(arrays, name, [](const auto& a) { return a.first; });
    if (array == arrays.end() || array->second.rank() == 0) continue;
    add_parts(plan, number, array->second, options.keep_filters);
  }
  plan.targets.insert(plan.targets.end(), fetched.begin(), fetched.end());
  for (const StorePlan::Part& part : plan.parts) {
    const io::Codec& codec = plan.file.variables[part.variable].codec;
    if (io::is_standard(codec)) continue;
    const std::string word = plugin_warning(codec);
    const auto& all = plan.warnings;
    if (std::find(all.begin(), all.end(), word) == all.end()) plan.warnings.push_back(word);
  }
  return plan;
}

std::string copies_text(const StorePlan& plan) {
  std::int64_t copied = 0, computed = 0;
  const LoggedParts logged = plan.logged_parts();
  for (std::size_t i = 0; i < plan.parts.size(); ++i) {
    const std::int64_t chunks = io::chunk_grid(logged.file.variables[i]).chunk_count();
    (plan.parts[i].copied ? copied : computed) += chunks;
  }
  return std::to_string(copied) + " chunks are copied as they are stored, " +
         std::to_string(computed) + " are decoded and compressed";
}

LoggedParts StorePlan::logged_parts() const {
  LoggedParts logged{{}, part_of_output, copied};
  for (const Part& part : parts) {
    logged.file.variables.push_back(
        rows_of(file.variables[part.variable], part.first_row, part.rows));
  }
  return logged;
}

void StorePlan::name_variables(std::vector<io::Placement>& placements) const {
  for (io::Placement& placement : placements) {
    const Part& part = parts[placement.variable];
    const Extents counts = io::chunk_grid(file.variables[part.variable]).counts();
    const Extents others(counts.begin() + 1, counts.end());
    placement.variable = part.variable;
    placement.chunk += part.first_row * volume(others);
  }
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
