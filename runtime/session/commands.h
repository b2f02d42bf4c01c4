// What rank 0 tells all ranks to do, in this order on every rank: a Command message
// (protocol/messages.h) with these bytes. RunGraph starts a graph and goes on; the others are
// collective phases that end before the next command begins.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "io/fixed_places.h"
#include "io/shard.h"
#include "runtime/base/varint.h"
#include "runtime/graph/held.h"
#include "runtime/session/known_graphs.h"

namespace rankine::session {

// Two broadcasts follow, unless the ranks know the graph from before (known_graphs.h): the sealed
// graph with its placement, and the chunk indexes.
struct RunGraph {
  std::uint32_t number = 0;
  std::string log_folder;        // where stored chunks are logged; "" without outputs
  std::int32_t first_log = 0;    // rank r writes log first_log + r
  io::PartPlaces part;           // for stored chunks that have their place in the output already
  io::Shard shard;               // with outputs: which part of the graph is to be done, if not all
  std::uint64_t graph_hash = 0;  // of the layers, with outputs
  std::uint64_t graph_bytes = 0;
  std::uint64_t index_bytes = 0;
  GraphKey key;
  bool known = false;
  bool forget_others = false;  // before anything else
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, log_folder, first_log, part, shard, graph_hash, graph_bytes, index_bytes, key,
            known, forget_others);
  }
};
// A graph is broadcast and installed, and thrown away: what `bench graph` measures. The broadcast
// of its bytes and a barrier follow.
struct Rehearse {
  template <class Archive>
  void serialize(Archive&) {}
};
// The logs become one file (io/settle.h). Gather of records, broadcast of copies, gather of errors.
struct Settle {
  std::string log_folder;
  std::string part;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(log_folder, part);
  }
};
// Close the logs without using them; `keep`: synced, for a later run. Gather of the chunks in them.
struct Discard {
  bool keep = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(keep);
  }
};
// Read what earlier runs left in their logs. Gather of records, broadcast of what is there.
// The numbers of the logs are broadcast: there may be more than a packet takes.
struct Recover {
  std::string log_folder;
  io::PartPlaces part;
  std::vector<std::int32_t> logs;    // their numbers; on rank 0
  std::vector<std::int64_t> chunks;  // of each output of the graph that will be run; on rank 0
  template <class Archive>
  void serialize(Archive& archive) {
    archive(log_folder, part);
  }
};
// Values of earlier graphs that nobody will ask for again. Each rank is told of its own.
struct Release {
  std::vector<graph::HeldName> values;  // results of tasks
  std::vector<graph::HeldName> arrays;  // whatever the position
  std::vector<std::uint64_t> scattered;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(values, arrays, scattered);
  }
};
// A value that every rank keeps, under this name. Its broadcast follows.
struct Scatter {
  std::uint64_t name = 0;
  std::uint64_t bytes = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, bytes);
  }
};
struct Quit {
  template <class Archive>
  void serialize(Archive&) {}
};

using Command = std::variant<RunGraph, Rehearse, Settle, Discard, Recover, Release, Scatter, Quit>;

}  // namespace rankine::session
