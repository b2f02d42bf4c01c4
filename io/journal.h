// What a run leaves beside its output until that is whole: the log folder is the journal. A header
// says for what job it is, the logs (log.h) hold what was finished; nothing else needs ordering, so
// a run may end at any moment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/log.h"
#include "io/output.h"
#include "io/shard.h"

namespace rankine::io {

// An input as it was when the job began.
struct JobInput {
  std::string path;
  std::uint64_t size = 0;     // bytes
  std::int64_t mtime_ns = 0;  // since 1970
  bool operator==(const JobInput&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, size, mtime_ns);
  }
};

// Whether the file still is what it was.
bool is_unchanged(const JobInput& input);
// When the file was written or put into its place, in ns since 1970, whatever date it has; nothing
// if it is not there.
std::optional<std::int64_t> changed_ns(const std::string& path);

struct JobVariable {
  std::string name;
  std::int64_t chunks = 0;
  bool operator==(const JobVariable&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, chunks);
  }
};

// What records may be taken over: everything down to `variables` must be the same; `places` follow
// from that.
struct JobHeader {
  std::string program;                                         // "rankine 0.1.0"
  std::vector<std::pair<std::string, std::string>> libraries;  // codecs and their versions
  std::uint64_t plan_hash = 0;         // expression, chunks and the form of the output
  std::vector<JobInput> inputs;        // each file once, by path
  std::vector<JobVariable> variables;  // logged ones; records name them by their position here
  FixedPlaces places;                  // of those that may lie in the part file
  std::string history;                 // the first line of the attribute, with the date
  std::int64_t started_s = 0;          // since 1970
  Shard shard;                         // of a part of the job; number 0: all of them, taken over
  bool shard_finished = false;         // its logs hold all that it is to make
  std::vector<std::string> command;    // argv of the program, as it was started in `folder`
  std::string folder;
  std::string output;  // the whole path
  template <class Archive>
  void serialize(Archive& archive) {
    archive(program, libraries, plan_hash, inputs, variables, places, history, started_s, shard,
            shard_finished, command, folder, output);
  }
};

// Throws Error (usage) that says what differs: program, codec, expression or input; and the remedy,
// if it is not to start afresh.
void check_same_job(const JobHeader& journal, const JobHeader& mine, const OutputPaths& paths,
                    const std::string& remedy = {});
bool is_same_job(const JobHeader& journal, const JobHeader& mine);

// Writes the header and syncs it and its folder, which must exist. Throws Error (task failed).
void write_job(const std::string& log_folder, const JobHeader& header);
// Nothing if the folder or the header is not there. Throws Error (input) if it is damaged.
std::optional<JobHeader> read_job(const std::string& log_folder);

// The numbers of the logs in the folder, ascending. Throws Error (input).
std::vector<int> log_numbers(const std::string& log_folder);

// How far a run got: finished chunks of each variable of the header.
std::vector<std::int64_t> finished_chunks(const OutputPaths& paths, const JobHeader& header);

}  // namespace rankine::io
