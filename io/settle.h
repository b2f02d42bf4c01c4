// From the logs of all ranks to one file: data first, metadata last. Rank 0 decides where every
// chunk goes, all ranks copy in parallel, then rank 0 writes the metadata (h5/netcdf_writer.h).
// Addresses depend on the chunks alone, so the file is the same for any number of ranks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/h5/output_spec.h"
#include "io/log.h"

namespace rankine::io {

struct LogOffset {
  // The number of the log; from kFirstInput on, an input file; kPlaced: the part file itself.
  std::int32_t log = 0;
  std::uint64_t offset = 0;  // of the payload in that log
};

// Of a chunk that lies at its place already (fixed_places.h): nothing is copied.
inline constexpr std::int32_t kPlaced = -1;

// Chunks that are copied from an input as they are stored: like a log, that is the file itself.
inline constexpr std::int32_t kFirstInput = 1 << 30;
struct CopiedInput {
  std::string path;
  std::uint64_t size = 0;  // when it was looked at; a file that changed is refused
  std::int64_t mtime_ns = 0;
  std::vector<LogRecord> records;  // without checksums
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path, size, mtime_ns, records);
  }
};

struct Settlement {
  std::vector<Placement> placements;    // in the order (variable, chunk) = by address
  std::vector<LogOffset> sources;       // of each placement
  std::uint64_t data_end = kDataStart;  // first byte after the last chunk
};

// logs[n]: the records of log n, in any order; states are passed over. inputs: more of them, from
// elsewhere. Orders by (variable, chunk) and packs the chunks from kDataStart on. A chunk may be
// there more than once (a run that took over from another made it again): with the same bytes.
// Throws Error (task failed) unless every chunk of every logged variable is there and no other.
Settlement place_chunks(const OutputFile& file, std::span<const std::vector<LogRecord>> logs,
                        std::span<const CopiedInput> inputs = {});

// A piece of a chunk to be copied from a log into the part file.
struct CopySegment {
  std::int32_t log = 0;
  std::uint64_t offset = 0;   // in the log
  std::uint64_t address = 0;  // in the part file
  std::uint64_t size = 0;
  bool operator==(const CopySegment&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(log, offset, address, size);
  }
};

// No two ranks write the same page of this size (NFS clients write whole pages back).
inline constexpr std::uint64_t kSettlePage = 65536;

// One list per rank, by address, neighbours joined. A page belongs to the rank whose chunk covers
// its first data byte, so a rank copies its own chunks, but for the seams. Rank r wrote log
// first_log + r; the logs before those, of earlier runs, are dealt out. What comes from inputs is
// no one's: it is cut among the ranks by address; pages that begin with what is placed are rank
// 0's.
std::vector<std::vector<CopySegment>> plan_copies(const Settlement& settlement, int ranks,
                                                  int first_log = 0);

// Creates the empty part file, mode 0666 less the umask; it must not exist. Rank 0, before anyone
// copies.
void create_part(const std::string& part_path);

// Copies the segments from log.<n> in log_folder into the part file: copy_file_range, or read and
// write where that does not work. Every rank its own list, at the same time; all logs are closed.
// Throws Error: task failed, or input for an input that changed. Blocks.
void copy_segments(const std::string& log_folder, const std::string& part_path,
                   std::span<const CopySegment> segments, std::span<const CopiedInput> inputs = {});

}  // namespace rankine::io
