#include "runtime/session/store_plan.h"

#include <algorithm>
#include <map>

#include "io/codec/table.h"
#include "io/parts.h"
#include "io/probe.h"
#include "runtime/api/open.h"
#include "runtime/api/output.h"
#include "runtime/base/archive.h"
#include "runtime/base/hash.h"
#include "runtime/expr/build.h"
#include "runtime/graph/read_boxes.h"
#include "runtime/session/copied_rows.h"

namespace rankine::session {

namespace {

std::vector<const expr::FromDataset*> reads_of(const std::vector<optimize::Target>& targets) {
  std::vector<expr::NodePtr> roots;
  for (const optimize::Target& target : targets) roots.push_back(target.node);
  std::vector<const expr::FromDataset*> reads;
  for (const expr::NodePtr& node : expr::topological_order(roots)) {
    if (const auto* data = node->as<expr::FromDataset>()) reads.push_back(data);
  }
  return reads;
}

bool takes_held(const NamedArrays& arrays) {
  std::vector<expr::NodePtr> roots;
  for (const auto& [name, array] : arrays) roots.push_back(array.node());
  const auto nodes = expr::topological_order(roots);
  return std::any_of(nodes.begin(), nodes.end(), [](const expr::NodePtr& node) {
    return node->as<expr::FromHeld>() != nullptr;
  });
}

// joined: the name that stands for many files, or "".
void add_inputs(const io::Dataset& dataset, const std::string& joined,
                std::map<std::string, io::JobInput>& by_path) {
  if (dataset.file != joined) {
    by_path[dataset.file] = {dataset.file, dataset.file_size, dataset.file_mtime_ns};
  }
  for (const io::RawFile& raw : dataset.raw_files) {
    by_path[raw.path] = {raw.path, raw.size, raw.mtime_ns};
  }
  if (!dataset.parts) return;
  for (const io::Part& part : *dataset.parts) add_inputs(part.dataset, joined, by_path);
}

std::string plugin_warning(const io::Codec& codec) {
  const io::FilterSteps steps = io::filter_steps(codec, false, false, 1, 1);
  const std::uint32_t id = steps.begin()->id;
  return "readers of the output need the HDF5 plugin of filter " + std::to_string(id) + " (" +
         io::find_filter(id)->name + "); in Python: import hdf5plugin";
}

std::int64_t side_by_side(const graph::Topology& topology) {
  std::vector<std::size_t> distance(topology.layer_count(), 0);
  std::vector<std::int64_t> tasks(topology.layer_count(), 0);  // by distance
  std::int64_t most = 0;
  for (std::uint32_t layer = 0; layer < topology.layer_count(); ++layer) {
    for (const graph::LayerOutput& input : topology.layer_inputs(layer)) {
      distance[layer] = std::max(distance[layer], distance[input.layer] + 1);
    }
    tasks[distance[layer]] += topology.task_count(layer);
    most = std::max(most, tasks[distance[layer]]);
  }
  return most;
}

// A box of the chunks of a logged variable.
struct Part {
  const io::OutputVariable& variable;
  std::uint32_t number;
  Box chunks;
};

optimize::Target target_of(const Array& array, const Part& part) {
  io::OutputVariable piece = part.variable;
  std::vector<Index> ranges;
  for (std::size_t k = 0; k < array.rank(); ++k) {
    const std::int64_t begin = part.chunks.lo[k] * piece.chunk[k];
    const std::int64_t end = std::min(part.chunks.hi[k] * piece.chunk[k], part.variable.shape[k]);
    ranges.push_back(Range{begin, end, 1});
    piece.shape[k] = end - begin;
  }
  const bool whole = piece.shape == part.variable.shape;
  optimize::Target target{whole ? array.node() : array.slice(ranges).node(), std::move(piece)};
  target.part =
      graph::LoggedAs{part.number, part.chunks.lo, io::chunk_grid(part.variable).counts()};
  return target;
}

void add_target(StorePlan& plan, std::size_t pass, optimize::Target target) {
  if (pass == 0) return plan.targets.push_back(std::move(target));
  if (plan.later.size() < pass) plan.later.resize(pass);
  plan.later[pass - 1].push_back(std::move(target));
}

// A box of chunks, by parts if that is asked for.
void compute(StorePlan& plan, const Array& array, const Part& part,
             const std::optional<StoreOptions::Parts>& parts) {
  if (!parts) return add_target(plan, 0, target_of(array, part));
  std::size_t pass = 0;
  for (Part next = part; next.chunks.lo[parts->axis] < part.chunks.hi[parts->axis]; ++pass) {
    const std::int64_t end = next.chunks.lo[parts->axis] + parts->chunks;
    next.chunks.hi[parts->axis] = std::min(end, part.chunks.hi[parts->axis]);
    add_target(plan, pass, target_of(array, next));
    next.chunks.lo[parts->axis] = end;
  }
}

// Of one variable: what is copied, and between it what is computed.
void add_variable(StorePlan& plan, const io::OutputVariable& variable, const Array& array,
                  const StoreOptions& options) {
  const auto number = static_cast<std::uint32_t>(plan.logged_variables.size() - 1);
  const auto found = options.parts_of.find(variable.name);
  std::optional<StoreOptions::Parts> parts;
  if (found != options.parts_of.end()) parts = found->second;
  Part part{variable, number, Box::whole(io::chunk_grid(variable).counts())};
  const std::int64_t rows = part.chunks.hi[0];
  std::vector<CopiedRows> runs;
  if (options.keep_filters) runs = copied_rows(array.node(), variable, plan.copied);
  std::int64_t done = 0;
  for (const CopiedRows& run : runs) {
    part.chunks.lo[0] = done;
    part.chunks.hi[0] = run.first;
    if (done < run.first) compute(plan, array, part, parts);
    for (const auto& [input, record] : run.records) {
      plan.copied[input].records.push_back(record);
      plan.copied[input].records.back().variable = number;
    }
    done = run.first + run.rows;
  }
  part.chunks.lo[0] = done;
  part.chunks.hi[0] = rows;
  if (done < rows || rows == 0) compute(plan, array, part, parts);
}

}  // namespace

NamedArrays originals_of(const NamedArrays& arrays, const StoreOptions& options) {
  NamedArrays originals = arrays;
  for (auto& [name, array] : originals) {
    const auto original = options.originals.find(name);
    if (original != options.originals.end()) array = original->second;
  }
  return originals;
}

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
  for (const expr::FromDataset* data : reads_of(targets)) {
    for (const std::string& file : api::files_of(*data->file)) files.push_back(file);
  }
  // Those of which virtual data sets are put together, and to which links lead.
  for (const io::JobInput& input : job_inputs(targets)) files.push_back(input.path);
  return files;
}

