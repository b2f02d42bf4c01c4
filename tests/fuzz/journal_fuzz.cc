// What a run finds of an earlier one: logs and a header of any bytes. Every record that a scan
// gives lies in the log and is what its checksum says, records do not overlap, and those of an
// undamaged log are those that were written.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "io/journal.h"
#include "io/log.h"
#include "io/posix_file.h"
#include "runtime/base/archive.h"
#include "runtime/base/error.h"
#include "runtime/base/hash.h"
#include "tests/fuzz/input.h"

namespace rankine::io {
namespace {

namespace fs = std::filesystem;
using fuzz::Input;
using Contents = std::vector<std::byte>;

// In memory where the system has such a folder.
class Folder {
 public:
  Folder() {
    const fs::path memory = "/dev/shm";
    path_ = (fs::is_directory(memory) ? memory : fs::temp_directory_path()) /
            ("rankine-fuzz-" + std::to_string(getpid()));
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  std::string path() const { return path_; }

 private:
  fs::path path_;
};

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  PosixFile file = PosixFile::create(path, 0600);
  file.write_full(bytes);
  file.close();
}

Contents contents(const std::string& path) {
  const PosixFile file = PosixFile::open_read(path);
  Contents bytes(file.size());
  file.pread_full(bytes, 0);
  return bytes;
}

LogScan checked_scan(const std::string& path) {
  const Contents bytes = contents(path);
  LogScan scan = scan_log(path);
  std::uint64_t end = 0;
  for (const LogRecord& record : scan.records) {
    if (record.placed) continue;  // not in this file
    if (record.offset < end || record.offset > bytes.size() ||
        record.size > bytes.size() - record.offset) {
      std::abort();
    }
    if (hash_bytes(std::span(bytes).subspan(record.offset, record.size)) != record.checksum) {
      std::abort();
    }
    end = record.offset + record.size;
  }
  if (scan.end > bytes.size() || end > scan.end) std::abort();
  return scan;
}

// A log as a run writes it, then damaged.
void written_log(Input& input, const std::string& folder) {
  const std::string path = log_path(folder, 0);
  fs::remove(path);
  std::vector<LogRecord> records;
  {
    LogWriter writer(folder, 0);
    for (std::size_t left = input.below(9); left > 0; --left) {
      const Contents payload(1 + input.number<std::uint16_t>() % 3000,
                             static_cast<std::byte>(input.number<std::uint8_t>()));
      LogRecord record;
      record.variable = input.number<std::uint8_t>();
      record.chunk = input.number<std::int16_t>();
      record.graph = input.number<std::uint8_t>();
      if (record.graph == 0) writer.append(record.variable, record.chunk, payload);
      if (record.graph != 0) writer.append_state(record, payload);
    }
    records = writer.records();
    writer.close();
  }
  const Contents good = contents(path);
  Contents bytes = good;
  fuzz::damage(input, bytes);
  write_file(path, bytes);
  const LogScan scan = checked_scan(path);
  for (const LogRecord& record : scan.records) {
    // Whatever else it says, it was written.
    if (std::ranges::find(records, record) == records.end()) std::abort();
  }
  if (bytes == good && (scan.records != records || scan.torn || !scan.damaged.empty())) {
    std::abort();
  }
}

void any_header(Input& input, const std::string& folder) {
  const Contents bytes = input.rest();
  const std::string payload(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  write_file(folder + "/job", seal(payload));
  try {
    const auto header = read_job(folder);
    if (!header) std::abort();
    finished_chunks({folder + "/o", folder + "/o.part", folder}, *header);
  } catch (const Error& error) {
    if (error.exit_code != ExitCode::kInput || error.where.empty()) std::abort();
  }
}

}  // namespace
}  // namespace rankine::io

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rankine;
  static const io::Folder folder;
  fuzz::Input input(data, size);
  switch (input.below(3)) {
    case 0: io::written_log(input, folder.path()); break;
    case 1: io::any_header(input, folder.path()); break;
    default:
      io::write_file(io::log_path(folder.path(), 1), input.rest());
      io::checked_scan(io::log_path(folder.path(), 1));
  }
  return 0;
}
