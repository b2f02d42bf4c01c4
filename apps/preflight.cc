#include "apps/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>

#include "apps/chunk_advice.h"
#include "apps/info.h"
#include "apps/text.h"
#include "io/join.h"
#include "io/output.h"
#include "io/parts.h"
#include "runtime/expr/node.h"
#include "runtime/plan/saturate.h"

namespace rankine::apps {
namespace {

constexpr std::size_t kMostAdvice = 4;

// Nanoseconds of one core for a byte, with air for data that are hard to compress; that of decoding
// is the one by which plans are compared (runtime/plan/cost.h), which bytes without filters
// undercut.
constexpr double kDecodeNs = 1.5;
constexpr double kCopyNs = 1;
constexpr double kFastCodecNs = 2;
constexpr double kZstdNs = 4;
constexpr double kDeflateNs = 8;

double compress_ns(const std::string& codec) {
  switch (io::parse_codec(codec).kind) {
    case io::Codec::Kind::kNone: return kCopyNs;
    case io::Codec::Kind::kDeflate: return kDeflateNs;
    case io::Codec::Kind::kZstd: return kZstdNs;
    case io::Codec::Kind::kLz4:
    case io::Codec::Kind::kBlosc:
    case io::Codec::Kind::kBitshuffle: break;
  }
  return kFastCodecNs;
}

std::int64_t element_bytes(const io::Dataset& dataset) {
  return plan::bytes_of(dataset.element.is_number() ? size_of(dataset.stored)
                                                    : std::size_t{dataset.element.size});
}

std::string codec_of(const std::vector<io::Filter>& filters) {
  std::string text;
  for (const io::Filter& filter : filters) {
    text += (text.empty() ? "" : " + ") + printable(filter_name(filter));
  }
  return text.empty() ? "no filters" : text;
}

// Chunks are read whole, however little of them is needed.
void add_chunks(const PlannedRead& read, InputSizes& sizes) {
  const io::Dataset& dataset = read.dataset;
  std::int64_t all = 1, met = 1, elements = 1, largest = element_bytes(dataset);
  for (std::size_t k = 0; k < dataset.grid.rank(); ++k) {
    const AxisChunks& axis = dataset.grid.axis(k);
    const Interval chunks = axis.chunks_over({read.box.lo[k], read.box.hi[k]});
    all = plan::times(all, axis.count());
    met = plan::times(met, chunks.length());
    largest = plan::times(largest, axis.longest());
    elements = chunks.empty()
                   ? 0
                   : plan::times(elements, axis.chunk(chunks.hi - 1).hi - axis.chunk(chunks.lo).lo);
  }
  sizes.chunks = plan::plus(sizes.chunks, all);
  sizes.chunks_read = plan::plus(sizes.chunks_read, met);
  sizes.raw_bytes = plan::plus(sizes.raw_bytes, plan::times(elements, element_bytes(dataset)));
  if (largest < sizes.largest_chunk_bytes) return;
  sizes.largest_chunk_bytes = largest;
  sizes.largest_chunk_codec = codec_of(dataset.filters);
}

bool same_packing(const io::Decode& a, const io::Decode& b) {
  return a.scaled == b.scaled && (!a.scaled || (a.scale == b.scale && a.offset == b.offset));
}

std::int64_t packed_otherwise(const io::Dataset& dataset) {
  if (!dataset.parts || dataset.parts->empty()) return 0;
  const io::Decode& first = dataset.parts->front().dataset.decode;
  return std::ranges::count_if(*dataset.parts, [&](const io::Part& part) {
    return !same_packing(part.dataset.decode, first);
  });
}

// The data set in each of the files that hold a part of it, without those of virtual ones.
std::vector<const io::Variable*> variables_of(const io::FileInfo& file, const std::string& path) {
  std::vector<const io::Variable*> variables;
  if (file.joined && file.joined->variables.contains(path)) {
    for (const io::FileInfo& member : file.joined->members) {
      if (const io::Variable* variable = member.variable(path)) variables.push_back(variable);
    }
  } else if (const io::Variable* variable = file.variable(path)) {
    variables.push_back(variable);
  }
  return variables;
}

std::int64_t stored_bytes(const io::Variable& variable) {
  std::int64_t bytes = plan::bytes_of(variable.stored_bytes);
  for (const io::VirtualSource& source : variable.sources) {
    bytes = plan::plus(bytes, plan::bytes_of(source.variable.stored_bytes));
  }
  return bytes;
}

using Place = std::pair<std::string, std::string>;  // file and data set

// What metadata say of a data set beside what the plan has of it.
void look_at(const expr::FromDataset& data, Preflight& preflight) {
  const auto variables = variables_of(*data.file, data.dataset->path);
  for (const io::Variable* variable : variables) {
    preflight.inputs.stored_bytes =
        plan::plus(preflight.inputs.stored_bytes, stored_bytes(*variable));
  }
  if (variables.empty()) return;
  for (const std::string& word : chunk_advice(*variables.front())) {
    preflight.advice.push_back(printable(data.file->path + ":" + data.dataset->path) + ": " + word);
  }
}

void look_at_inputs(const NamedArrays& results, const PlanReport& report, Preflight& preflight) {
  std::set<Place> read;
  for (const PlannedRead& one : report.reads) {
    if (one.box.empty()) continue;
    ++preflight.inputs.data_sets;
    add_chunks(one, preflight.inputs);
    preflight.inputs.packed_otherwise += packed_otherwise(one.dataset);
    read.emplace(one.dataset.file, one.dataset.path);
  }
  std::vector<expr::NodePtr> roots;
  for (const auto& [name, array] : results) roots.push_back(array.node());
  for (const expr::NodePtr& node : expr::topological_order(roots)) {
    const auto* data = node->as<expr::FromDataset>();
    // Each once, though an expression may name it under several conventions.
    if (data == nullptr || read.erase({data->dataset->file, data->dataset->path}) == 0) continue;
    look_at(*data, preflight);
  }
  preflight.inputs.files =
      static_cast<std::int64_t>(session::job_inputs(session::targets_of(results)).size());
}

OutputSizes output_of(const session::StorePlan& store, const std::string& output) {
  OutputSizes sizes;
  sizes.raw_bytes = store.inline_bytes();
  std::int64_t most = -1;
  for (const std::uint32_t number : store.logged_variables) {
    const io::OutputVariable& variable = store.file.variables[number];
    const std::int64_t bytes =
        plan::times(plan::elements(variable.shape), plan::bytes_of(size_of(variable.dtype)));
    sizes.raw_bytes = plan::plus(sizes.raw_bytes, bytes);
    if (bytes <= most) continue;
    most = bytes;
    sizes.codec = io::to_string(variable.codec);
  }
  if (sizes.codec.empty()) sizes.codec = "none";
  const auto folder = std::filesystem::path(io::output_paths(output).final).parent_path();
  sizes.folder = folder.empty() ? "." : folder.string();
  std::error_code problem;
  const auto space = std::filesystem::space(sizes.folder, problem);
  if (!problem) sizes.free_bytes = plan::bytes_of(space.available);
  return sizes;
}

void advise_on_ranks(const PlanReport& report, int ranks, Preflight& preflight) {
  if (preflight.threads <= report.side_by_side) return;
  const std::string tasks =
      counted(report.side_by_side, "task") + (report.side_by_side == 1 ? " runs" : " run");
  preflight.advice.push_back(
      ranks > report.side_by_side
          ? fmt::format("about {} side by side: more ranks than that do not help", tasks)
          : fmt::format("about {} side by side: {} threads are too many, or chunks too large",
                        tasks, preflight.threads));
}

}  // namespace

std::string size_words(std::int64_t bytes) {
  return bytes >= plan::kTooMuch ? "more than 2 EiB" : byte_size(static_cast<std::uint64_t>(bytes));
}

double compress_seconds(std::int64_t raw_bytes, const std::string& codec) {
  return 1e-9 * compress_ns(codec) * static_cast<double>(raw_bytes);
}

double seconds(const Preflight& preflight) {
  return preflight.core_seconds / static_cast<double>(preflight.busy_threads);
}

double decode_seconds(std::int64_t raw_bytes) {
  return 1e-9 * kDecodeNs * static_cast<double>(raw_bytes);
}

std::string assumption(const Preflight& preflight) {
  std::string text = fmt::format("a core decodes {:.0f} MB/s", 1e3 / kDecodeNs);
  if (preflight.output) {
    const std::string& codec = preflight.output->codec;
    text += fmt::format(", stores {:.0f} MB/s by {}", 1e3 / compress_ns(codec), codec);
  }
  return text + " and does an operation in 1 ns; disks and network keep up";
}

std::string duration_text(double seconds) {
  if (seconds < 1) return "less than 1 s";
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{:.1f} h", seconds / 3600);
  return fmt::format("{:.0f} days", seconds / 86400);
}

Preflight preflight(const NamedArrays& results, const PlanReport& report,
                    const RunSettings& settings, int ranks, const session::StorePlan* store,
                    const std::string& output) {
  Preflight preflight;
  look_at_inputs(results, report, preflight);
  if (store != nullptr) preflight.output = output_of(*store, output);
  preflight.memory_bytes = settings.memory_bytes;
  preflight.scratch_bytes = report.spilled_bytes;
  preflight.scratch = settings.scratch;
  preflight.threads = std::int64_t{ranks} * settings.threads;
  preflight.busy_threads = std::clamp<std::int64_t>(report.side_by_side, 1, preflight.threads);
  preflight.core_seconds = report.cost_s;
  if (preflight.output) {
    preflight.core_seconds +=
        compress_seconds(preflight.output->raw_bytes, preflight.output->codec);
  }
  advise_on_ranks(report, ranks, preflight);
  return preflight;
}

std::string inputs_line(const Preflight& preflight) {
  const InputSizes& sizes = preflight.inputs;
  if (sizes.data_sets == 0) return "inputs   none\n";
  std::string text = fmt::format(
      "inputs   {}, {}: {} of {} are read, {} of elements; {} stored; the largest chunk has {}, {}",
      counted(sizes.files, "file"), counted(sizes.data_sets, "data set"), sizes.chunks_read,
      counted(sizes.chunks, "chunk"), size_words(sizes.raw_bytes), size_words(sizes.stored_bytes),
      size_words(sizes.largest_chunk_bytes), sizes.largest_chunk_codec);
  if (sizes.packed_otherwise > 0) {
    text += fmt::format("; {} packed otherwise than the first (each is decoded by its own scale)",
                        counted(sizes.packed_otherwise, "file"));
  }
  return text + "\n";
}

std::string disk_line(const Preflight& preflight) {
  std::string text = "disk     no output";
  if (preflight.output) {
    const OutputSizes& output = *preflight.output;
    text = fmt::format("disk     at most {} of elements, before {}", size_words(output.raw_bytes),
                       output.codec);
    if (output.free_bytes) {
      // What is compressed lies in the journal until it is copied to its place.
      const std::int64_t needed = plan::times(output.raw_bytes, output.codec == "none" ? 1 : 2);
      text += fmt::format("; {} free in {}: {}", size_words(*output.free_bytes),
                          printable(output.folder),
                          needed <= *output.free_bytes ? "OK"
                          : output.raw_bytes <= *output.free_bytes
                              ? "enough if they get smaller, for journal and output together"
                              : "enough only if they get smaller");
    }
  }
  if (preflight.scratch_bytes > 0) {
    text += fmt::format("; at most {} of each rank in {}", size_words(preflight.scratch_bytes),
                        printable(preflight.scratch));
  }
  return text + "\n";
}

std::string time_line(const Preflight& preflight) {
  std::string cores = counted(preflight.threads, "core");
  if (preflight.busy_threads < preflight.threads) {
    cores = fmt::format("{} of {}", preflight.busy_threads, cores);
  }
  return fmt::format("time     {} of one core, {} on {}, by a rule of thumb: {}\n",
                     duration_text(preflight.core_seconds), duration_text(seconds(preflight)),
                     cores, assumption(preflight));
}

std::string advice_lines(const Preflight& preflight) {
  std::string text;
  const std::size_t shown = std::min(preflight.advice.size(), kMostAdvice);
  for (std::size_t i = 0; i < shown; ++i) {
    text += (i == 0 ? "advice   " : "         ") + preflight.advice[i] + "\n";
  }
  if (shown < preflight.advice.size()) {
    text += fmt::format("         and {} more: rankine info\n", preflight.advice.size() - shown);
  }
  return text;
}

void add_preflight(const Preflight& preflight, nlohmann::ordered_json& json) {
  const InputSizes& inputs = preflight.inputs;
  json["inputs"] = {{"files", inputs.files},
                    {"data_sets", inputs.data_sets},
                    {"chunks", inputs.chunks},
                    {"chunks_read", inputs.chunks_read},
                    {"raw_bytes", inputs.raw_bytes},
                    {"stored_bytes", inputs.stored_bytes},
                    {"largest_chunk_bytes", inputs.largest_chunk_bytes},
                    {"largest_chunk_codec", inputs.largest_chunk_codec},
                    {"packed_otherwise", inputs.packed_otherwise}};
  json["memory_allowed_bytes"] = preflight.memory_bytes;
  json["scratch_bytes"] = preflight.scratch_bytes;
  json["output"] = nullptr;
  if (preflight.output) {
    json["output"] = {{"raw_bytes", preflight.output->raw_bytes},
                      {"codec", preflight.output->codec},
                      {"folder", preflight.output->folder},
                      {"free_bytes", nullptr}};
    if (const auto& free = preflight.output->free_bytes) json["output"]["free_bytes"] = *free;
  }
  json["core_seconds"] = preflight.core_seconds;
  json["seconds"] = seconds(preflight);
  json["assumption"] = assumption(preflight);
  json["advice"] = preflight.advice;
}

}  // namespace rankine::apps
