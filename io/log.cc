#include "io/log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>

#include "io/log_format.h"
#include "io/output.h"
#include "runtime/base/clock.h"
#include "runtime/base/hash.h"
#include "runtime/base/stop_signals.h"

namespace rankine::io {
namespace {

using namespace log_format;

// Up to here header and payload are copied together and written by one call.
constexpr std::size_t kSmallPayload = 65536;

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

// Makes room for a chunk. True if there was a state to drop, or if another thread made room since
// there had been so many drops.
bool LogWriter::drop_states(std::uint64_t drops) {
  const std::lock_guard lock(mutex_);
  if (drops_ != drops) return true;
  full_ = true;
  superseded_.clear();
  bool dropped = false;
  std::erase_if(records_, [&](const LogRecord& record) {
    if (!record.is_state()) return false;
    dropped |= file_.punch_hole(record.offset, record.size);
    return true;
  });
  if (dropped) ++drops_;
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
  const std::uint64_t drops = [this] {
    const std::lock_guard lock(mutex_);
    return drops_;
  }();
  try {
    write_it();
    return true;
  } catch (SystemError& error) {
    if (!no_room(error)) throw stopped(std::move(error));
    if (state) return false;
    if (!drop_states(drops)) throw stopped(std::move(error));
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

}  // namespace rankine::io
