#include "io/log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>

#include "io/output.h"
#include "runtime/base/clock.h"
#include "runtime/base/hash.h"
#include "runtime/base/stop_signals.h"

namespace rankine::io {
namespace {

// As it lies in the log, host order: a log is read where it was written. Records begin at
// multiples of kAlignment, so a scan that lost its way finds the next one.
struct Header {
  std::uint32_t magic = 0;
  std::uint32_t variable = 0;
  std::int64_t chunk = 0;
  std::uint32_t size = 0;
  std::uint32_t filter_mask = 0;
  std::uint64_t graph = 0;
  std::uint64_t payload_checksum = 0;
  std::uint64_t header_checksum = 0;  // of the fields above, seeded with the record's position: a
                                      // header inside a payload or a moved block is no header
};
static_assert(sizeof(Header) == 48);

constexpr std::uint32_t kMagic = 0x324c4b52;        // "RKL2"
constexpr std::uint32_t kPlacedMagic = 0x324c4b50;  // "PKL2": no payload follows
constexpr std::uint64_t kAlignment = 8;
constexpr std::size_t kScanBlock = std::size_t{1} << 20;
// Up to here header and payload are copied together and written by one call.
constexpr std::size_t kSmallPayload = 65536;

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t header_checksum(const Header& header, std::uint64_t position) {
  const auto bytes = std::as_bytes(std::span(&header, 1));
  return hash_bytes(bytes.first(offsetof(Header, header_checksum)), position);
}

std::uint64_t payload_bytes(const Header& header) {
  return header.magic == kPlacedMagic ? 0 : header.size;
}

PosixFile create_log(const std::string& folder, const std::string& path) {
  make_private_folder(folder);
  PosixFile log = PosixFile::create_new(path, 0600);
  sync_folder(PosixFile::open_read(folder));  // its name survives a crash, too
  return log;
}

// A run that cannot write its log stops; what is in the logs stays.
Error stopped(Error error) {
  error.exit_code = ExitCode::kStopped;
  return error;
}

template <class Write>
void stopping_if_it_fails(Write write) {
  try {
    write();
  } catch (Error& error) {
    throw stopped(std::move(error));
  }
}

bool no_room(const SystemError& error) {
  return error.error_number == ENOSPC || error.error_number == EDQUOT;
}

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

// Walks through a log: known positions by their headers, lost ones by looking for the next header.
class Scanner {
 public:
  explicit Scanner(const std::string& path)
      : file_(PosixFile::open_read(path)),
        size_(file_.size()) {}

  LogScan run() {
    LogScan scan;
    std::uint64_t at = 0;
    while (at < size_) {
      const auto found = next_header(at);
      if (!found) break;
      if (found->position > at) note_gap(at, found->position, scan);
      take(*found, scan);
      at = aligned(found->position + sizeof(Header) + payload_bytes(found->header));
    }
    scan.torn = std::min(at, size_) < size_;
    scan.end = std::min(at, size_);
    return scan;
  }

 private:
  struct Found {
    std::uint64_t position;
    Header header;
  };

  // A header counts if its checksum holds and its payload lies inside the file.
  bool is_header(const Header& header, std::uint64_t position) const {
    return (header.magic == kMagic || header.magic == kPlacedMagic) &&
           header.header_checksum == header_checksum(header, position) &&
           payload_bytes(header) <= size_ - position - sizeof(Header);
  }

  // The first header at or after `from`, a multiple of kAlignment. Mostly it is there, and a block
  // read for every small record would be most of the work.
  std::optional<Found> next_header(std::uint64_t from) {
    Header header;
    if (file_.pread_some(std::as_writable_bytes(std::span(&header, 1)), from) == sizeof header &&
        is_header(header, from)) {
      return Found{from, header};
    }
    for (std::uint64_t at = from; at < size_;) {
      const std::size_t have = file_.pread_some(block_, at);
      if (have < sizeof header) return std::nullopt;
      for (std::size_t i = 0; i + sizeof header <= have; i += kAlignment) {
        std::memcpy(&header, block_.data() + i, sizeof header);
        if (is_header(header, at + i)) return Found{at + i, header};
      }
      at += aligned(have - sizeof header + 1);
    }
    return std::nullopt;
  }

  void take(const Found& found, LogScan& scan) {
    const Header& header = found.header;
    if (header.magic == kPlacedMagic) {
      scan.records.push_back({header.variable, header.filter_mask, header.chunk, header.graph, 0,
                              header.size, header.payload_checksum, true});
      return;
    }
    payload_.resize(header.size);
    const std::uint64_t offset = found.position + sizeof header;
    file_.pread_full(payload_, offset);
    if (hash_bytes(payload_) != header.payload_checksum) {
      if (header.graph != 0 && all_zero(payload_)) return;
      scan.damaged.push_back("chunk " + std::to_string(header.chunk) + " of variable " +
                             std::to_string(header.variable) + " at byte " +
                             std::to_string(offset) + " is damaged");
      return;
    }
    scan.records.push_back({header.variable, header.filter_mask, header.chunk, header.graph, offset,
                            header.size, header.payload_checksum});
  }