std::vector<io::JobInput> job_inputs(const std::vector<optimize::Target>& targets) {
  std::map<std::string, io::JobInput> by_path;
  for (const expr::FromDataset* data : reads_of(targets)) {
    add_inputs(*data->dataset, data->file->joined ? data->file->path : "", by_path);
  }
  std::vector<io::JobInput> inputs;
  for (auto& [path, input] : by_path) inputs.push_back(std::move(input));
  return inputs;
}

StorePlan plan_store(const NamedArrays& arrays, const StoreOptions& options,
                     const std::string& history_line) {
  const io::KeptProbe kept;
  std::vector<api::NamedArray> named;
  for (const auto& [name, array] : arrays) named.push_back({name, array.node()});
  api::OutputOptions describe;
  describe.codec = io::parse_codec(options.codec);
  describe.shuffle = options.shuffle;
  describe.fletcher32 = options.fletcher32;
  describe.chunks = options.chunks;
  describe.chunks_of = options.chunks_of;
  describe.copies = options.copies;
  describe.texts_file = options.texts_file;
  describe.texts = options.texts;
  describe.keep_filters = options.keep_filters;
  describe.history = options.history;
  describe.history_line = history_line;
  StorePlan plan;
  plan.file = api::describe_output(named, describe);
  plan.file.libver = options.libver;
  plan.warnings = plan.file.left_out;
  plan.resumable = !takes_held(arrays);
  std::vector<optimize::Target> whole = targets_of(originals_of(arrays, options));
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
    plan.logged_variables.push_back(number);
    whole[static_cast<std::size_t>(array - arrays.begin())].output = plan.file.variables[number];
    add_variable(plan, plan.file.variables[number], array->second, options);
  }
  plan.numeric_hash = optimize::plan_numbers(std::move(whole)).hash;
  plan.targets.insert(plan.targets.end(), fetched.begin(), fetched.end());
  for (const std::uint32_t number : plan.logged_variables) {
    const io::Codec& codec = plan.file.variables[number].codec;
    if (io::is_standard(codec)) continue;
    const std::string word = plugin_warning(codec);
    const auto& all = plan.warnings;
    if (std::find(all.begin(), all.end(), word) == all.end()) plan.warnings.push_back(word);
  }
  return plan;
}

