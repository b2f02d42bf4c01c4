// The log of one rank: encoded chunks in the order in which they were finished, and between them
// states of the graph that were dear to compute. A record is a header and a payload, each with its
// checksum, so a log cut anywhere still says which chunks are whole: the logs are the journal
// (journal.h). A chunk whose place in the output is known already is written there instead, and its
// record is a header alone (fixed_places.h).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "io/fixed_places.h"
#include "io/posix_file.h"

namespace rankine::io {

struct LogRecord {
  std::uint32_t variable = 0;     // index into OutputFile::variables
  std::uint32_t filter_mask = 0;  // of a state: which output of its task
  std::int64_t chunk = 0;         // row-major position in the variable's chunk grid
  // 0: a chunk of the output. Else a state: what a task of that graph (a hash of it) left, dense;
  // `variable` is its layer, `chunk` its position there.
  std::uint64_t graph = 0;
  std::uint64_t offset = 0;    // of the payload in the log; of a placed chunk, in the part file
  std::uint32_t size = 0;      // bytes of the payload, or of the placed chunk
  std::uint64_t checksum = 0;  // XXH3 of them
  bool placed = false;         // the chunk lies at its place in the part file
  bool is_state() const { return graph != 0; }
  bool operator==(const LogRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(variable, filter_mask, chunk, graph, offset, size, checksum, placed);
  }
};

// "<folder>/log.<number>"
std::string log_path(const std::string& folder, int number);

// A node that dies takes with it what its kernel had not written yet: no more than that.
struct SyncLimits {
  double seconds = 30;
  std::uint64_t bytes = std::uint64_t{256} << 20;
};

class LogWriter {
 public:
  // Creates the folder (mode 0700) unless it exists, and in it log.<number> (mode 0600), which must
  // not exist. A thread of its own syncs it from time to time, and when a stop signal came (base/
  // stop_signals.h). part: a file that is there already (prepare_part), for the chunks that have a
  // place in it; synced with the log, and before it, so that what the log says is there. Throws
  // Error (task failed).
  LogWriter(const std::string& folder, int number, SyncLimits limits = {}, PartPlaces part = {});
  ~LogWriter();

  // Writes one chunk, into the log or to its place in the part file; several threads at once.
  // payload: 1 byte to 4 GiB - 1, not kept. Throws Error
  // (stopped: "cannot write PATH: No space left on device"); the log is then still readable. Also
  // if an earlier sync failed: what it should have kept may be lost.
  void append(std::uint32_t variable, std::int64_t chunk, std::span<const std::byte> payload);
  // Likewise a state; record: graph, layer, output and position. Returns the whole record. Nothing
  // when the disk is full, now and from then on: no state is worth the room that a chunk needs,
  // and a chunk that finds none takes that of all states.
  std::optional<LogRecord> append_state(const LogRecord& record,
                                        std::span<const std::byte> payload);
  // What was made of this state has been appended as well. Its space is given back after the next
  // sync: not before, or a node that dies could take both with it. So the states on the disk are
  // those that are needed, and what came between two syncs.
  void supersede(const LogRecord& state);

  // Everything appended so far, in no particular order. Not during append.
  const std::vector<LogRecord>& records() const { return records_; }
  std::uint64_t bytes() const { return end_.load(std::memory_order_relaxed); }
  const std::string& path() const { return path_; }

  // Makes what was appended survive a crash of the node. Throws Error (stopped).
  void sync();
  // Reports what the file system kept to itself until now (NFS: no space). No append after it.
  // Throws Error (stopped).
  void close();

 private:
  void sync_at_times();
  void stop_syncing();
  bool drop_states(std::uint64_t drops);
  void sync_files();
  std::optional<LogRecord> add(LogRecord record, std::span<const std::byte> bytes);
  void place(const LogRecord& record, std::span<const std::byte> chunk);
  bool write(bool state, FunctionRef<void()> write_it);
  void write_record(std::uint64_t position, std::span<const std::byte> header,
                    std::span<const std::byte> payload);

  std::string path_;
  PosixFile file_;
  const FixedPlaces places_;
  PosixFile part_;                     // not open: all chunks go into the log
  std::atomic<std::uint64_t> end_{0};  // space is reserved here, then written without a lock
  const SyncLimits limits_;
  std::mutex mutex_;  // protects the members below
  std::vector<LogRecord> records_;
  std::vector<LogRecord> superseded_;  // since the last sync
  bool full_ = false;                  // no more states
  std::uint64_t drops_ = 0;            // of all states at once
  // Space of records_, also of those that were dropped, and of chunks in the part file.
  std::uint64_t written_ = 0;
  std::optional<Error> sync_failure_;
  bool closing_ = false;
  std::condition_variable woken_;
  std::thread syncer_;  // last: starts when everything else is there
};

// What a log on disk holds.
struct LogScan {
  std::vector<LogRecord> records;    // whole, both checksums right, in file order
  std::uint64_t end = 0;             // first byte after the last record, whole or damaged
  bool torn = false;                 // bytes after `end` are no record (the writer was killed)
  std::vector<std::string> damaged;  // one sentence each: payload checksum wrong, header lost
};

// Reads a log back and verifies every payload. Threads write records side by side, so a killed
// writer may leave holes of zeros: they are skipped and what follows is found again by its header.
// So are states whose space was given back.
// Throws Error (input) if the file cannot be read.
LogScan scan_log(const std::string& path);

// Of what the scan of a log found, placed chunks stay, with their offsets, if the part file has
// them; others count as damaged. Without a part file, none has it. Throws Error (input) if the file
// is there and cannot be read.
void check_placed(LogScan& scan, const PartPlaces& part);

}  // namespace rankine::io
