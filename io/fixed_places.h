// Chunks that are written to their place in the output at once. Those without filters have it
// before any is computed, if all chunks before them have no filters either: all sizes are known
// then. They go into the part file, and the log gets a record without payload (log.h): every byte
// is written once. The data go first, then the record; a record counts if the bytes at the place of
// its chunk have its checksum, so a part file that is gone, was cut short or is of another run
// costs chunks and never makes a wrong one. Only while all ranks run on one host. Elsewhere two of
// them could write one page of the shared file, of which a client of NFS writes back the whole
// (kSettlePage, settle.h): data begin behind the first metadata, at kDataStart, so places are no
// multiples of a page whatever the chunks are. The ranks of several hosts write logs, and settle
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/h5/output_spec.h"
#include "io/posix_file.h"

namespace rankine::io {

// The chunks of one variable, one behind the other in their order.
struct FixedPlace {
  std::uint64_t address = 0;      // of the first one
  std::uint32_t chunk_bytes = 0;  // of each, >= 1
  bool operator==(const FixedPlace&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(address, chunk_bytes);
  }
};

struct FixedPlaces {
  std::vector<FixedPlace> variables;  // the first ones of the file, by their numbers
  std::uint64_t end = kDataStart;     // first byte after their chunks

  bool empty() const { return variables.empty(); }
  // Where a chunk lies; nothing if that is known only when those before it are encoded.
  std::optional<std::uint64_t> address_of(std::uint32_t variable, std::int64_t chunk) const {
    if (variable >= variables.size()) return std::nullopt;
    const FixedPlace& place = variables[variable];
    return place.address + static_cast<std::uint64_t>(chunk) * place.chunk_bytes;
  }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(variables, end);
  }
};

// logged: the variables that records name (LogRecord), as place_chunks gets them.
FixedPlaces fixed_places(const OutputFile& logged);

// The file that chunks go into, and where.
struct PartPlaces {
  std::string part;  // "": there is none, all chunks go into logs
  FixedPlaces places;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(part, places);
  }
};

// Makes the part file: what an earlier run of the same job left, if `take_over`, without anything
// but chunks at fixed places; else, and if that is no file of this user's alone, a new one. If no
// chunk has a place there is none afterwards. Rank 0, before anyone writes. Throws Error (task
// failed).
void prepare_part(const PartPlaces& part, bool take_over);

// Makes what was written survive a crash of the node. If that fails the file is removed: its bytes
// may be in memory yet, where a later run would find them right, and never reach the disk. Throws
// Error (task failed).
void sync_part(const PosixFile& part);
// The same for closing, where a network file system may say that the disk is full.
void close_part(PosixFile& part);

}  // namespace rankine::io