std::string copies_text(const StorePlan& plan) {
  std::int64_t copied = 0;
  for (const io::CopiedInput& input : plan.copied) {
    copied += static_cast<std::int64_t>(input.records.size());
  }
  return std::to_string(copied) + " chunks are copied as they are stored, " +
         std::to_string(plan.computed_chunks()) + " are decoded and compressed";
}

std::int64_t StorePlan::computed_chunks() const {
  std::int64_t chunks = 0;
  for (const std::uint32_t number : logged_variables) {
    chunks += io::chunk_grid(file.variables[number]).chunk_count();
  }
  for (const io::CopiedInput& input : copied) {
    chunks -= static_cast<std::int64_t>(input.records.size());
  }
  return chunks;
}

bool StorePlan::computes() const { return !later.empty() || !targets.empty(); }

LoggedParts StorePlan::logged_parts() const {
  LoggedParts logged{{}, copied, begun};
  for (const std::uint32_t variable : logged_variables) {
    logged.file.variables.push_back(file.variables[variable]);
  }
  return logged;
}

void StorePlan::name_variables(std::vector<io::Placement>& placements) const {
  for (io::Placement& placement : placements) {
    placement.variable = logged_variables[placement.variable];
  }
}

// The date in `history` and ranks, threads and memory do not count, nor whether layers are fused.
std::uint64_t StorePlan::hash() const {
  io::OutputFile dateless = file;
  std::erase_if(dateless.attributes,
                [](const io::Attribute& attribute) { return attribute.name == "history"; });
  const std::uint64_t hash = hash_bytes(to_bytes(numeric_hash, dateless));
  return file.libver == io::Libver::kV18 ? hash : hash_bytes(to_bytes(hash, std::uint8_t{110}));
}

std::int64_t StorePlan::inline_bytes() const {
  std::int64_t bytes = 0;
  for (const io::OutputVariable& variable : file.variables) {
    if (variable.texts) {
      for (const std::string& text : variable.texts->values) {
        bytes += static_cast<std::int64_t>(text.size() + sizeof text);
      }
    }
    if (variable.inline_data) bytes += static_cast<std::int64_t>(variable.inline_data->size());
  }
  return bytes;
}

// Placements and orders to copy are made of them.
std::int64_t StorePlan::copied_bytes() const {
  constexpr std::int64_t kForms = 3;
  std::int64_t records = 0;
  for (const io::CopiedInput& input : copied) {
    records += static_cast<std::int64_t>(input.records.size());
  }
  return records * kForms * static_cast<std::int64_t>(sizeof(io::LogRecord));
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
  report.spilled_bytes = physical.footprint.spilled_bytes;
  report.cost_s = physical.cost_ns * 1e-9;
  report.reuse = physical.reuse;
  report.side_by_side = side_by_side(*physical.topology);
  const auto boxes = graph::read_boxes(*physical.graph);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (boxes[i]) report.reads.push_back({physical.graph->datasets[i], *boxes[i]});
  }
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
