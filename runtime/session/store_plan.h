// What a store or a plan asks for, before anything runs: targets of the graph, and the file that
// will hold them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/h5/output_spec.h"
#include "io/journal.h"
#include "runtime/api/array.h"
#include "runtime/session/engine.h"
#include "runtime/session/prepare.h"

namespace rankine {

using NamedArrays = std::vector<std::pair<std::string, Array>>;

struct StoreOptions {
  bool overwrite = false;
  bool warn = true;  // of what readers will miss, unless --quiet
  // none, deflate-4, zstd-3, lz4, blosc-lz4, bitshuffle-zstd, ... (io/codec/codec.h). Readers of
  // others than none and deflate need a plugin of HDF5.
  std::string codec = "deflate-4";
  // Bytes by their place in the element, before the codec. Default: yes, or as what is kept has it.
  std::optional<bool> shuffle = {};
  bool fletcher32 = false;  // a checksum behind every chunk
  io::Libver libver = io::Libver::kV18;
  std::optional<Extents> chunks;  // chunk shape of every variable with that many axes
  std::map<std::string, Extents> chunks_of = {};  // of single variables, by name
  // The arrays are variables of files under their own paths (api::OutputOptions).
  bool copies = false;
  // Of a copied file: data sets of text that go along, by path.
  std::shared_ptr<const io::FileInfo> texts_file = nullptr;
  std::vector<std::string> texts = {};
  // Variables of files keep their filters, and get `codec` where these cannot be applied here.
  bool keep_filters = false;
  // Of single variables, by name: computed in parts along an axis, each by a graph of its own. A
  // matter of memory: no byte of the output depends on it.
  struct Parts {
    std::size_t axis = 0;
    std::int64_t chunks = 1;  // of the output, along that axis, in each part
  };
  std::map<std::string, Parts> parts_of = {};
  // Of arrays that were copied into another file first, by name: what they were copied from. It
  // tells the job from others (--resume), whatever way the copies took.
  std::map<std::string, Array> originals = {};
  bool history = true;       // prepend a line to the attribute `history`
  std::string command;       // that line's text; empty: the program's command line
  std::string history_line;  // all of it, with the date; empty: from `command` and now
  // Goes on where an earlier run of the same job was stopped, if there was one (contract of
  // `--resume`). Else what it left is discarded.
  bool resume = false;
  // Files that the output may not replace, beside those the arrays read: what a command line names
  // as an input stays one even if no result depends on it.
  std::vector<std::string> inputs;
};

// What a graph reads of a data set: elements in `box`, by whole chunks of the data set's grid.
struct PlannedRead {
  io::Dataset dataset;
  Box box;
};

// What a graph would be, without running it.
struct PlanReport {
  std::int64_t layers_before = 0;  // every operation by itself
  std::int64_t layers_after = 0;   // after fusion
  std::int64_t tasks_before = 0;
  std::int64_t tasks = 0;
  // Of layers equally far from the inputs, where there are most: about so many run side by side.
  std::int64_t side_by_side = 0;
  std::vector<PlannedRead> reads;
  std::int64_t bytes = 0;               // broadcast, without the chunk indexes
  std::int64_t memory_bound_bytes = 0;  // of one rank
  std::int64_t spilled_bytes = 0;       // of one rank, at most
  double cost_s = 0;                    // of one core, estimated, to compare plans
  std::string reuse;
  std::uint64_t numeric_hash = 0;  // equal: equal bytes, whatever ranks, threads and memory
  std::string text;                // one line per layer
};

namespace session {

// The arrays that tell the job from others: `originals` where there are some.
NamedArrays originals_of(const NamedArrays& arrays, const StoreOptions& options);

// Every array fetched to rank 0.
std::vector<optimize::Target> targets_of(const std::vector<Array>& arrays);
std::vector<optimize::Target> targets_of(const NamedArrays& arrays);

// Arrays with axes are logged chunk by chunk on the ranks that make them; a 0-d array has no chunk
// to log, so it is fetched and written inline.
struct StorePlan {
  std::vector<optimize::Target> targets;
  io::OutputFile file;
  std::vector<std::string> warnings;  // what people should know about the file
  // What does not fit the memory together is made by graphs one after the other, after `targets`.
  std::vector<std::vector<optimize::Target>> later;
  std::vector<std::uint32_t> logged_variables;   // of the file, as records number them
  std::vector<io::CopiedInput> copied;           // chunks of them that inputs hold as they are
  std::vector<std::uint32_t> fetched_variables;  // of the file, by result of the graph

  bool logged() const { return !logged_variables.empty(); }
  bool computes() const;  // if nothing is to be computed, all is copied or known
  // Whether a journal of it is of use to a later run: not if arrays that lie on the ranks (persist)
  // go into it, which that run would not know from others.
  bool resumable = true;
  std::int64_t computed_chunks() const;  // of those that are logged; the others are copied
  // Equal: the same bytes, but for the date in `history`.
  std::uint64_t hash() const;
  bool begun = false;              // LoggedParts::begun
  bool sharded = false;            // Machine::sharded
  std::uint64_t numeric_hash = 0;  // of the arrays as they were given, whatever is copied or parted
  // What is written from the memory of rank 0: coordinates and the like.
  std::int64_t inline_bytes() const;
  std::int64_t copied_bytes() const;  // of the records of `copied`
  // The logged variables alone.
  LoggedParts logged_parts() const;
  // From the numbers of logged_parts() to those of `file`; keeps the order (variable, chunk).
  void name_variables(std::vector<io::Placement>& placements) const;
  void take_results(std::vector<std::vector<std::byte>> results);
};

// "976 chunks are copied as they are stored, 12 are decoded and compressed".
std::string copies_text(const StorePlan& plan);

// The files that the targets read.
std::vector<std::string> input_files(const std::vector<optimize::Target>& targets);

// The same and what they refer to (sources of virtual data sets), as they were when they were
// opened: each once, by path.
std::vector<io::JobInput> job_inputs(const std::vector<optimize::Target>& targets);

// history_line: with the date; of no effect without StoreOptions::history. Throws Error (usage,
// input).
StorePlan plan_store(const NamedArrays& arrays, const StoreOptions& options,
                     const std::string& history_line);

// The expression that the optimizer makes of one.
Array optimized(const Array& array);

// Needs no session and no MPI. tasks: as for prepare.
PlanReport describe_plan(const std::vector<optimize::Target>& targets,
                         const PrepareOptions& options, const api::TaskGraph* tasks = nullptr);

}  // namespace session
}  // namespace rankine