  // Space that was reserved but never written reads as zeros and is no damage.
  void note_gap(std::uint64_t from, std::uint64_t to, LogScan& scan) {
    for (std::uint64_t at = from; at < to;) {
      const auto bytes = std::span(block_).first(std::min<std::uint64_t>(block_.size(), to - at));
      file_.pread_full(bytes, at);
      if (!all_zero(bytes)) {
        scan.damaged.push_back("bytes " + std::to_string(from) + " to " + std::to_string(to) +
                               " hold no record");
        return;
      }
      at += bytes.size();
    }
  }

  PosixFile file_;
  std::uint64_t size_;
  std::vector<std::byte> block_ = std::vector<std::byte>(kScanBlock);
  std::vector<std::byte> payload_;
};

// The chunks in a part file, which may hold anything or not be there.
class Placed {
 public:
  explicit Placed(const PartPlaces& part) : places_(part.places) {
    try {
      if (!part.part.empty()) file_ = PosixFile::open_read(part.part);
      size_ = file_.is_open() ? file_.size() : 0;
    } catch (const SystemError& error) {
      if (error.error_number != ENOENT) throw;
    }
  }

  // Gives the record its offset and returns true, if the chunk is there.
  bool find(LogRecord& record) {
    if (record.variable >= places_.variables.size() || record.chunk < 0) return false;
    const auto& [address, bytes] = places_.variables[record.variable];
    const auto chunk = static_cast<std::uint64_t>(record.chunk);
    const bool inside =
        bytes != 0 && record.size == bytes && address <= size_ && chunk < (size_ - address) / bytes;
    if (!inside) return false;
    record.offset = address + chunk * bytes;
    bytes_.resize(bytes);
    file_.pread_full(bytes_, record.offset);
    return hash_bytes(bytes_) == record.checksum;
  }

