// What a run would need and what there is for it, said before it starts: from metadata and the plan
// alone, no element is read.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/rankine.h"

namespace rankine::apps {

// Of the chunks of what a plan reads, each once, though several tasks may read it. Sums stop at 2
// EiB.
struct InputSizes {
  std::int64_t files = 0;
  std::int64_t data_sets = 0;
  std::int64_t chunks = 0;        // of these data sets
  std::int64_t chunks_read = 0;   // of them, at most: where reading jumps, those between count
  std::int64_t raw_bytes = 0;     // of the elements in chunks_read, as they are stored
  std::int64_t stored_bytes = 0;  // of the data sets, whole: only an index tells those of a part
  std::int64_t largest_chunk_bytes = 0;
  std::string largest_chunk_codec;    // "shuffle + deflate", "no filters"
  std::int64_t packed_otherwise = 0;  // files whose scale or offset is not that of the first one
};

struct OutputSizes {
  std::int64_t raw_bytes = 0;              // all that may be written, before it is compressed
  std::string codec;                       // of most of it
  std::string folder;                      // where it will lie
  std::optional<std::int64_t> free_bytes;  // there, if the system says
};

struct Preflight {
  InputSizes inputs;
  std::optional<OutputSizes> output;
  std::int64_t bound_bytes = 0;    // of a rank
  std::int64_t memory_bytes = 0;   // allowed to a rank; 0: no limit
  std::int64_t scratch_bytes = 0;  // of a rank, at most
  std::string scratch;             // the folder for it
  double core_seconds = 0;         // by a rule of thumb (assumption())
  std::int64_t threads = 1;        // of all ranks
  std::int64_t busy_threads = 1;   // of them, at most: those there are tasks for side by side
  std::vector<std::string> advice;
};

// What the plan says of `results`, of which `store` is null if they are printed.
Preflight preflight(const NamedArrays& results, const PlanReport& report,
                    const RunSettings& settings, int ranks, const session::StorePlan* store,
                    const std::string& output);

// Seconds of one core for elements that are compressed so.
double compress_seconds(std::int64_t raw_bytes, const std::string& codec);
// Seconds of one core for elements that are read and decoded.
double decode_seconds(std::int64_t raw_bytes);
// By what core_seconds was found, in words.
std::string assumption(const Preflight& preflight);

// "1.5 MiB"; sums that stopped at 2 EiB say so.
std::string size_words(std::int64_t bytes);
// With the threads there is something to do for.
double seconds(const Preflight& preflight);
// "less than 1 s", "12 s", "3 min", "2.5 h".
std::string duration_text(double seconds);

// The lines `inputs`, `disk`, `time` and `advice` of the block; "" if there is nothing to say.
std::string inputs_line(const Preflight& preflight);
std::string disk_line(const Preflight& preflight);
std::string time_line(const Preflight& preflight);
std::string advice_lines(const Preflight& preflight);

// The same as fields of `plan --json`.
void add_preflight(const Preflight& preflight, nlohmann::ordered_json& json);

}  // namespace rankine::apps
