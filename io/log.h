// The log of one rank: encoded chunks in the order in which they were finished. A record is a
// header and a payload, each with its checksum, so a log cut anywhere still says
// which chunks are whole: the log is the journal.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "io/posix_file.h"

namespace rankine::io {

struct LogRecord {
  std::uint32_t variable = 0;  // index into OutputFile::variables
  std::uint32_t filter_mask = 0;
  std::int64_t chunk = 0;      // row-major position in the variable's chunk grid
  std::uint64_t offset = 0;    // of the payload in the log
  std::uint32_t size = 0;      // bytes of the payload
  std::uint64_t checksum = 0;  // XXH3 of the payload
  bool operator==(const LogRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(variable, filter_mask, chunk, offset, size, checksum);
  }
};

// "<folder>/log.<rank>"
std::string log_path(const std::string& folder, int rank);

class LogWriter {
 public:
  // Creates the folder (mode 0700) unless it exists, and in it log.<rank> (mode 0600), which must
  // not exist. Throws Error (task failed).
  LogWriter(const std::string& folder, int rank);

  // Writes one chunk; several threads at once. payload: 1 byte to 4 GiB - 1, not kept. Throws Error
  // (task failed: "cannot write PATH: No space left on device"); the log is then still readable.
  void append(std::uint32_t variable, std::int64_t chunk, std::span<const std::byte> payload);

  // Everything appended so far, in no particular order. Not during append.
  const std::vector<LogRecord>& records() const { return records_; }
  std::uint64_t bytes() const { return end_.load(std::memory_order_relaxed); }
  const std::string& path() const { return path_; }

  // Makes what was appended survive a crash of the node.
  void sync();
  // Reports what the file system kept to itself until now (NFS: no space). No append after it.
  void close();

 private:
  void write_record(std::uint64_t position, std::span<const std::byte> header,
                    std::span<const std::byte> payload);

  std::string path_;
  PosixFile file_;
  std::atomic<std::uint64_t> end_{0};  // space is reserved here, then written without a lock
  std::mutex mutex_;                   // protects records_
  std::vector<LogRecord> records_;
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
// Throws Error (input) if the file cannot be read.
LogScan scan_log(const std::string& path);

}  // namespace rankine::io
