// What a store or a plan asks for, before anything runs: targets of the graph, and the file that
// will hold them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/h5/output_spec.h"
#include "runtime/api/array.h"
#include "runtime/session/engine.h"
#include "runtime/session/prepare.h"

namespace rankine {

using NamedArrays = std::vector<std::pair<std::string, Array>>;

struct StoreOptions {
  bool overwrite = false;
  // none, deflate-4, zstd-3, lz4, blosc-lz4, bitshuffle-zstd, ... (io/codec/codec.h). Readers of
  // others than none and deflate need a plugin of HDF5.
  std::string codec = "deflate-4";
  bool shuffle = true;            // bytes by their place in the element, before the codec
  bool fletcher32 = false;        // a checksum behind every chunk
  std::optional<Extents> chunks;  // chunk shape of every variable with that many axes
  std::map<std::string, Extents> chunks_of = {};  // of single variables, by name
  // The arrays are variables of files under their own paths (api::OutputOptions).
  bool copies = false;
  // What is stored (api::open_stored) keeps its filters, where these can be applied here.
  bool keep_filters = false;
  bool history = true;  // prepend a line to the attribute `history`
  std::string command;  // that line's text; empty: the program's command line
  // Files that the output may not replace, beside those the arrays read: what a command line names
  // as an input stays one even if no result depends on it.
  std::vector<std::string> inputs;
};

// What a graph would be, without running it.
struct PlanReport {
  std::int64_t layers_before = 0;  // every operation by itself
  std::int64_t layers_after = 0;   // after fusion
  std::int64_t tasks_before = 0;
  std::int64_t tasks = 0;
  std::int64_t bytes = 0;               // broadcast, without the chunk indexes
  std::int64_t memory_bound_bytes = 0;  // of one rank
  std::string reuse;
  std::uint64_t numeric_hash = 0;  // equal: equal bytes, whatever ranks, threads and memory
  std::string text;                // one line per layer
};

namespace session {

// Every array fetched to rank 0.
std::vector<optimize::Target> targets_of(const std::vector<Array>& arrays);
std::vector<optimize::Target> targets_of(const NamedArrays& arrays);

// Arrays with axes are logged chunk by chunk on the ranks that make them; a 0-d array has no chunk
// to log, so it is fetched and written inline.
struct StorePlan {
  std::vector<optimize::Target> targets;
  io::OutputFile file;
  std::vector<std::string> warnings;  // what people should know about the file
  // Runs of chunks along the first axis of a variable, in the order of the file: made by the graph,
  // or copied from inputs as they are stored.
  struct Part {
    std::uint32_t variable = 0;  // of the file
    std::int64_t first_row = 0;  // in chunks
    std::int64_t rows = 0;
    bool copied = false;
  };
  std::vector<Part> parts;
  std::vector<std::uint32_t> part_of_output;     // by output of the graph
  std::vector<io::CopiedInput> copied;           // records by number of the part
  std::vector<std::uint32_t> fetched_variables;  // of the file, by result of the graph

  bool logged() const { return !parts.empty(); }
  bool computes_chunks() const { return !part_of_output.empty(); }
  // What is written from the memory of rank 0: coordinates and the like.
  std::int64_t inline_bytes() const;
  // Each part as a variable of its own.
  LoggedParts logged_parts() const;
  // From the numbers of logged_parts() to those of `file`; keeps the order (variable, chunk).
  void name_variables(std::vector<io::Placement>& placements) const;
  void take_results(std::vector<std::vector<std::byte>> results);
};

// "976 chunks are copied as they are stored, 12 are decoded and compressed".
std::string copies_text(const StorePlan& plan);

// Throws Error (usage, input).
StorePlan plan_store(const NamedArrays& arrays, const StoreOptions& options);

// The expression that the optimizer makes of one.
Array optimized(const Array& array);

// Needs no session and no MPI. tasks: as for prepare.
PlanReport describe_plan(const std::vector<optimize::Target>& targets,
                         const PrepareOptions& options, const api::TaskGraph* tasks = nullptr);

}  // namespace session
}  // namespace rankine