 private:
  const FixedPlaces& places_;
  PosixFile file_;
  std::uint64_t size_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace

std::string log_path(const std::string& folder, int number) {
  return folder + "/log." + std::to_string(number);
}

LogWriter::LogWriter(const std::string& folder, int number, SyncLimits limits, PartPlaces part)
    : path_(log_path(folder, number)),
      file_(create_log(folder, path_)),
      places_(std::move(part.places)),
      part_(part.part.empty() ? PosixFile() : PosixFile::open_read_write(part.part)),
      limits_(limits),
      syncer_([this] { sync_at_times(); }) {}

LogWriter::~LogWriter() { stop_syncing(); }

void LogWriter::stop_syncing() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  woken_.notify_all();
  if (syncer_.joinable()) syncer_.join();
}

// The file is synced without the lock: threads append meanwhile.
void LogWriter::sync_at_times() {
  constexpr std::chrono::milliseconds kBetweenLooks{100};
  std::uint64_t synced = 0;
  bool stopping = false;
  Stopwatch since;
  std::unique_lock lock(mutex_);
  while (!woken_.wait_for(lock, kBetweenLooks, [&] { return closing_; })) {
    // Not end_: what was only reserved may be written after the sync.
    const std::uint64_t end = written_;
    const bool stop = StopSignals::received() != 0;
    const bool due =
        since.seconds() >= limits_.seconds || end - synced >= limits_.bytes || (stop && !stopping);
    if (end == synced || !due) continue;
    const std::vector<LogRecord> superseded = std::exchange(superseded_, {});
    lock.unlock();
    std::optional<Error> failure;
    try {
      sync_files();
      for (const LogRecord& state : superseded) file_.punch_hole(state.offset, state.size);
    } catch (Error& error) {
      failure = std::move(error);
    }
    lock.lock();
    if (failure && !sync_failure_) sync_failure_ = std::move(failure);
    synced = end;
    stopping = stop;
    since = Stopwatch();
  }
}

// What a record says of the part file is there before the record is.
void LogWriter::sync_files() {
  if (part_.is_open()) sync_part(part_);
  file_.fdatasync();
}

void LogWriter::append(std::uint32_t variable, std::int64_t chunk,
                       std::span<const std::byte> payload) {
  LogRecord record;
  record.variable = variable;
  record.chunk = chunk;
  const auto address = part_.is_open() ? places_.address_of(variable, chunk) : std::nullopt;
  record.offset = address.value_or(0);
  record.placed = address.has_value();
  add(record, payload);
}

std::optional<LogRecord> LogWriter::append_state(const LogRecord& record,
                                                 std::span<const std::byte> payload) {
  {
    const std::lock_guard lock(mutex_);
    if (full_) return std::nullopt;
  }
  return add(record, payload);
}

void LogWriter::supersede(const LogRecord& state) {
  const std::lock_guard lock(mutex_);
  superseded_.push_back(state);
}

// Makes room for a chunk. True if there was a state to drop.
bool LogWriter::drop_states() {
  const std::lock_guard lock(mutex_);
  full_ = true;
  superseded_.clear();
  bool dropped = false;
  std::erase_if(records_, [&](const LogRecord& record) {
    if (!record.is_state()) return false;
    dropped |= file_.punch_hole(record.offset, record.size);
    return true;
  });
  return dropped;
}

std::optional<LogRecord> LogWriter::add(LogRecord record, std::span<const std::byte> bytes) {
  if (bytes.empty() || bytes.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ExitCode::kTaskFailed,
                "a chunk of " + std::to_string(bytes.size()) + " bytes cannot be stored", path_);
  }
  record.size = static_cast<std::uint32_t>(bytes.size());
  record.checksum = hash_bytes(bytes);
  if (record.placed) place(record, bytes);
  const auto payload = record.placed ? std::span<const std::byte>() : bytes;
  const std::uint64_t position =
      end_.fetch_add(aligned(sizeof(Header) + payload.size()), std::memory_order_relaxed);
  if (!record.placed) record.offset = position + sizeof(Header);
  Header header{record.placed ? kPlacedMagic : kMagic,
                record.variable,
                record.chunk,
                record.size,
                record.filter_mask,
                record.graph,
                record.checksum,
                0};
  header.header_checksum = header_checksum(header, position);
  const auto header_bytes = std::as_bytes(std::span(&header, 1));
  const bool written =
      write(record.is_state(), [&] { write_record(position, header_bytes, payload); });
  const std::lock_guard lock(mutex_);
  if (!written) {
    full_ = true;
    file_.punch_hole(record.offset, record.size);  // what was written of it
    return std::nullopt;
  }
  if (sync_failure_) throw stopped(*sync_failure_);
  records_.push_back(record);
  written_ += sizeof(Header) + bytes.size();
  return record;
}

// False if there is no room for a state; a chunk takes that of all states.
bool LogWriter::write(bool state, FunctionRef<void()> write_it) {
  try {
    write_it();
    return true;
  } catch (SystemError& error) {
    if (!no_room(error)) throw stopped(std::move(error));
    if (state) return false;
    if (!drop_states()) throw stopped(std::move(error));
  }
  stopping_if_it_fails([&] { write_it(); });
  return true;
}

// The chunk, before its record: a run that is killed between them leaves bytes that nothing vouches
// for, and they are written again.
void LogWriter::place(const LogRecord& record, std::span<const std::byte> chunk) {
  if (chunk.size() != places_.variables[record.variable].chunk_bytes) {
    throw Error(ExitCode::kTaskFailed,
                "a chunk of " + std::to_string(chunk.size()) + " bytes does not fit its place",
                part_.path());
  }
  write(false, [&] { part_.pwrite_full(chunk, record.offset); });
}

void LogWriter::write_record(std::uint64_t position, std::span<const std::byte> header,
                             std::span<const std::byte> payload) {
  if (payload.size() > kSmallPayload) {
    file_.pwrite_full(payload, position + header.size());
    file_.pwrite_full(header, position);
    return;
  }
  std::array<std::byte, sizeof(Header) + kSmallPayload> both;
  std::copy(header.begin(), header.end(), both.begin());
  std::copy(payload.begin(), payload.end(), both.begin() + sizeof(Header));
  file_.pwrite_full(std::span(both).first(header.size() + payload.size()), position);
}

void LogWriter::sync() {
  stopping_if_it_fails([&] { sync_files(); });
}

void LogWriter::close() {
  stop_syncing();
  stopping_if_it_fails([&] {
    close_part(part_);
    file_.close();
  });
  if (sync_failure_) throw stopped(*sync_failure_);
}

LogScan scan_log(const std::string& path) { return Scanner(path).run(); }

void check_placed(LogScan& scan, const PartPlaces& part) {
  const auto is_placed = [](const LogRecord& record) { return record.placed; };
  if (std::ranges::none_of(scan.records, is_placed)) return;
  Placed placed(part);
  std::vector<LogRecord> kept;
  for (LogRecord& record : scan.records) {
    if (!record.placed || placed.find(record)) {
      kept.push_back(record);
      continue;
    }
    scan.damaged.push_back("chunk " + std::to_string(record.chunk) + " of variable " +
                           std::to_string(record.variable) + " is not at its place");
  }
  scan.records = std::move(kept);
}

}  // namespace rankine::io
